import type { ReadStream, WriteStream } from 'node:tty';
import { sequences } from './sequences.ts';

/** Signals that end the program; each leaves the terminal as it was found. */
const endings = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface TerminalGuard {
  /** Takes the terminal over again after `release` (coming back from the background). */
  take(): void;
  /** Gives the terminal back: cooked mode, no bracketed paste, cursor visible, no colour. May be called twice. */
  release(): void;
  /** `release`, and stops watching for signals. */
  dispose(): void;
}

export interface GuardOptions {
  readonly input: ReadStream;
  readonly output: WriteStream;
  /** Called before the terminal is given back, whatever the reason: takes the footer away. */
  readonly beforeRelease: () => void;
  /** A signal asks the program to end; the terminal is given back already. */
  readonly onSignal: (exitCode: number) => void;
}

/**
 * Puts a terminal into raw mode with bracketed paste, and puts it back: on release, on signals, on a crash and when the
 * process exits by any other way than SIGKILL.
 */
export function guardTerminal(options: GuardOptions): TerminalGuard {
  const { input, output } = options;
  let taken = false;
  const take = (): void => {
    if (taken) return;
    taken = true;
    input.setRawMode(true);
    input.resume();
    output.write(sequences.pasteOn);
  };
  const release = (): void => {
    if (!taken) return;
    taken = false;
    options.beforeRelease();
    output.write(sequences.syncEnd + sequences.pasteOff + sequences.showCursor + sequences.reset);
    input.setRawMode(false);
    input.pause();
  };
  const listeners = Object.entries(endings).map(([signal, exitCode]) => {
    const listener = (): void => {
      release();
      options.onSignal(exitCode);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  // 'exit' also runs after an uncaught exception: the error is printed to a terminal that works again.
  const onCrash = (): void => release();
  process.on('exit', release);
  process.on('uncaughtExceptionMonitor', onCrash);
  take();
  return {
    take,
    release,
    dispose() {
      release();
      process.off('exit', release);
      process.off('uncaughtExceptionMonitor', onCrash);
      for (const stop of listeners) stop();
    },
  };
}
