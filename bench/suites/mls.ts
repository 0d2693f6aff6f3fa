import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { SuiteOptions } from '../main.ts';
import type { Row } from '../rows.ts';
import { floorRows, IMPLEMENTATIONS } from './mls/measure.ts';

/** The largest group that other implementations are asked for: beyond it they take minutes. */
const PEER_MEMBERS = 1000;

/**
 * Group operations by size, in milliseconds, bytes and megabytes; `members` is in each row. Messages and commits go
 * through their whole way, bytes to bytes, and state is counted as the contents that have to be stored after the operation.
 * Each implementation has a process of its own for each size, so that none pays for another's garbage.
 */
export async function mls({ quick, peers, say, row }: SuiteOptions): Promise<void> {
  for (const members of quick ? [10, 100] : [10, 100, 1000, 10_000]) {
    for (const impl of Object.keys(IMPLEMENTATIONS)) {
      const isOurs = impl.startsWith('sotto');
      if (!isOurs && (!peers || members > PEER_MEMBERS)) continue;
      say(`${impl}, ${members} members`);
      for await (const measured of inProcess(impl, members)) row(measured);
    }
    for (const measured of floorRows(members)) row(measured);
  }
}

async function* inProcess(impl: string, members: number): AsyncGenerator<Row> {
  const script = new URL('./mls/child.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [...process.execArgv, script, impl, String(members)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  for await (const line of createInterface(child.stdout)) yield JSON.parse(line) as Row;
  const [code] = (await exit) as [number | null];
  if (code !== 0) throw new Error(`measuring ${impl} failed`);
}
