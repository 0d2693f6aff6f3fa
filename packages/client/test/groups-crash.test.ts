import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { suite, test } from 'node:test';
import { crashGroupRun } from './support/crash-groups.ts';
import { prepare } from './support/crash-scenario.ts';

/** Each instant takes a run; the soak takes them all. */
const STEP = 11;

suite('R-STO-2 in groups', { timeout: 120_000 }, () => {
  test('a crash at any commit or hand-over loses nothing, doubles nothing and forks nothing', async () => {
    const prepared = await prepare('friends');
    try {
      const instants = await crashGroupRun(prepared, null);
      assert.ok(instants > 30, `only ${instants} instants`);
      for (let at = 0; at < instants; at += STEP) await crashGroupRun(prepared, at);
    } finally {
      rmSync(prepared.folder, { recursive: true, force: true });
    }
  });
});
