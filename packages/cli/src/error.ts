import type { ExitCode } from './exit-codes.ts';

/** What a person is told when a command fails: one sentence about what is wrong, and one about what to do. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: Exclude<ExitCode, 'ok'>;
  /** What to do about it; null: nothing that we know of. */
  readonly advice: string | null;

  constructor(code: Exclude<ExitCode, 'ok'>, message: string, advice: string | null = null, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.advice = advice;
  }
}
