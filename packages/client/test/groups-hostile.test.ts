import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { InProcessEngine } from '@sotto/engine';
import type { ProcessEntryResult, RecordName } from '@sotto/engine';
import { openVault, recordStore } from '@sotto/vault';
import type { VaultReader } from '@sotto/vault';
import { decodeLogEntry } from '@sotto/wire';
import { accounts, groups, SELF } from '../src/store/tables.ts';
import { agree, Circle, HOUR, MINUTE, SECOND } from './support/circle.ts';
import { testFolder } from './support/folders.ts';
import { keystoreIn, texts } from './support/people.ts';
import type { Person } from './support/people.ts';

const provider = nativeProvider();

/** Gives entries to the engine over the records of a vault, as its device would, and says what it made of each. */
async function tryToRead(folder: string, entries: readonly Uint8Array[], now: number): Promise<ProcessEntryResult[]> {
  const vault = await openVault({
    path: join(folder, 'vault'),
    keystore: keystoreIn(folder),
    provider,
    clock: { now: () => now },
  });
  const engine = new InProcessEngine({ crypto: provider });
  const [group] = vault.read((read) => groups.all(read)).map(({ row }) => row);
  const self = vault.read((read) => accounts.need(read, SELF));
  assert.ok(group !== undefined);
  const own = { account: self.account, device: self.device, chain: self.chain };
  const results: ProcessEntryResult[] = [];
  for (const entry of entries) {
    const records = new Map<RecordName, Uint8Array | null>();
    for (;;) {
      const request = { kind: 'process-entry', own, group: group.id, entry, now } as const;
      const reply = await engine.call<'process-entry'>(request, records);
      if (reply.kind === 'need') {
        for (const name of reply.names)
          records.set(
            name,
            vault.read((read) => recordStore(read).get(name)),
          );
        continue;
      }
      vault.transaction((write) => {
        for (const { name, bytes } of reply.changed) recordStore(write).put(name, bytes);
      });
      results.push(reply.result);
      break;
    }
  }
  await engine.close();
  vault.close();
  return results;
}

