import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { suite, test } from 'node:test';
import { crashWhileSendingFiles } from './support/crash-attachments.ts';
import { crashWhileHealing } from './support/crash-healing.ts';
import { crashRun, prepare } from './support/crash-scenario.ts';

/** Each instant takes a run; the soak takes them all. */
const STEP = 5;

suite('R-STO-2 a crash at any commit or hand-over loses nothing and doubles nothing', { timeout: 60_000 }, () => {
  for (const as of ['friends', 'strangers'] as const) {
    test(
      as === 'friends' ? 'in a conversation under way, where no key is used twice' : 'while they become contacts',
      async () => {
        const prepared = await prepare(as);
        try {
          const instants = await crashRun(prepared, null);
          assert.ok(instants > 20, `only ${instants} instants`);
          for (let at = 0; at < instants; at += STEP) await crashRun(prepared, at);
        } finally {
          rmSync(prepared.folder, { recursive: true, force: true });
        }
      },
    );
  }

  test('while files are sent', async () => {
    const prepared = await prepare('friends');
    try {
      const instants = await crashWhileSendingFiles(prepared, null);
      assert.ok(instants > 20, `only ${instants} instants`);
      for (let at = 7; at < instants; at += 2 * STEP) await crashWhileSendingFiles(prepared, at);
    } finally {
      rmSync(prepared.folder, { recursive: true, force: true });
    }
  });

  test('while a damaged message heals, on both sides', async () => {
    const prepared = await prepare('friends');
    try {
      const instants = await crashWhileHealing(prepared, null);
      assert.ok(instants > 20, `only ${instants} instants`);
      for (let at = 1; at < instants; at += 2 * STEP) await crashWhileHealing(prepared, at);
    } finally {
      rmSync(prepared.folder, { recursive: true, force: true });
    }
  });
});
