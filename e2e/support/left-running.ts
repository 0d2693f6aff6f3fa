import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Command lines of processes that were started for a folder. Linux only: elsewhere always empty. */
export function runningFor(folder: string): string[] {
  const found: string[] = [];
  let entries: string[];
  try {
    entries = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  } catch {
    return found;
  }
  for (const pid of entries) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      if (command.includes(folder) || environment.includes(`SOTTO_HOME=${folder}`)) found.push(`${pid} ${command}`);
    } catch {
      // It has just ended.
    }
  }
  return found;
}

/** Waits until nothing runs for a folder any more; gives what still does. */
export async function nothingRunning(folder: string, ms = 8000): Promise<string[]> {
  for (const until = performance.now() + ms; ; await delay(50)) {
    const left = runningFor(folder);
    if (left.length === 0 || performance.now() > until) return left;
  }
}
