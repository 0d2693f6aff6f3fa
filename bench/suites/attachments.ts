import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
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
 * its name: fetched, hashed, fsynced sealed, opened, fsynced again. `…-cpu-s` is the processor time of a file, seconds: of
 * the process that holds both clients, and of the gateway.
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
    const samples: Record<Phase, Sample[]> = { stored: [], up: [], down: [] };
    // The first one warms up.
    for (let i = 0; i <= (quick ? 1 : 7); i++) {
      const sample = await measure({
        gateway,
        sender,
        receiver,
        conversation,
        source,
        saved: join(folder, 'saved', `${i}`),
      });
      if (i === 0) continue;
      for (const phase of PHASES) samples[phase].push(sample[phase]);
    }
    for (const phase of PHASES) {
      const of = samples[phase];
      row(
        speedRow(
          `attachment-mb-per-s-${phase}`,
          of.map(({ seconds }) => FILE_MB / seconds),
        ),
      );
      row(
        rowOf(
          'groups',
          'sotto',
          `attachment-client-cpu-s-${phase}`,
          's',
          of.map(({ client }) => client),
        ),
      );
      row(
        rowOf(
          'groups',
          'sotto',
          `attachment-gateway-cpu-s-${phase}`,
          's',
          of.map((each) => each.gateway),
        ),
      );
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

const PHASES = ['stored', 'up', 'down'] as const;
type Phase = (typeof PHASES)[number];

/** Seconds: on the clock, and of the processors. */
interface Sample {
  readonly seconds: number;
  readonly client: number;
  readonly gateway: number;
}

async function measure(run: {
  readonly gateway: ChildProcess;
  readonly sender: Messenger;
  readonly receiver: Messenger;
  readonly conversation: ConversationRef;
  readonly source: string;
  readonly saved: string;
}): Promise<Record<Phase, Sample>> {
  const { gateway, sender, receiver, conversation, source, saved } = run;
  const uploaded = sender.events.next('outbox-changed', { where: ({ reason }) => reason === 'uploaded' });
  const arriving = receiver.events.next('message-received');
  const sending = await Meter.start(gateway);
  const { id } = await sender.send(conversation, { kind: 'text', text: '', attachments: [{ source }] });
  const stored = await sending.read();
  await uploaded;
  const up = await sending.read();
  const { message } = await arriving;
  const fetching = await Meter.start(gateway);
  await receiver.attachment(message.id, 0).download(saved);
  const down = await fetching.read();
  await forget(sender, receiver, id, saved, conversation);
  return { stored, up, down };
}

/** Reads clocks since its start. */
class Meter {
  readonly #gateway: ChildProcess;
  readonly #gatewayBefore: number;
  readonly #before = process.cpuUsage();
  readonly #began = performance.now();

  private constructor(gateway: ChildProcess, gatewayBefore: number) {
    this.#gateway = gateway;
    this.#gatewayBefore = gatewayBefore;
  }

  static async start(gateway: ChildProcess): Promise<Meter> {
    return new Meter(gateway, await cpuOf(gateway));
  }

  async read(): Promise<Sample> {
    const seconds = (performance.now() - this.#began) / 1000;
    const { user, system } = process.cpuUsage(this.#before);
    return { seconds, client: (user + system) / 1e6, gateway: (await cpuOf(this.#gateway)) - this.#gatewayBefore };
  }
}

async function cpuOf(child: ChildProcess): Promise<number> {
  const answer = once(child, 'message');
  child.send('cpu');
  return ((await answer) as [number])[0];
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
