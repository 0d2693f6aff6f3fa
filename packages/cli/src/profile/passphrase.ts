import { openSync, readFileSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { ReadStream } from 'node:tty';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';

/** Longest passphrase that is read, characters: a paragraph. */
const MAX_CHARACTERS = 1024;

/**
 * The passphrase of a profile: from `--passphrase-file` or the file SOTTO_PASSPHRASE_FILE names (its first line), else
 * asked for at the terminal without showing it. Never an argument: those are visible to every user of the machine.
 * Throws `locked` when there is nobody to ask.
 */
export async function readPassphrase(context: CliContext, question: string): Promise<string> {
  const file = context.passphraseFile ?? context.env['SOTTO_PASSPHRASE_FILE'];
  if (file !== undefined && file !== '') return passphraseFromFile(file);
  const terminal = openTerminal(context);
  if (terminal === null) {
    throw new CliError(
      'locked',
      'This profile is protected by a passphrase, and there is no terminal to ask for it.',
      'Put the passphrase into a file that only you can read, and name it with --passphrase-file FILE or ' +
        'SOTTO_PASSPHRASE_FILE.',
    );
  }
  try {
    return await ask(context, terminal, question);
  } finally {
    if (terminal !== context.stdin) terminal.destroy();
  }
}

/** A passphrase chosen anew: typed twice at a terminal, once from a file. */
export async function choosePassphrase(context: CliContext): Promise<string> {
  const file = context.passphraseFile ?? context.env['SOTTO_PASSPHRASE_FILE'];
  const first = await readPassphrase(context, `Choose a passphrase for the profile "${context.profile}": `);
  if (first === '') throw new CliError('usage', 'The passphrase is empty.', 'Several words in a row are a good one.');
  if (file !== undefined && file !== '') return first;
  const second = await readPassphrase(context, 'The same once more: ');
  if (first !== second) throw new CliError('locked', 'The two passphrases differ. Nothing was changed.', 'Try again.');
  return first;
}

/** The first line of a file. Throws `locked` when it cannot be read or is empty. */
export function passphraseFromFile(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CliError('locked', `The passphrase file ${file} cannot be read.`, 'Check its path and permissions.', {
      cause,
    });
  }
  const [line = ''] = text.split(/\r?\n/);
  if (line === '')
    throw new CliError('locked', `The passphrase file ${file} is empty.`, 'Its first line is the passphrase.');
  return line;
}

/** The terminal even when stdin is a pipe (`echo hello | sotto send bob`). Null: there is none. */
function openTerminal(context: CliContext): ReadStream | null {
  if (context.stdin.isTTY) return context.stdin;
  if (process.platform === 'win32' || !context.stderr.isTTY) return null;
  try {
    return new ReadStream(openSync('/dev/tty', 'r'));
  } catch {
    return null;
  }
}

function ask(context: CliContext, terminal: ReadStream, question: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let typed = '';
  const finish = (): void => {
    terminal.off('data', onData);
    context.signal.removeEventListener('abort', onAbort);
    terminal.setRawMode(false);
    terminal.pause();
    context.stderr.write('\n');
  };
  const onAbort = (): void => {
    finish();
    reject(new CliError('interrupted', 'Stopped.'));
  };
  const decoder = new StringDecoder('utf8');
  const onData = (chunk: Buffer): void => {
    for (const character of decoder.write(chunk)) {
      switch (character) {
        case '\r':
        case '\n':
          finish();
          resolve(typed);
          return;
        case '\u0003':
        case '\u0004':
          onAbort();
          return;
        case '\u0008':
        case '\u007f':
          typed = Array.from(typed).slice(0, -1).join('');
          break;
        case '\u0015':
          typed = '';
          break;
        default:
          if (character >= ' ' && typed.length < MAX_CHARACTERS) typed += character;
      }
    }
  };
  // Before the question: whoever answers at once would otherwise see the terminal echo it.
  terminal.setRawMode(true);
  terminal.on('data', onData);
  terminal.resume();
  context.stderr.write(question);
  context.signal.addEventListener('abort', onAbort, { once: true });
  return promise;
}
