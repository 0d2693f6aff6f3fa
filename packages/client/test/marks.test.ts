import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { createVault } from '@sotto/vault';
import { isMarked, mark, sweepMarks } from '../src/inbox/marks.ts';
import type { Tx } from '../src/store/ledger.ts';
import { ManualClock } from './support/clock.ts';
import { testFolder } from './support/folders.ts';
import { keystoreIn } from './support/people.ts';

const DAY = 86_400_000;

test('marks last as long as their envelope can come again, and go however long the device was off', async () => {
  const folder = testFolder('marks');
  const clock = new ManualClock();
  const vault = await createVault({
    path: `${folder}/vault`,
    keystore: keystoreIn(folder),
    provider: nativeProvider(),
    clock,
  });
  const write = (work: (tx: Pick<Tx, 'write'>) => void): void => vault.transaction((writer) => work({ write: writer }));
  const id = 'a'.repeat(52);
  const expiresAt = clock.now() + 7 * DAY;
  write((tx) => mark(tx, id, { outcome: 'opened', expiresAt: expiresAt / 1000, now: clock.now() }));
  write((tx) => sweepMarks(tx, expiresAt + 14 * DAY));
  assert.ok(
    vault.read((read) => isMarked(read, id)),
    'its sender may still send it again',
  );
  write((tx) => sweepMarks(tx, expiresAt + 300 * DAY));
  assert.ok(!vault.read((read) => isMarked(read, id)));
  vault.close();
});
