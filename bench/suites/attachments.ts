import { fork } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConversationRef, MessageRef, Messenger } from '@sotto/client';
import { openClient } from '../end-to-end/client.ts';
import type { GatewayReady } from '../end-to-end/gateway.ts';
import type { SuiteOptions } from '../main.ts';
import { rowOf } from '../rows.ts';
import type { Row } from '../rows.ts';

const MB = 1_000_000;
const FILE_MB = 200;

/**
 * A file of 200 MB from one client to another through a gateway in a process of its own, over loopback TLS. `stored`:
 * read, sealed, hashed and fsynced into the vault's folder, when `send` resolves. `up`: from the call of `send` until
 * the gateway has all of it on disk, storing included. `down`: from the call of `download` until the verified file has
 * its name: fetched, hashed, fsynced sealed, opened, fsynced again.
 */
export async function attachments({ quick, say, row }: SuiteOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  const execArgv = ['--conditions=@sotto/source', '--disable-warning=ExperimentalWarning'];
  const gateway = fork(join(import.meta.dirname, '../end-to-end/gateway.ts'), [folder], { execArgv });
  const [{ address }] = (await once(gateway, 'message')) as [GatewayReady];
  const sender = await openClient(folder, address, 'sender');
  const receiver = await openClient(folder, address, 'receiver');
  try {
    const accepted = sender.events.next('contact-changed', { where: ({ contact }) => contact.state === 'accepted' });
    const { conversation } = await sender.addContact(await receiver.contactLink());
    await accepted;
    const source = join(folder, 'film');
    writeFileSync(source, randomBytes(FILE_MB * MB));
    mkdirSync(join(folder, 'saved'));
    const samples = { stored: [] as number[], up: [] as number[], down: [] as number[] };
    // The first one warms up.
    for (let i = 0; i <= (quick ? 1 : 7); i++) {
      const sample = await measure({ sender, receiver, conversation, source, saved: join(folder, 'saved', `${i}`) });
      if (i === 0) continue;
      for (const name of ['stored', 'up', 'down'] as const) samples[name].push(FILE_MB / sample[name]);
    }
    for (const name of ['stored', 'up', 'down'] as const) {
      row(speedRow(`attachment-mb-per-s-${name}`, samples[name]));
    }
    say(`Attachments: ${samples.up.length} files of ${FILE_MB} MB.`);
  } finally {
    await Promise.all([sender.close(), receiver.close()]);
    gateway.disconnect();
    await once(gateway, 'exit');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of speeds the slow ones are the bad ones: `p99` is the slowest. */
function speedRow(name: string, speeds: readonly number[]): Row {
  const times = rowOf(
    'groups',
    'sotto',
    name,
    'MB/s',
    speeds.map((speed) => 1 / speed),
  );
  return { ...times, median: Math.round(1 / times.median), p99: Math.round(1 / times.p99) };
}

/** Seconds each. */
interface Sample {
  readonly stored: number;
  readonly up: number;
  readonly down: number;
}

async function measure(run: {
  readonly sender: Messenger;
  readonly receiver: Messenger;
  readonly conversation: ConversationRef;
  readonly source: string;
  readonly saved: string;
}): Promise<Sample> {
  const { sender, receiver, conversation, source, saved } = run;
  const uploaded = sender.events.next('outbox-changed', { where: ({ reason }) => reason === 'uploaded' });
  const arriving = receiver.events.next('message-received');
  const seconds = clock();
  const { id } = await sender.send(conversation, { kind: 'text', text: '', attachments: [{ source }] });
  const stored = seconds();
  await uploaded;
  const up = seconds();
  const { message } = await arriving;
  const downSeconds = clock();
  await receiver.attachment(message.id, 0).download(saved);
  const down = downSeconds();
  await forget(sender, receiver, id, saved, conversation);
  return { stored, up, down };
}

/** Files of this size in a row would measure how the disk copes with them. */
async function forget(
  sender: Messenger,
  receiver: Messenger,
  message: MessageRef,
  saved: string,
  conversation: ConversationRef,
): Promise<void> {
  rmSync(saved);
  const gone = receiver.events.next('message-updated', { where: ({ message: { body } }) => body.kind === 'deleted' });
  await sender.send(conversation, { kind: 'delete', message });
  await gone;
}

function clock(): () => number {
  const began = performance.now();
  return () => (performance.now() - began) / 1000;
}
