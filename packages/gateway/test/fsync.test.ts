import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectGateway } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import { connect, registerReceiver, testEnvelope } from './support/account.ts';
import { EXEC_ARGV, freePort } from './support/child-gateway.ts';

const STRACE = ['-f', '-y', '-e', 'trace=fsync,fdatasync,pwrite64,write,writev,sendmsg'];

function hasStrace(): boolean {
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What the gateway did, in order: wrote to the log, synced it, wrote to a socket. */
function events(trace: string): string[] {
  const kinds: string[] = [];
  for (const line of trace.split('\n')) {
    const wal = line.includes('gateway.db-wal>');
    if (wal && /\bpwrite64\(/.test(line)) kinds.push('log');
    else if (wal && /\b(?:fsync|fdatasync)\(.*= 0$/.test(line)) kinds.push('sync');
    else if (/\b(?:write|writev|sendmsg)\(\d+<(?:TCP|socket)/.test(line)) kinds.push('socket');
  }
  return kinds;
}

test('R-GW-2 the log is synced after its last write and before the answer reaches the socket', async (t) => {
  if (process.platform !== 'linux' || !hasStrace()) return t.skip('no strace here');
  const folder = mkdtempSync(join(tmpdir(), 'sotto-strace-'));
  const output = join(folder, 'trace');
  const program = join(import.meta.dirname, 'support/child.ts');
  const args = [
    ...STRACE,
    '-o',
    output,
    process.execPath,
    ...EXEC_ARGV,
    program,
    join(folder, 'data'),
    String(await freePort()),
  ];
  const child = spawn('strace', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try {
    const [{ address }] = (await once(child, 'message')) as [{ address: string }];
    const receiver = await registerReceiver(address);
    const sender = connectGateway({ address, clock: systemClock });
    await sender.post(testEnvelope(receiver.mailbox), receiver.capability);
    const device = connect(address, receiver.account);
    await device.mailboxes();
    const act = async (action: () => Promise<unknown>): Promise<string[]> => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      const before = readFileSync(output, 'utf8').length;
      await action();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return events(readFileSync(output, 'utf8').slice(before));
    };
    const acts = {
      post: () => sender.post(testEnvelope(receiver.mailbox), receiver.capability),
      acknowledge: () => device.acknowledge([1]),
      'claim a name': () => device.claimName('somebody'),
    };
    for (const [name, action] of Object.entries(acts)) {
      const seen = await act(action);
      const firstAnswer = seen.indexOf('socket', seen.indexOf('log'));
      const before = seen.slice(0, firstAnswer);
      assert.ok(before.includes('log') && firstAnswer > 0, `${name}: ${seen.join(' ')}`);
      assert.equal(before.at(-1), 'sync', `${name}: the last thing before the answer is the sync: ${seen.join(' ')}`);
      assert.ok(
        !seen.slice(0, seen.indexOf('log')).includes('socket'),
        `${name}: nothing is answered before: ${seen.join(' ')}`,
      );
    }
    await Promise.all([sender.close(), device.close(), receiver.device.close()]);
  } finally {
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
});
