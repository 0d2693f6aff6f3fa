import { setTimeout as delay } from 'node:timers/promises';
import { spawn } from '@lydell/node-pty';
import { UnicodeGraphemesAddon } from '@xterm/addon-unicode-graphemes';
import xterm from '@xterm/headless';

/** A program in a pseudo-terminal, with a terminal emulator that shows what a person would see. */
export interface PtySession extends Disposable {
  readonly pid: number;
  /** Visible rows from top to bottom, trailing spaces cut. */
  screen(): string[];
  /** Scrollback and visible rows, soft-wrapped rows joined, empty rows at the end cut. */
  lines(): string[];
  /** Cell of the cursor, from 0. */
  cursor(): { readonly column: number; readonly row: number };
  /** Everything written so far, control sequences included. */
  raw(): string;
  type(text: string): void;
  /** As a terminal sends a paste when the program has asked for brackets. */
  paste(text: string): void;
  resize(columns: number, rows: number): void;
  kill(signal: NodeJS.Signals): void;
  /** Waits until a line contains the text or matches; throws with the whole screen after `ms` (default 10 000). */
  waitFor(wanted: string | RegExp, ms?: number): Promise<void>;
  /** Waits until the condition holds, likewise. */
  until(condition: () => boolean, what: string, ms?: number): Promise<void>;
  /** Resolves when nothing has been written for 60 ms. */
  settled(): Promise<void>;
  readonly exited: Promise<{ readonly exitCode: number; readonly signal: number | undefined }>;
}

export interface PtyOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly columns?: number;
  readonly rows?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Starts a program in a pseudo-terminal of 80 by 24 cells, or the given size. */
export function openPty(options: PtyOptions): PtySession {
  const { columns = 80, rows = 24 } = options;
  const emulator = new xterm.Terminal({ cols: columns, rows, scrollback: 10_000, allowProposedApi: true });
  emulator.loadAddon(new UnicodeGraphemesAddon());
  const child = spawn(options.file, [...options.args], {
    cols: columns,
    rows,
    cwd: options.cwd ?? process.cwd(),
    name: 'xterm-256color',
    env: { ...process.env, TERM: 'xterm-256color', NO_COLOR: undefined, ...options.env },
  });
  let written = '';
  let lastWrite = performance.now();
  child.onData((data) => {
    written += data;
    lastWrite = performance.now();
    emulator.write(data);
  });
  // What the emulator itself answers (cursor position reports and the like) goes back to the program.
  emulator.onData((answer) => child.write(answer));
  const exited = new Promise<{ exitCode: number; signal: number | undefined }>((resolve) => {
    child.onExit(({ exitCode, signal }) => {
      // The last output may still be on its way through the emulator.
      emulator.write('', () => resolve({ exitCode, signal }));
    });
  });

  const buffer = (): typeof emulator.buffer.active => emulator.buffer.active;
  const row = (index: number): string => buffer().getLine(index)?.translateToString(true) ?? '';
  const session: PtySession = {
    pid: child.pid,
    exited,
    screen: () => Array.from({ length: emulator.rows }, (_, i) => row(buffer().baseY + i)),
    lines() {
      const joined: string[] = [];
      for (let i = 0; i < buffer().length; i++) {
        if (buffer().getLine(i)?.isWrapped === true && joined.length > 0) joined.push(`${joined.pop() ?? ''}${row(i)}`);
        else joined.push(row(i));
      }
      while (joined.at(-1) === '') joined.pop();
      return joined;
    },
    cursor: () => ({ column: buffer().cursorX, row: buffer().cursorY }),
    raw: () => written,
    type: (text) => child.write(text),
    paste: (text) => child.write(`\u001b[200~${text.replaceAll('\n', '\r')}\u001b[201~`),
    resize(newColumns, newRows) {
      emulator.resize(newColumns, newRows);
      child.resize(newColumns, newRows);
    },
    kill: (signal) => child.kill(signal),
    async until(condition, what, ms = 10_000) {
      const deadline = performance.now() + ms;
      while (!condition()) {
        if (performance.now() > deadline) {
          const shown = session.lines().slice(-40).join('\n');
          throw new Error(`waited ${ms} ms for ${what}; the terminal shows:\n${shown}`);
        }
        await delay(15);
      }
    },
    async waitFor(wanted, ms) {
      const fits = (line: string): boolean => (typeof wanted === 'string' ? line.includes(wanted) : wanted.test(line));
      await session.until(() => session.lines().some(fits), String(wanted), ms);
    },
    async settled() {
      lastWrite = performance.now();
      while (performance.now() - lastWrite < 60) await delay(15);
    },
    [Symbol.dispose]() {
      try {
        child.kill('SIGKILL');
      } catch {
        // It has ended already.
      }
      emulator.dispose();
    },
  };
  return session;
}
