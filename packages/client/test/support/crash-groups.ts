import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ConversationRef, Messenger } from '../../src/index.ts';
import { bury, open, orCrash } from './crash-scenario.ts';
import type { Prepared, Side } from './crash-scenario.ts';
import { CrashPoints } from './crash.ts';
import { testFolder } from './folders.ts';
import { texts, until } from './people.ts';

/**
 * Alice makes a group with Bob, renames it and writes in it; her process dies at the instant `at` and comes up again.
 * What she was told is stored is there once, both agree, and what Bob writes arrives. Gives back how many instants there
 * were.
 */
export async function crashGroupRun(prepared: Prepared, at: number | null): Promise<number> {
  const folder = testFolder('crash-group');
  cpSync(prepared.folder, folder, { recursive: true });
  const gateway = prepared.gateway.fork();
  const points = new CrashPoints(at);
  const bob = await open(join(folder, 'bob'), gateway, new CrashPoints(null));
  const promised: string[] = [];
  let alice: Side | null = null;
  try {
    alice = await open(join(folder, 'alice'), gateway, points).catch(orCrash(points));
    let whole = false;
    if (alice !== null) {
      const side = alice;
      whole = await act(side.messenger, promised)
        .then(() => check(side.messenger, bob.messenger, promised))
        .then(
          () => true,
          (cause: unknown) => orCrash(points)(cause) !== null,
        );
      if (!whole) await bury(side);
    }
    if (!whole) {
      assert.ok(points.crashed);
      alice = await open(join(folder, 'alice'), gateway, new CrashPoints(null));
      await act(alice.messenger, promised);
      await check(alice.messenger, bob.messenger, promised);
    }
  } finally {
    if (alice !== null) await bury(alice);
    await bury(bob);
    gateway.logs.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return points.count;
}

/** Everything that was not promised yet, as a person would who was not told that it is stored. */
async function act(alice: Messenger, promised: string[]): Promise<void> {
  const [contact] = await alice.contacts();
  assert.ok(contact !== undefined);
  const [known] = await alice.groups.list();
  const { id } = known ?? (await alice.groups.create({ name: 'Before', accounts: [contact.account] }));
  for (const text of ['one', 'two']) {
    if (!(await texts(alice, id)).includes(text)) await alice.send(id, text);
    promised.push(text);
  }
  const isAsked = (await alice.groups.pending(id)).some(({ kind }) => kind === 'edit');
  if (!isAsked && (await alice.groups.get(id))?.name !== 'After') await alice.groups.edit(id, { name: 'After' });
  await until(
    () => alice.groups.get(id),
    (group) => group?.name === 'After' && group.members === 2,
  );
}

async function check(alice: Messenger, bob: Messenger, promised: readonly string[]): Promise<void> {
  const [group] = await alice.groups.list();
  assert.ok(group !== undefined);
  const { id } = group;
  await until(
    () => Promise.all([bob.groups.get(id), alice.status()]),
    ([there]) => there?.state === 'joined' && there.name === 'After',
  );
  if (!(await texts(bob, id)).includes('from bob')) await bob.send(id, 'from bob');
  const both = () => Promise.all([seen(alice, id), seen(bob, id)]);
  const [atAlice, atBob] = await until(both, ([a, b]) => a.includes('from bob') && a.length === b.length);
  assert.deepEqual(atAlice.toSorted(), atBob.toSorted());
  assert.equal(new Set(atAlice).size, atAlice.length, `doubled: ${atAlice.join()}`);
  for (const text of promised) assert.ok(atBob.includes(text), `lost: ${text}`);
  for (const messenger of [alice, bob]) {
    await until(
      () => messenger.outbox(),
      (waiting) => waiting.length === 0,
    );
    assert.deepEqual(await messenger.groups.pending(id), []);
  }
  const epochs = await Promise.all([alice, bob].map(async (each) => (await each.groups.get(id))?.epoch));
  assert.equal(epochs[0], epochs[1]);
}

async function seen(messenger: Messenger, id: ConversationRef): Promise<string[]> {
  return (await texts(messenger, id)).filter((text) => !text.startsWith('gap'));
}
