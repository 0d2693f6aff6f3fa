import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import type { Vault } from '@sotto/vault';
import { bytes, contacts, messages, sessions, TestVault } from './support.ts';

/** Messages in one conversation; `SOTTO_SCALE=1000000` for what a long life leaves. */
const SCALE = Number(process.env['SOTTO_SCALE'] ?? 100_000);
const VOCABULARY = 60_000;

/** A small generator: the data is the same in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const SYLLABLES = [
  'ba',
  'cho',
  'den',
  'fi',
  'gor',
  'hu',
  'ing',
  'ka',
  'lem',
  'mi',
  'no',
  'per',
  'qui',
  'ra',
  'ste',
  'tu',
];

function wordOf(rank: number): string {
  let word = '';
  for (let rest = rank + 17; rest > 0; rest = Math.floor(rest / 16)) word += SYLLABLES[rest % 16] ?? '';
  return word;
}

/** Word frequencies fall as in speech (Zipf). */
function textFrom(random: () => number): string {
  const words = 3 + Math.floor(random() * 12);
  return Array.from({ length: words }, () => wordOf(Math.floor(VOCABULARY ** random()) - 1)).join(' ');
}

function milliseconds<T>(run: () => T): [number, T] {
  const start = performance.now();
  const result = run();
  return [performance.now() - start, result];
}

/** Median and maximum. */
function spread(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  return `${sorted[sorted.length >> 1]!.toFixed(2)} ms, at most ${sorted.at(-1)!.toFixed(2)} ms`;
}

test(`a conversation of ${SCALE} messages stays usable`, async (t) => {
  const at = new TestVault();
  const random = generator(7);
  let vault = await at.create();
  const steps: number[] = [];
  const [built] = milliseconds(() => {
    for (let i = 0; i < SCALE; i += 500) {
      vault.transaction((write) => {
        for (let n = i; n < i + 500; n++) {
          const text = textFrom(random);
          write.put(messages, `message-${n}`, bytes(text), {
            order: { partition: 'conversation', ordinal: 1_700_000_000_000 + n * 1000 },
            lookups: [['id', String(n)]],
          });
          write.index(`message-${n}`, text, 'conversation');
        }
      });
      for (;;) {
        const [time, more] = milliseconds(() => vault.maintain());
        steps.push(time);
        if (!more) break;
      }
    }
    vault.transaction((write) => {
      for (let i = 0; i < 1000; i++) write.put(sessions, `s${i}`, new Uint8Array(400));
    });
  });
  t.diagnostic(`built at ${((built / SCALE) * 1000).toFixed(0)} µs a message`);
  t.diagnostic(`upkeep steps: ${spread(steps)}`);
  vault.close();
  t.diagnostic(`${(statSync(at.file).size / SCALE).toFixed(0)} bytes a message`);

  const start = performance.now();
  vault = await at.open();
  const opened = performance.now() - start;
  t.diagnostic(`opened in ${opened.toFixed(0)} ms`);
  assert.ok(opened < 500, 'opening does not scan history');

  const pages = Array.from({ length: 60 }, () => milliseconds(() => page(vault, Math.floor(random() * SCALE)))[0]);
  t.diagnostic(`history page of 50: ${spread(pages)}`);

  const queries = [
    'b',
    'ch',
    'den',
    'ster',
    'xyz',
    'ba ch de fi',
    ...[3, 500, 9000, 59_000].map(wordOf),
    `${wordOf(2)} ${wordOf(40)}`,
    `${wordOf(700)} ${wordOf(41)} ba`,
    `${wordOf(30_000)} ${wordOf(31_000)}`,
  ];
  for (const scope of [undefined, 'conversation']) {
    for (const warmth of ['cold', 'warm']) {
      const times = queries.map((query) => {
        const [time] = milliseconds(() =>
          vault.search(query, { limit: 50, ...(scope === undefined ? {} : { scope }) }),
        );
        return time;
      });
      t.diagnostic(`search ${warmth}${scope === undefined ? '' : ' in a scope'}: ${spread(times)}`);
      assert.ok(Math.max(...times) < 500);
    }
  }
  const [verified] = milliseconds(() => vault.verify());
  t.diagnostic(`verified in ${(verified / 1000).toFixed(1)} s`);
  t.diagnostic(`${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB resident`);
  vault.close();
});

test('a typical event costs well under a millisecond besides its fsync', async (t) => {
  const vault = await new TestVault().create();
  const state = new Uint8Array(400);
  const event = (n: number) => {
    vault.transaction((write) => {
      write.get(sessions, `s${n % 10}`);
      write.put(sessions, `s${n % 10}`, state);
      write.put(contacts, `mark-${n}`, new Uint8Array(8), { lookups: [['until', String(n % 30)]] });
      write.put(contacts, 'conversation', state);
      write.put(messages, `m${n}`, state, { order: { partition: 'p', ordinal: n }, lookups: [['id', String(n)]] });
    });
  };
  for (let n = 0; n < 1000; n++) event(n);
  const before = process.cpuUsage();
  for (let n = 1000; n < 6000; n++) event(n);
  const { user, system } = process.cpuUsage(before);
  t.diagnostic(`an event of four rows: ${((user + system) / 5000).toFixed(0)} µs of CPU`);
  assert.ok((user + system) / 5000 < 1000);
  vault.close();
});

function page(vault: Vault, n: number): void {
  vault.read((read) => {
    const rows = read.list(messages, {
      partition: 'conversation',
      before: 1_700_000_000_000 + n * 1000,
      limit: 50,
      newestFirst: true,
    });
    assert.equal(rows.length, Math.min(50, n));
  });
}
