import type { Core } from '../core/core.ts';
import type { DiagnosedProblem } from './types.ts';

const MOST_KEPT = 50;

/** The latest background failures by their codes; kept in memory only. */
export class ProblemLog {
  readonly #problems: DiagnosedProblem[] = [];

  constructor(core: Pick<Core, 'events' | 'clock'>) {
    core.events.on('problem', ({ error }) => {
      this.#problems.push({ at: core.clock.now(), code: error.code, cause: codeOf(error.cause) });
      if (this.#problems.length > MOST_KEPT) this.#problems.shift();
    });
  }

  get latest(): readonly DiagnosedProblem[] {
    return [...this.#problems];
  }
}

/** Codes are closed words; whatever else an error carries stays out. */
function codeOf(cause: unknown): string | null {
  if (!(cause instanceof Error) || !('code' in cause)) return null;
  const { code } = cause;
  return typeof code === 'string' && /^[A-Za-z][A-Za-z_-]{0,39}$/.test(code) ? code : null;
}