suite('R-GRP-4 groups against a hostile gateway and those who are out', () => {
  test('R-GRP-SEC a removed device opens nothing sent afterwards, given everything and its state of before', async () => {
    await using circle = await Circle.of(['alice', 'bob', 'carol']);
    const [alice, bob, carol] = circle.people as [Person, Person, Person];
    const id = await circle.group('Without carol');
    await alice.messenger.send(id, 'for carol too');
    await circle.pass(5 * SECOND);
    // A copy of all that she has, from before anybody thought of removing her.
    await carol.messenger.close();
    const copy = testFolder('copy');
    cpSync(carol.folder, copy, { recursive: true });
    await carol.open();
    await circle.pass(5 * SECOND);
    const log = (await logOf(alice)) ?? new Uint8Array(0);
    const before = await circle.gateway.logs.entries(log);
    await alice.messenger.groups.remove(id, [await circle.account(carol)]);
    await circle.pass(5 * SECOND);
    for (const person of [alice, bob]) await person.messenger.send(id, `not for carol, ${person.name}`);
    await alice.messenger.groups.edit(id, { name: 'Secret' });
    await circle.pass(5 * SECOND);
    await bob.messenger.send(id, 'nor this');
    await circle.pass(5 * SECOND);
    const all = await circle.gateway.logs.entries(log);
    const since = all.slice(before.length).map(({ entry }) => entry);
    const kinds = since.map((entry) => decodeLogEntry(entry).kind);
    assert.ok(kinds.filter((kind) => kind === 'message').length >= 3);
    for (const withRemoval of [true, false]) {
      const folder = testFolder('copy-of-copy');
      cpSync(copy, folder, { recursive: true });
      const given = withRemoval ? since : since.filter((_, i) => i !== kinds.indexOf('commit'));
      const results = await tryToRead(folder, given, circle.clock.now());
      const removal = results.findIndex((result) => result.kind === 'commit' && result.change.removedSelf);
      assert.equal(removal >= 0, withRemoval);
      const after = results.slice(removal + 1).map(({ kind }) => kind);
      assert.ok(!after.includes('message') && !after.includes('commit'), after.join());
      rmSync(folder, { recursive: true, force: true });
    }
    rmSync(copy, { recursive: true, force: true });
    assert.deepEqual(await texts(carol.messenger, id), ['for carol too']);
    assert.equal(await hasKeys(carol), false, 'keys of a group that is over are left');
    assert.equal(await hasKeys(alice), true);
  });

  test('garbage and repeated entries in the log cost nothing but themselves', async () => {
    await using circle = await Circle.of(['alice', 'bob']);
    const [alice, bob] = circle.people as [Person, Person];
    let last: Uint8Array = randomBytes(600);
    let fake = 0;
    const carol = await circle.add('carol', ({ entry }) => {
      if (decodeLogEntry(entry).kind !== 'message' || fake++ % 3 !== 2) return (last = entry);
      return fake % 2 === 0 ? last : randomBytes(entry.length);
    });
    await circle.acquaint(alice, carol);
    const id = await circle.group('Noise', [bob, carol]);
    for (let i = 0; i < 9; i++) {
      await alice.messenger.send(id, `message ${i}`);
      await circle.pass(SECOND);
    }
    await alice.messenger.groups.edit(id, { name: 'Still here' });
    await circle.pass(10 * SECOND);
    const read = (await texts(carol.messenger, id)).filter((text) => !text.startsWith('gap'));
    assert.equal(new Set(read).size, read.length, 'something was shown twice');
    assert.ok(read.length >= 3 && read.length < 9, `${read.length} read`);
    assert.equal((await carol.messenger.groups.get(id))?.name, 'Still here');
    await carol.messenger.send(id, 'I can write');
    await circle.pass(5 * SECOND);
    assert.ok((await texts(bob.messenger, id)).includes('I can write'));
  });

  test('entries in another order than others see them: nothing is accepted that is not in its place', async () => {
    await using circle = await Circle.of(['alice', 'bob']);
    const [alice, bob] = circle.people as [Person, Person];
    const held: Uint8Array[] = [];
    let swapping = false;
    const carol = await circle.add('carol', ({ entry }) => {
      if (!swapping) return entry;
      held.push(entry);
      // Pairs come the wrong way round.
      return held.length % 2 === 1 ? randomBytes(300) : (held[held.length - 1] ?? entry);
    });
    await circle.acquaint(alice, carol);
    const id = await circle.group('Order', [bob, carol]);
    swapping = true;
    await alice.messenger.groups.edit(id, { name: 'Changed' });
    await circle.pass(5 * SECOND);
    for (let i = 0; i < 24; i++) {
      await (i % 2 === 0 ? alice : bob).messenger.send(id, `message ${i}`);
      await circle.pass(SECOND);
    }
    swapping = false;
    await circle.pass(2 * HOUR);
    assert.equal((await carol.messenger.groups.get(id))?.state, 'joined');
    assert.equal((await carol.messenger.groups.get(id))?.name, 'Changed');
    await alice.messenger.send(id, 'in order');
    await circle.pass(MINUTE);
    assert.ok((await texts(carol.messenger, id)).includes('in order'));
    await agree([alice, bob], id);
  });

  test('entries withheld and given later: everything is read, in order', async () => {
    await using circle = await Circle.of(['alice', 'bob']);
    const [alice, bob] = circle.people as [Person, Person];
    const id = await circle.group('Late', [bob]);
    circle.cut(bob);
    await alice.messenger.send(id, 'one');
    await alice.messenger.groups.rotate(id);
    await circle.pass(5 * MINUTE);
    await alice.messenger.send(id, 'two');
    await circle.pass(5 * MINUTE);
    circle.join(bob);
    await circle.pass(5 * MINUTE);
    await agree([alice, bob], id);
    assert.deepEqual(await texts(bob.messenger, id), ['one', 'two']);
  });
});

/** Whether a device still has cryptographic state of its only group. */
function hasKeys(person: Person): Promise<boolean> {
  return inVault(person, (read) => {
    const [row] = groups.all(read).map((entry) => entry.row);
    const name = `mls/${Buffer.from(row?.id ?? []).toString('hex')}/group`;
    return recordStore(read).get(name) !== null;
  });
}

/** The log of the only group of somebody. */
function logOf(person: Person): Promise<Uint8Array | undefined> {
  return inVault(person, (read) => groups.all(read)[0]?.row.log?.log);
}

async function inVault<T>(person: Person, look: (read: VaultReader) => T): Promise<T> {
  await person.messenger.close();
  const vault = await openVault({
    path: join(person.folder, 'vault'),
    keystore: keystoreIn(person.folder),
    provider,
    clock: { now: () => Date.now() },
  });
  const seen = vault.read(look);
  vault.close();
  await person.open();
  return seen;
}
