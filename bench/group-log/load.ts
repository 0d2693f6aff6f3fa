/** Writers and followers of logs in a process of their own: bare HTTP/2, so that the load costs less than what it loads. */
import { readFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { nativeProvider } from '@sotto/crypto';
import type { PrivateKey } from '@sotto/crypto';
import {
  AppendRequestSchema,
  encodeLogEntry,
  encodeLogEntryHeader,
  FollowRequestSchema,
  FollowResponseSchema,
  logEntryMessage,
  LogPostSchema,
  logId,
} from '@sotto/wire';
import { openSession } from '../gateway/raw-client.ts';
import type { LogLoadAnswer, LogOrder, LogTask, PreparedLog } from './protocol.ts';

const provider = nativeProvider();
/** A message of 1 KiB of text is sealed into this bucket. */
const SEALED_BYTES = 2048;
const PREFIX_BYTES = 5;
const CONNECTING = 20;

type TaskOf<Kind extends LogTask['kind']> = Extract<LogTask, { readonly kind: Kind }>;

/** Writes entries of one log. */
class Writer {
  readonly #key: PrivateKey<'ed25519'>;
  readonly #header: Uint8Array;

  constructor({ log, seed }: PreparedLog) {
    this.#key = provider.importPrivate('ed25519', Buffer.from(seed, 'hex'));
    const { publicKey: epochKey } = this.#key;
    this.#header = encodeLogEntryHeader({ log: logId(Buffer.from(log, 'hex')), kind: 'message', epochKey });
  }

  request(): Uint8Array {
    const entry = encodeLogEntry(this.#header, provider.random(SEALED_BYTES));
    const value = provider.sign(this.#key, logEntryMessage(entry));
    const post = create(LogPostSchema, { entry, proof: { case: 'signature', value } });
    return toBinary(AppendRequestSchema, create(AppendRequestSchema, { post }));
  }
}

let refused = 0;

/** Resolves when it is answered. */
function append(session: ClientHttp2Session, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/sotto.gateway.v1.GroupLogService/Append',
      'content-type': 'application/proto',
    });
    stream.on('response', (headers) => {
      if (headers[':status'] !== 200) refused++;
    });
    stream.on('error', reject);
    stream.on('end', resolve);
    stream.resume();
    stream.end(body);
  });
}

/** Counts the entries that come. */
function follow(session: ClientHttp2Session, log: Uint8Array, onEntries: (count: number) => void): Promise<void> {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/sotto.gateway.v1.GroupLogService/Follow',
    'content-type': 'application/connect+proto',
    'connect-protocol-version': '1',
  });
  const caughtUp = Promise.withResolvers<void>();
  let rest: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= PREFIX_BYTES && rest.length >= PREFIX_BYTES + rest.readUInt32BE(1)) {
      const end = PREFIX_BYTES + rest.readUInt32BE(1);
      const { batches } = fromBinary(FollowResponseSchema, rest.subarray(PREFIX_BYTES, end));
      rest = rest.subarray(end);
      for (const batch of batches) {
        if (batch.caughtUp) caughtUp.resolve();
        if (batch.records.length > 0) onEntries(batch.records.length);
      }
    }
  });
  stream.on('error', caughtUp.reject);
  const body = toBinary(
    FollowRequestSchema,
    create(FollowRequestSchema, { follow: [{ log, after: 0n }], credit: 100_000 }),
  );
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(body.length, 1);
  stream.write(Buffer.concat([prefix, body]));
  return caughtUp.promise;
}

function tell(answer: LogLoadAnswer): void {
  process.send?.(answer);
}

/** Runs the measured part and tells what came of it. */
async function measure(task: () => Promise<readonly number[]>, progress: () => number): Promise<void> {
  tell({ kind: 'started' });
  const before = process.cpuUsage();
  const began = performance.now();
  const rates: number[] = [];
  let last = progress();
  const timer = setInterval(() => {
    rates.push(progress() - last);
    last = progress();
  }, 1000);
  const latencies = await task();
  clearInterval(timer);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(before);
  tell({ kind: 'done', seconds, count: progress(), rates, latencies, refused, cpuMicroseconds: user + system });
}

async function appending(url: string, logs: readonly PreparedLog[], task: TaskOf<'append'>): Promise<void> {
  const writers = logs.map((log) => new Writer(log));
  const sessions = Array.from({ length: task.connections }, () => openSession(url));
  let next = 0;
  let count = 0;
  const latencies: number[] = [];
  const write = async (session: ClientHttp2Session, until: number): Promise<void> => {
    while (performance.now() < until) {
      const writer = writers[next++ % writers.length];
      if (writer === undefined) return;
      const began = performance.now();
      await append(session, writer.request());
      count++;
      if (count % 50 === 0) latencies.push(performance.now() - began);
    }
  };
  await measure(
    async () => {
      const until = performance.now() + task.seconds * 1000;
      const all = sessions.flatMap((session) => Array.from({ length: task.window }, () => write(session, until)));
      await Promise.all(all);
      return latencies;
    },
    () => count,
  );
  for (const session of sessions) session.destroy();
}

async function fanningOut(url: string, logs: readonly PreparedLog[], task: TaskOf<'fan-out'>): Promise<void> {
  const [prepared] = logs;
  if (prepared === undefined) throw new Error('no log');
  const log = Buffer.from(prepared.log, 'hex');
  let received = 0;
  let wake: (() => void) | undefined;
  const onEntries = (count: number): void => {
    received += count;
    if (received % task.followers === 0) wake?.();
  };
  const sessions: ClientHttp2Session[] = [];
  const connecting = async (): Promise<void> => {
    while (sessions.length < task.followers) {
      const session = openSession(url);
      sessions.push(session);
      await follow(session, log, onEntries);
    }
  };
  await Promise.all(Array.from({ length: CONNECTING }, connecting));
  const writer = new Writer(prepared);
  const poster = openSession(url);
  await measure(
    async () => {
      const latencies: number[] = [];
      for (let i = 0; i < task.entries; i++) {
        const all = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const began = performance.now();
        await append(poster, writer.request());
        await all;
        latencies.push(performance.now() - began);
      }
      return latencies;
    },
    () => received,
  );
  for (const session of [poster, ...sessions]) session.destroy();
}

async function run({ address, logs: file, task }: LogOrder): Promise<void> {
  const logs = JSON.parse(readFileSync(file, 'utf8')) as PreparedLog[];
  const url = address.replace('sotto://', 'https://').replace(/\/[^/]*$/, '');
  if (task.kind === 'append') await appending(url, logs, task);
  else await fanningOut(url, logs, task);
}

process.once('message', (order: LogOrder) => {
  run(order).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
