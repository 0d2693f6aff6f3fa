import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectGateway } from '@sotto/gateway-api';
import type { DeviceConnection } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import { connect, registerReceiver, testEnvelope } from './account.ts';
import type { Receiver } from './account.ts';
import { ChildGateway, freePort } from './child-gateway.ts';
import { CrashLog } from './crash-log.ts';

/** What became of the envelopes of a test, by their last bytes. */
interface Ledger {
  /** The gateway said that it has them. */
  readonly accepted: Set<string>;
  readonly received: Set<string>;
  /** The gateway said that they are removed. */
  readonly removed: Set<string>;
}

const nameOf = (envelope: Uint8Array): string => Buffer.from(envelope.subarray(-16)).toString('hex');

export interface CrashCount {
  readonly accepted: number;
  readonly received: number;
  /** Entries of the log that were acknowledged. */
  readonly appended: number;
}

/**
 * Kills a gateway under load `rounds` times at random instants. Afterwards everything accepted must have been received,
 * and nothing that was removed may have come again; a group's log must hold what it acknowledged, each in its place.
 * Returns how many there were.
 */
export async function crashRounds(rounds: number): Promise<CrashCount> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-crash-'));
  const port = await freePort();
  const ledger: Ledger = { accepted: new Set(), received: new Set(), removed: new Set() };
  let receiver: Receiver | undefined;
  const log = new CrashLog();
  try {
    for (let round = 0; round <= rounds; round++) {
      await using child = await ChildGateway.start(folder, port);
      receiver ??= await registerReceiver(child.address, 1_000_000);
      const device = connect(child.address, receiver.account);
      if (round === rounds) {
        await drain(device, ledger);
        await log.check(child.address);
      } else {
        await log.create(device);
        const ending = new AbortController();
        const load = [
          post(child.address, receiver, ledger, ending.signal),
          receive(device, ledger, ending.signal),
          log.load(child.address, ending.signal),
        ];
        await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 200));
        await child.kill();
        ending.abort();
        await Promise.all(load);
      }
      await device.close();
    }
    await receiver?.device.close();
    const lost = [...ledger.accepted].filter((name) => !ledger.received.has(name));
    assert.deepEqual(lost, [], `${lost.length} of ${ledger.accepted.size} accepted envelopes were lost`);
    return { accepted: ledger.accepted.size, received: ledger.received.size, appended: log.acknowledged };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function post(address: string, receiver: Receiver, ledger: Ledger, ending: AbortSignal): Promise<void> {
  const sender = connectGateway({ address, clock: systemClock });
  const worker = async (): Promise<void> => {
    while (!ending.aborted) {
      const envelope = testEnvelope(receiver.mailbox);
      try {
        await sender.post(envelope, receiver.capability, { signal: ending });
        ledger.accepted.add(nameOf(envelope));
      } catch {
        // Full for the moment, or the gateway has just been killed.
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  await sender.close();
}

async function receive(device: DeviceConnection, ledger: Ledger, ending: AbortSignal): Promise<void> {
  while (!ending.aborted) {
    try {
      await takePage(device, ledger, ending);
    } catch {
      // The gateway has just been killed.
    }
  }
}

/** One page, all but its last third acknowledged. True when there was anything. */
async function takePage(device: DeviceConnection, ledger: Ledger, signal?: AbortSignal): Promise<boolean> {
  const options = signal === undefined ? {} : { signal };
  const { arrivals } = await device.poll({}, options);
  for (const { envelope } of arrivals) {
    const name = nameOf(envelope);
    assert.ok(!ledger.removed.has(name), 'a removed envelope came again');
    ledger.received.add(name);
  }
  const taken = arrivals.slice(0, Math.ceil((arrivals.length * 2) / 3));
  await device.acknowledge(
    taken.map(({ sequence }) => sequence),
    options,
  );
  for (const { envelope } of taken) ledger.removed.add(nameOf(envelope));
  return arrivals.length > 0;
}

async function drain(device: DeviceConnection, ledger: Ledger): Promise<void> {
  while (await takePage(device, ledger)) continue;
}
