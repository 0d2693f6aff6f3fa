import { emitKeypressEvents } from 'node:readline';
import { PassThrough } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { cleanText } from '../output/clean.ts';
import type { EditName } from '../chat/line-editor.ts';

/** What a person does at the keyboard. */
export type KeyEvent =
  | { readonly kind: 'text'; readonly text: string }
  /** Everything between the brackets of one paste. */
  | { readonly kind: 'paste'; readonly text: string }
  | { readonly kind: 'edit'; readonly edit: EditName }
  | { readonly kind: 'enter' }
  | { readonly kind: 'newline' }
  | { readonly kind: 'up' }
  | { readonly kind: 'down' }
  | { readonly kind: 'clear-screen' }
  | { readonly kind: 'complete' }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'end-of-input' };

const ESCAPE = '\u001b';
const POSITION = new RegExp(`${ESCAPE}\\[\\d+;(\\d+)R`);
const POSITION_BEGINS = new RegExp(`${ESCAPE}(?:\\[(?:\\d+(?:;\\d*)?)?)?$`);

interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
  readonly shift?: boolean;
  readonly sequence?: string;
}

const plain: Record<string, KeyEvent> = {
  backspace: { kind: 'edit', edit: 'backspace' },
  delete: { kind: 'edit', edit: 'delete' },
  left: { kind: 'edit', edit: 'left' },
  right: { kind: 'edit', edit: 'right' },
  home: { kind: 'edit', edit: 'home' },
  end: { kind: 'edit', edit: 'end' },
  up: { kind: 'up' },
  down: { kind: 'down' },
  tab: { kind: 'complete' },
  return: { kind: 'enter' },
};

const control: Record<string, KeyEvent> = {
  a: { kind: 'edit', edit: 'home' },
  b: { kind: 'edit', edit: 'left' },
  c: { kind: 'interrupt' },
  d: { kind: 'end-of-input' },
  e: { kind: 'edit', edit: 'end' },
  f: { kind: 'edit', edit: 'right' },
  h: { kind: 'edit', edit: 'backspace' },
  k: { kind: 'edit', edit: 'killToEnd' },
  l: { kind: 'clear-screen' },
  n: { kind: 'down' },
  p: { kind: 'up' },
  u: { kind: 'edit', edit: 'killToStart' },
  w: { kind: 'edit', edit: 'killWord' },
  z: { kind: 'suspend' },
  left: { kind: 'edit', edit: 'wordLeft' },
  right: { kind: 'edit', edit: 'wordRight' },
  backspace: { kind: 'edit', edit: 'killWord' },
};

const meta: Record<string, KeyEvent> = {
  b: { kind: 'edit', edit: 'wordLeft' },
  f: { kind: 'edit', edit: 'wordRight' },
  left: { kind: 'edit', edit: 'wordLeft' },
  right: { kind: 'edit', edit: 'wordRight' },
  backspace: { kind: 'edit', edit: 'killWord' },
  return: { kind: 'newline' },
  enter: { kind: 'newline' },
};

/** What one key press means; null: nothing here. Ctrl-J (a bare line feed) starts a new line, as in other chats. */
function readKey(text: string | undefined, key: Key): KeyEvent | null {
  const name = key.name ?? '';
  if (key.ctrl === true) return control[name] ?? null;
  if (key.meta === true) return meta[name] ?? null;
  if (name === 'enter') return { kind: 'newline' };
  const event = plain[name];
  if (event !== undefined) return event;
  if (text === undefined || key.sequence?.startsWith(ESCAPE) === true) return null;
  const cleaned = cleanText(text);
  return cleaned === '' ? null : { kind: 'text', text: cleaned };
}

export interface KeyListener {
  onKey(event: KeyEvent): void;
  /** Whether a report of the cursor's position is awaited; otherwise the same bytes are a function key. */
  asksPosition(): boolean;
  /** Column from 0. */
  onPosition(column: number): void;
}

/** Turns a terminal's input into key events; node:readline knows the sequences. Returns the function that stops it. */
export function listenToKeys(input: ReadStream, listener: KeyListener): () => void {
  let paste: string | null = null;
  const onKeypress = (text: string | undefined, key: Key): void => {
    if (key.name === 'paste-start') {
      paste = '';
    } else if (key.name === 'paste-end' && paste !== null) {
      const pasted = cleanText(paste);
      paste = null;
      if (pasted !== '') listener.onKey({ kind: 'paste', text: pasted });
    } else if (paste !== null) {
      paste += key.sequence ?? text ?? '';
    } else {
      const event = readKey(text, key);
      if (event !== null) listener.onKey(event);
    }
  };
  const keys = new PassThrough();
  let rest = '';
  const onData = (chunk: Buffer): void => {
    // One byte a character: sequences are ASCII, and everything else passes through unchanged.
    let bytes = rest + chunk.toString('latin1');
    rest = '';
    if (listener.asksPosition()) {
      const report = POSITION.exec(bytes);
      if (report !== null) {
        bytes = bytes.slice(0, report.index) + bytes.slice(report.index + report[0].length);
        listener.onPosition(Number(report[1]) - 1);
      } else {
        rest = POSITION_BEGINS.exec(bytes)?.[0] ?? '';
        bytes = bytes.slice(0, bytes.length - rest.length);
      }
    }
    if (bytes !== '') keys.write(Buffer.from(bytes, 'latin1'));
  };
  emitKeypressEvents(keys);
  keys.on('keypress', onKeypress);
  input.on('data', onData);
  return () => {
    input.off('data', onData);
    keys.off('keypress', onKeypress);
    keys.destroy();
  };
}
