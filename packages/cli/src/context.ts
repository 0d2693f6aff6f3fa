import type { ReadStream, WriteStream } from 'node:tty';
import type { CliClock } from './clock.ts';
import { createOutput } from './output/output.ts';
import type { Output } from './output/output.ts';
import { homeOf, profileName } from './profile/home.ts';
import type { Home } from './profile/home.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly profile?: string;
  readonly data?: string;
  readonly passphraseFile?: string;
}

/** What the process offers a command. */
export interface CliEnvironment {
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
  readonly stderr: WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: CliClock;
}

/** One run of one command. */
export interface CliContext extends CliEnvironment {
  readonly output: Output;
  readonly home: Home;
  /** Name of the profile in use. */
  readonly profile: string;
  readonly passphraseFile: string | undefined;
  /** Aborts at the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

/** The profile in use when nobody names one. */
const DEFAULT_PROFILE = 'default';

/** Puts together what a command works with. Throws `usage` for a profile name that is none. */
export function createContext(environment: CliEnvironment, options: GlobalOptions, signal: AbortSignal): CliContext {
  const { env } = environment;
  return {
    ...environment,
    output: createOutput(environment, env, options.json === true),
    home: homeOf(options.data, env),
    profile: profileName(options.profile ?? env['SOTTO_PROFILE'] ?? DEFAULT_PROFILE),
    passphraseFile: options.passphraseFile,
    signal,
  };
}
