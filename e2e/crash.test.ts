import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashRun } from './support/crash-run.ts';

test('R-STO-2 R-GW-2 a dozen kills of client or gateway at random instants: nothing lost, nothing doubled, no key used twice', async (t) => {
  const seed = Number(process.env['SOTTO_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const report = await crashRun({ kills: 12, seed });
  t.diagnostic(`seed ${seed}: ${JSON.stringify(report)}`);
  // Otherwise the run proves nothing.
  assert.ok(report.confirmed >= 50 && report.keys >= 50, JSON.stringify(report));
});
