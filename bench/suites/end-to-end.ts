import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Messenger } from '@sotto/client';
import { openClient } from '../end-to-end/client.ts';
import type { GatewayReady } from '../end-to-end/gateway.ts';
import type { ReceiverAnswer } from '../end-to-end/receiver.ts';
import type { SuiteOptions } from '../main.ts';
import { rowOf } from '../rows.ts';

const MESSAGES = 1000;
/** Not counted: code warms up, connections open, the session is answered. */
const WARM_UP = 100;
/** ms between messages: receipts of one are done before the next, as between people who write fast. */
const PAUSE_MS = 20;
const TEXT = 'A line as people write them, of some length, neither the shortest nor the longest. '.repeat(3);

/**
 * From the call of `send` in one client until the other, in another process, has decrypted the message, stored it
 * (fsynced) and told its application; through a gateway in a third process. Vaults, gateway and TLS are the real ones.
 * `stored`: until `send` resolves.
 */
export async function endToEnd({ quick, say, row }: SuiteOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  const gateway = start('gateway.ts', [folder]);
  const { address } = await answer<GatewayReady>(gateway);
  const receiver = start('receiver.ts', [folder, address]);
  const ready = await answer<ReceiverAnswer>(receiver);
  const sender = await openClient(folder, address, 'sender');
  try {
    if (ready.kind !== 'ready') throw new Error('the receiver is not ready');
    const samples = await measure(sender, receiver, ready.link, quick ? 50 : MESSAGES);
    row(rowOf('gateway', 'sotto', 'end-to-end-ms', 'ms', samples.received));
    row(rowOf('gateway', 'sotto', 'end-to-end-stored', 'ms', samples.stored));
    say(`End to end: ${samples.received.length} messages of ${TEXT.length} bytes, one every ${PAUSE_MS} ms.`);
  } finally {
    await sender.close();
    for (const child of [receiver, gateway]) {
      child.disconnect();
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Samples {
  /** ms each. */
  readonly received: number[];
  readonly stored: number[];
}

async function measure(sender: Messenger, receiver: ChildProcess, link: string, count: number): Promise<Samples> {
  const accepted = sender.events.next('contact-changed', { where: ({ contact }) => contact.state === 'accepted' });
  const { conversation } = await sender.addContact(link);
  await accepted;
  const arrivals = new Map<string, bigint>();
  let told: (() => void) | null = null;
  receiver.on('message', (message: ReceiverAnswer) => {
    if (message.kind !== 'received') return;
    arrivals.set(message.id, BigInt(message.at));
    told?.();
  });
  const samples: Samples = { received: [], stored: [] };
  for (let i = 0; i < WARM_UP + count; i++) {
    const began = process.hrtime.bigint();
    const { id } = await sender.send(conversation, TEXT);
    const stored = process.hrtime.bigint();
    while (!arrivals.has(id)) await new Promise<void>((resolve) => (told = resolve));
    if (i >= WARM_UP) {
      samples.received.push(Number((arrivals.get(id) ?? began) - began) / 1e6);
      samples.stored.push(Number(stored - began) / 1e6);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return samples;
}

function start(file: string, args: readonly string[]): ChildProcess {
  const execArgv = ['--conditions=@sotto/source', '--disable-warning=ExperimentalWarning'];
  return fork(join(import.meta.dirname, '../end-to-end', file), args, { execArgv });
}

async function answer<Answer>(child: ChildProcess): Promise<Answer> {
  const ending = new AbortController();
  try {
    const exit = once(child, 'exit', { signal: ending.signal }).then(
      () => null,
      () => null,
    );
    const message = await Promise.race([once(child, 'message', { signal: ending.signal }), exit]);
    if (message === null) throw new Error('a process of the benchmark ended before it was ready');
    return message[0] as Answer;
  } finally {
    ending.abort();
  }
}
