import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CliClock } from '../clock.ts';
import type { Home } from './home.ts';

/** What a gateway of this home says of itself while it runs. Nothing in it is secret. */
export interface RunningGateway {
  /** `sotto://host:port/pin`. */
  readonly address: string;
  readonly url: string;
  readonly caFile: string;
  readonly pid: number;
}

/** Notes where the gateway is; returns the function that takes the note away. */
export function noteRunningGateway(home: Home, gateway: RunningGateway): () => void {
  const file = home.runningGateway;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(gateway)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
  return () => {
    if (readNote(home)?.pid === gateway.pid) rmSync(file, { force: true });
  };
}

/** The note as it lies there, whether the gateway still runs or not; null: none, or not readable. */
export function readNote(home: Home): RunningGateway | null {
  try {
    const { address, url, caFile, pid } = JSON.parse(
      readFileSync(home.runningGateway, 'utf8'),
    ) as Partial<RunningGateway>;
    if (typeof address !== 'string' || typeof url !== 'string' || typeof pid !== 'number') return null;
    return { address, url, caFile: caFile ?? '', pid };
  } catch {
    return null;
  }
}

/**
 * The gateway of this home, if it answers and is the one that its address pins; null otherwise. A note alone proves
 * nothing: the process may be gone and its port another program's.
 */
export async function findRunningGateway(
  home: Home,
  clock: CliClock,
  deadlineMs = 2000,
): Promise<RunningGateway | null> {
  const note = readNote(home);
  if (note === null) return null;
  return (await answers(note.address, clock, deadlineMs)) ? note : null;
}

/** Whether the gateway at an address answers. */
async function answers(address: string, clock: CliClock, deadlineMs: number): Promise<boolean> {
  const { connectGateway } = await import('@sotto/gateway-api');
  const connection = connectGateway({ address, clock });
  try {
    await connection.info({ deadlineMs });
    return true;
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}
