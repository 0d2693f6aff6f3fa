import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { decodeEnvelope } from '@sotto/wire';
import type { Messenger } from '../../src/index.ts';
import { CrashPoints } from './crash.ts';
import { bury, open, orCrash } from './crash-scenario.ts';
import type { Prepared, Side } from './crash-scenario.ts';
import { damaged } from './damage.ts';
import { testFolder } from './folders.ts';
import { texts, until } from './people.ts';

/**
 * Alice and Bob write to each other, and the first message of each arrives damaged at the other. Alice's process dies at
 * the instant `at`, whether she asks or is asked, and comes up again. Both have both messages in the end, once. Gives
 * back how many instants there were.
 */
export async function crashWhileHealing(prepared: Prepared, at: number | null): Promise<number> {
  const { conversation } = prepared;
  assert.ok(conversation !== null);
  const folder = testFolder('crash-healing');
  cpSync(prepared.folder, folder, { recursive: true });
  const gateway = prepared.gateway.fork();
  const spared = new Set<string>();
  gateway.bend = (mailbox, envelope) => {
    if (decodeEnvelope(envelope).urgency !== 'high' || spared.has(mailbox)) return envelope;
    spared.add(mailbox);
    return damaged(envelope);
  };
  const points = new CrashPoints(at);
  const bob = await open(join(folder, 'bob'), gateway, new CrashPoints(null));
  let alice: Side | null = null;
  try {
    await bob.messenger.send(conversation, 'from bob');
    alice = await open(join(folder, 'alice'), gateway, points).catch(orCrash(points));
    let whole = false;
    if (alice !== null) {
      const { messenger } = alice;
      const healed = async (): Promise<void> => {
        await messenger.send(conversation, 'from alice');
        await heal(messenger, bob.messenger, conversation);
      };
      await healed().then(() => (whole = true), orCrash(points));
      if (!whole) await bury(alice);
    }
    if (!whole) {
      assert.ok(points.crashed);
      alice = await open(join(folder, 'alice'), gateway, new CrashPoints(null));
      const { messenger } = alice;
      if (!(await texts(messenger, conversation)).includes('from alice')) {
        await messenger.send(conversation, 'from alice');
      }
      await heal(messenger, bob.messenger, conversation);
    }
  } finally {
    if (alice !== null) await bury(alice);
    await bury(bob);
    rmSync(folder, { recursive: true, force: true });
  }
  return points.count;
}

async function heal(
  alice: Messenger,
  bob: Messenger,
  conversation: NonNullable<Prepared['conversation']>,
): Promise<void> {
  const [atAlice, atBob] = await until(
    () => Promise.all([texts(alice, conversation), texts(bob, conversation)]),
    (both) =>
      both.every((each) => each.includes('from alice') && each.includes('from bob') && !each.includes('awaited')),
  );
  assert.deepEqual(atAlice, atBob);
  assert.equal(new Set(atAlice).size, atAlice.length, `doubled: ${atAlice.join()}`);
  for (const messenger of [alice, bob]) {
    await until(
      () => messenger.outbox(),
      (waiting) => waiting.length === 0,
    );
  }
}
