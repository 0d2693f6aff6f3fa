import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashRun } from './support/crash-run.ts';

// Ten runs of twenty: each begins with fresh accounts, so that early states are hit as often as late ones.
for (let run = 0; run < 10; run++) {
  test(`R-STO-2 R-GW-2 kills at random instants, ${run * 20 + 1} to ${run * 20 + 20}`, async (t) => {
    const seed = Number(process.env['SOTTO_SEED'] ?? Math.floor(Math.random() * 2 ** 31)) + run;
    const report = await crashRun({ kills: 20, seed });
    t.diagnostic(`seed ${seed}: ${JSON.stringify(report)}`);
    assert.ok(report.confirmed >= 50 && report.keys >= 50, JSON.stringify(report));
  });
}
