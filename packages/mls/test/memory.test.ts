import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readEpoch } from '../src/group/epoch.ts';
import { decodeWhole } from '../src/codec/reader.ts';
import { CIPHER_SUITES } from '../src/cipher-suites.ts';
import { SuiteCrypto } from '../src/suite.ts';
import { native } from './people.ts';
import { Scene } from './memory/scene.ts';

const CHILD = fileURLToPath(new URL('memory/child.ts', import.meta.url));

describe('secrets in memory', () => {
  it(
    'a message key and an epoch secret are in the process while in use, and not after',
    { skip: existsSync('/proc/self/mem') ? false : 'no /proc/PID/mem to read another process by' },
    async () => {
      const seed = Buffer.from(native.random(16)).toString('hex');
      const secrets = secretsOf(new Scene(seed));
      const child = spawn(
        process.execPath,
        ['--conditions=@sotto/source', '--disable-warning=ExperimentalWarning', '--expose-gc', CHILD, seed],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      try {
        const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
        assert.equal((await lines.next()).value, 'in use');
        for (const [name, secret] of secrets)
          assert.ok(isInMemory(child.pid!, secret), `${name} is not found while in use`);
        child.stdin.write('go on\n');
        assert.equal((await lines.next()).value, 'after');
        for (const [name, secret] of secrets) assert.ok(!isInMemory(child.pid!, secret), `${name} is still there`);
      } finally {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    },
  );
});

/** Of the same run here: the key that Bob keeps, and secrets of the epoch. */
function secretsOf({ bob }: Scene): ReadonlyMap<string, Buffer> {
  const suite = CIPHER_SUITES.get(3);
  assert.ok(suite);
  const records = bob.takeChanges().flatMap(({ name, bytes }) => (bytes === null ? [] : [{ name, bytes }]));
  const skipped = records.find(({ name }) => /\/a\d+\.\d+$/.test(name));
  const stored = records.find(({ name }) => name === 'epoch');
  assert.ok(skipped && stored);
  const { secrets } = decodeWhole(stored.bytes, (reader) => readEpoch(new SuiteCrypto(native, suite), reader));
  return new Map([
    ['message key', Buffer.from(decodeWhole(skipped.bytes, (reader) => [reader.vector(), reader.vector()][0]!))],
    ['exporter secret', Buffer.from(secrets.exporter.reveal())],
    ['init secret', Buffer.from(secrets.init.reveal())],
    ['resumption key', Buffer.from(secrets.resumption.reveal())],
    ['sender data secret', Buffer.from(secrets.senderData.reveal())],
  ]);
}

/** Searches the writable memory of a process. */
function isInMemory(pid: number, secret: Buffer): boolean {
  const file = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const match = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
      if (match === null) continue;
      const [start, end] = [BigInt(`0x${match[1]}`), BigInt(`0x${match[2]}`)];
      if (isIn(file, start, Number(end - start), secret)) return true;
    }
    return false;
  } finally {
    closeSync(file);
  }
}

function isIn(file: number, start: bigint, length: number, secret: Buffer): boolean {
  const window = Buffer.alloc(Math.min(length, 1 << 22));
  for (let at = 0; at < length; at += window.length - secret.length) {
    try {
      const read = readSync(file, window, 0, Math.min(window.length, length - at), start + BigInt(at));
      if (window.subarray(0, read).includes(secret)) return true;
    } catch {
      // Pages that nothing is mapped to.
      return false;
    }
    if (window.length <= secret.length || at + window.length >= length) break;
  }
  return false;
}
