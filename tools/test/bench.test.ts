import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';

const main = resolve(import.meta.dirname, '../../bench/main.ts');

function bench(...args: readonly string[]) {
  return spawnSync(process.execPath, ['--conditions=@sotto/source', main, ...args], { encoding: 'utf8' });
}

test('the pairwise benchmark prints a row of samples for every operation and for its floor', () => {
  const run = bench('pairwise', '--json', '--quick', '--no-peers');
  assert.equal(run.status, 0, run.stderr);
  const rows = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const names = ['init', 'accept', 'encrypt-1k', 'decrypt-1k', 'pingpong-encrypt-1k', 'pingpong-decrypt-1k'];
  names.push('sender-key-encrypt-1k', 'sender-key-decrypt-1k');
  for (const [impl, prefix] of [
    ['sotto', ''],
    ['floor', 'floor-'],
    ['node:crypto', 'floor-'],
  ] as const) {
    for (const name of names) {
      const row = rows.find((candidate) => candidate['impl'] === impl && candidate['name'] === prefix + name);
      assert.ok(row !== undefined, `${impl} ${prefix}${name}`);
      assert.deepEqual([row['suite'], row['unit']], ['pairwise', 'us']);
      assert.ok(Number(row['n']) > 0 && Number(row['median']) > 0 && Number(row['p99']) >= Number(row['median']));
    }
  }
});

test('an unknown suite or flag ends with usage', () => {
  for (const args of [[], ['nothing'], ['pairwise', '--fast']]) {
    const run = bench(...args);
    assert.equal(run.status, 2);
    assert.match(run.stderr, /^Usage: .*pairwise/);
  }
});
