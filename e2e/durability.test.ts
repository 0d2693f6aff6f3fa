import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { connectGateway, GatewayApiError } from '@sotto/gateway-api';
import type { GatewayConnection } from '@sotto/gateway-api';
import {
  encodeEnvelope,
  encodeEnvelopeHeader,
  idFromText,
  mailboxId,
  roundExpiry,
  SEALED_BUCKETS,
  SUITE_PQXDH,
} from '@sotto/wire';
import { machineClock } from '@sotto/cli';
import { provideProgram } from './support/debian.ts';
import { createWorld } from './support/world.ts';
import type { World } from './support/world.ts';

/** What the disk's sync is made to take: far more than a post does by itself. */
const SYNC_MS = 250;
const POSTS = 5;

/** strace on a running process; null: not to be had, or the system does not allow it. */
async function trace(pid: number, logFile: string, inject: string): Promise<ChildProcess | null> {
  if (!provideProgram('strace')) return null;
  const args = ['-f', '-yy', '-ttt', '-e', 'trace=fsync,fdatasync,pwrite64,write,writev,sendmsg', '-o', logFile];
  const child = spawn('strace', [...args, '-e', `inject=fsync,fdatasync:${inject}`, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const attached = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', () => resolve(false));
    child.stderr.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('attached')) resolve(true);
    });
  });
  return attached ? child : null;
}

async function detach(tracer: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => tracer.once('exit', resolve));
  tracer.kill('SIGINT');
  await ended;
}

interface Call {
  readonly kind: 'log-write' | 'log-sync' | 'answer';
  /** Unix ms when it began. */
  readonly at: number;
}

/** Writes and syncs of the write-ahead log, and writes to the posting connection, in order. */
function calls(logFile: string, clientPort: number): Call[] {
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .flatMap((line): Call[] => {
      const at = Number(/^\d+ +(\d+\.\d+) /.exec(line)?.[1]) * 1000;
      if (/ (?:fsync|fdatasync)\(\d+<[^>]*-wal>/.test(line)) return [{ kind: 'log-sync', at }];
      if (/ pwrite64\(\d+<[^>]*-wal>/.test(line)) return [{ kind: 'log-write', at }];
      const isAnswer = / (?:write|writev|sendmsg)\(\d+<TCP/.test(line) && line.includes(`:${clientPort}]`);
      return isAnswer ? [{ kind: 'answer', at }] : [];
    });
}

describe('the acknowledgement of a post', () => {
  let world: World;
  let gateway: GatewayConnection;
  let account: Uint8Array;
  let device: Uint8Array;
  const skipped = 'strace is not installed or not allowed here';

  before(async () => {
    world = await createWorld('durability');
    const bob = await world.person('bob');
    const [self] = (await bob.must(['profile'])).objects;
    account = idFromText('AccountId', String(self?.['account']));
    device = idFromText('DeviceId', String(self?.['device']));
    gateway = connectGateway({ address: world.gateway.address, clock: machineClock });
  });
  after(async () => {
    await gateway.close();
    await world[Symbol.asyncDispose]();
  });

  /** A stranger's post, ready to go: the token and the mailbox are fetched before. */
  async function prepare(): Promise<() => Promise<unknown>> {
    const { token } = await gateway.requestToken(account);
    const admission = { kind: 'request-token', token } as const;
    const { mailbox } = await gateway.bundle({ account, device, admission });
    const header = encodeEnvelopeHeader({
      suite: SUITE_PQXDH,
      mailbox: mailboxId(mailbox),
      expiresAt: roundExpiry(Math.floor(machineClock.now() / 1000) + 86_400),
      urgency: 'normal',
    });
    const envelope = encodeEnvelope(header, randomBytes(SEALED_BUCKETS[0] ?? 0));
    return () => gateway.post(envelope, admission);
  }

  test('R-GW-2 is written only after the write-ahead log is synced', async (t) => {
    // The first post opens the stream; what follows are posts and nothing else.
    await (
      await prepare()
    )();
    const posts = [];
    for (let i = 0; i < POSTS; i++) posts.push(await prepare());
    const logFile = join(world.folder, 'strace.log');
    const tracer = await trace(world.gateway.pid, logFile, `delay_enter=${SYNC_MS * 1000}`);
    if (tracer === null) return t.skip(skipped);
    const times: { began: number; answered: number }[] = [];
    for (const post of posts) {
      const began = Date.now();
      await post();
      times.push({ began, answered: Date.now() });
    }
    await detach(tracer);

    const clientPort = portOf(logFile, times[0]?.began ?? 0);
    const traced = calls(logFile, clientPort);
    for (const { began, answered } of times) {
      // Had the answer not waited for the slowed sync, it would have been here long before.
      assert.ok(answered - began >= SYNC_MS, `answered after ${answered - began} ms`);
      const during = traced.filter(({ at }) => at >= began - 1 && at <= answered + 1);
      const kinds = during.map(({ kind }) => kind);
      const answer = kinds.lastIndexOf('answer');
      const sync = kinds.lastIndexOf('log-sync', answer);
      const write = kinds.lastIndexOf('log-write', answer);
      assert.ok(write !== -1 && write < sync && sync < answer, kinds.join(' '));
    }
    return undefined;
  });

  test('R-GW-2 does not come when the sync fails, and the gateway takes posts again when it works', async (t) => {
    const [first, second] = [await prepare(), await prepare()];
    const tracer = await trace(world.gateway.pid, join(world.folder, 'strace-eio.log'), 'error=EIO');
    if (tracer === null) return t.skip(skipped);
    await assert.rejects(first(), (error) => error instanceof GatewayApiError);
    await detach(tracer);
    await delay(50);
    await second();
    return undefined;
  });
});

/** The posting connection as the gateway sees it: the one to which it writes most once posts begin. */
function portOf(logFile: string, since: number): number {
  const counts = new Map<number, number>();
  for (const line of readFileSync(logFile, 'utf8').split('\n')) {
    const at = Number(/^\d+ +(\d+\.\d+) /.exec(line)?.[1]) * 1000;
    const port = Number(/ (?:write|writev|sendmsg)\(\d+<TCP(?:v6)?:\[[^>]*->[^>]*:(\d+)\]>/.exec(line)?.[1]);
    if (at >= since && Number.isInteger(port)) counts.set(port, (counts.get(port) ?? 0) + 1);
  }
  const [most] = [...counts].toSorted((a, b) => b[1] - a[1]);
  return most?.[0] ?? 0;
}
