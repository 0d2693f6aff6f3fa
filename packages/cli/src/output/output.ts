import type { Writable } from 'node:stream';
import type { CliError } from '../error.ts';
import type { ExitCode } from '../exit-codes.ts';
import { exitCodes } from '../exit-codes.ts';
import { printableJson } from './clean.ts';

/**
 * Where a command's results go: sentences for people, or with `--json` one object a line and nothing else on stdout.
 * Notes and errors go to stderr, so that stdout can be piped in both cases.
 */
export interface Output {
  readonly json: boolean;
  /** True when stdout is a terminal and colour is welcome (NO_COLOR is honoured). */
  readonly colour: boolean;
  /** One result: the lines for people, or the object. */
  result(object: object, lines: string | readonly string[]): void;
  /** A remark for people, on stderr; dropped with `--json`. */
  note(line: string): void;
  /** An error, on stderr; with `--json` as `{"error":{code,message,advice}}` on stdout. Gives the exit code. */
  error(error: CliError): number;
}

/** Where output is written. */
export interface OutputStreams {
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

/** The output of one run of a command. Colour goes by the terminal, NO_COLOR and TERM. */
export function createOutput(
  streams: OutputStreams,
  env: Readonly<Record<string, string | undefined>>,
  json: boolean,
): Output {
  const noColour = env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '';
  const options = { json, colour: streams.stdout.isTTY === true && !noColour && env['TERM'] !== 'dumb' };
  const { stdout, stderr } = streams;
  return {
    ...options,
    result(object, lines) {
      if (options.json) stdout.write(`${printableJson(object)}\n`);
      else {
        const text = typeof lines === 'string' ? lines : lines.join('\n');
        if (text !== '' || typeof lines === 'string') stdout.write(`${text}\n`);
      }
    },
    note(line) {
      if (!options.json) stderr.write(`${line}\n`);
    },
    error(error) {
      if (options.json) {
        const { code, message, advice } = error;
        stdout.write(`${printableJson({ error: advice === null ? { code, message } : { code, message, advice } })}\n`);
      } else {
        stderr.write(`sotto: ${error.message}\n`);
        if (error.advice !== null) stderr.write(`${error.advice}\n`);
      }
      return exitNumber(error.code);
    },
  };
}

/** The number a process ends with. */
function exitNumber(code: ExitCode): number {
  return exitCodes[code].exit;
}
