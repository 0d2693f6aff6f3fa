import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeSigchain, replay } from '@sotto/identity';
import { accountId, deviceId, encodeGroupPolicy, encodeMemberCredential, GROUP_POLICY_EXTENSION } from '@sotto/wire';
import { epochKeyOf } from '../src/groups/epoch-keys.ts';
import { readKeyPairs } from '../src/key-records.ts';
import {
  assertAgree,
  assertTalk,
  crypto,
  found,
  GATEWAY,
  keyPackageOf,
  Member,
  MemoryLog,
  newPerson,
  readAll,
  rejoin,
} from './group-members.ts';
import { assertAllRefuse, entryOf, failingFor, Hostile } from './hostile-member.ts';

/** Ann (owner), Bob (two devices), and Mallory, a plain member. */
async function scene() {
  const [a, b, m] = [await newPerson('Ann'), await newPerson('Bob', 2), await newPerson('Mallory')];
  const ann = await found(a, { rules: { add: 'admins' } });
  const [bob, bob2, mallory] = (await ann.add(
    { person: b, device: b.devices[0]! },
    { person: b, device: b.devices[1]! },
    { person: m, device: m.devices[0]! },
  )) as [Member, Member, Member];
  return { ann, bob, bob2, mallory, honest: [ann, bob, bob2], hostile: new Hostile(mallory) };
}

describe('hostile members and gateways of groups', () => {
  it('a member adds, removes, renames, takes a role, without the right to', async () => {
    const { ann, bob, honest, hostile } = await scene();
    const d = await newPerson('Dan');
    const keyPackage = await keyPackageOf(d.devices[0]!);
    hostile.commit((commit) => commit.add(keyPackage), { chains: [encodeSigchain(d.chain)] });
    await assertAllRefuse(honest, 'add');
    const target = await ann.leafOf(bob.device);
    hostile.commit((commit) => commit.remove(target));
    await assertAllRefuse(honest, 'remove');
    const rules = await ann.rules();
    const policy = (change: Partial<typeof rules>) => [
      { type: GROUP_POLICY_EXTENSION, data: encodeGroupPolicy({ ...rules, ...change }) },
    ];
    hostile.commit((commit) => commit.extensions(policy({ name: 'Mine' })));
    await assertAllRefuse(honest, 'edit');
    const role = { account: accountId(hostile.member.device.account), role: 'owner' as const };
    hostile.commit((commit) => commit.extensions(policy({ roles: [role] })));
    await assertAllRefuse(honest, 'rule');
    hostile.commit((commit) => commit.extensions([{ type: GROUP_POLICY_EXTENSION, data: new Uint8Array(9) }]));
    await assertAllRefuse(honest, 'policy-form');
    hostile.commit((commit) => commit.extensions([]));
    await assertAllRefuse(honest, 'proposal-kind');
    hostile.commit((commit) => commit.reinit({ groupId: crypto.random(32), cipherSuite: 3 }));
    await assertAllRefuse(honest, 'proposal-kind');
    await ann.commit({ remove: [await ann.leafOf(hostile.member.device)] });
    await readAll(honest);
    await assertTalk(honest);
    await assertAgree(honest);
  });

  it('a commit whose epoch does not have the key that its entry names', async () => {
    const { honest, hostile, bob } = await scene();
    hostile.commit((commit) => commit.update(), { successor: crypto.random(32) });
    await assertAllRefuse(honest, 'successor');
    await bob.commit({ update: true });
    await assertTalk(honest);
  });

  it('a commit that leaves out a removal proposed before it, or is by whom it removes', async () => {
    const { ann, bob, bob2, honest, hostile } = await scene();
    await bob2.leave(false);
    await readAll([...honest, hostile.member]);
    hostile.commit((commit) => commit.withoutPending().update());
    await assertAllRefuse(honest, 'removal-omitted');
    // An own commit that was made before the proposal, and that the log took after it.
    new Hostile(ann).propose({ kind: 'remove', leaf: await ann.leafOf(hostile.member.device) });
    const early = await bob.make({ update: true });
    await readAll([bob, hostile.member]);
    bob.log.append(entryOf(early.post), 'commit');
    const result = await bob.read();
    assert.deepEqual(result, { kind: 'invalid', rule: 'removal-omitted' });
    assert.deepEqual((await bob.head()).pendingCommits, []);
    await bob.commit({});
    await readAll([bob2]);
    assert.equal((await bob2.head()).status, 'removed');
  });

  it('a credential that no chain bears out', async () => {
    const { ann, bob, honest } = await scene();
    // The owner may add: what is wrong is whom.
    const hostile = new Hostile(ann);
    const others = [bob, ...honest.slice(2)];
    const d = await newPerson('Dan');
    const { view } = replay(crypto, d.chain);
    const chains = [encodeSigchain(d.chain)];
    const head = view.head;
    const account = accountId(d.account);
    const device = deviceId(d.devices[0]!.device);
    const attempts: readonly (readonly [string, Uint8Array, readonly Uint8Array[]])[] = [
      ['credential', hostile.keyPackage({ account, device, head }), chains],
      ['credential', hostile.keyPackage({ account, head }), chains],
      ['chain', await keyPackageOf(d.devices[0]!), []],
      ['chain', await keyPackageOf(d.devices[0]!), [encodeSigchain(bob.person.chain)]],
      ['chain', await keyPackageOf(d.devices[0]!), [crypto.random(100)]],
      ['chain', hostile.keyPackage({ account, device, head: { ...head, sequence: 7 } }), chains],
    ];
    for (const [rule, keyPackage, carried] of attempts) {
      hostile.commit((commit) => commit.add(keyPackage), { chains: carried });
      await assertAllRefuse(others, rule);
    }
    await readAll([ann]);
    await ann.commit({ update: true });
    await assertTalk(honest);
  });

  it('nobody goes back behind what the group has seen of a chain', async () => {
    const { ann, bob, bob2, honest } = await scene();
    const old = bob.person.chain;
    const stale = await keyPackageOf(bob2.device);
    await bob.person.revoke(bob2.device);
    await bob.commit({ update: true });
    await bob.commit({ remove: [await bob.leafOf(bob2.device)] });
    await readAll(honest);
    const hostile = new Hostile(bob);
    hostile.commit((commit) => commit.add(stale), { chains: [encodeSigchain(old)] });
    await assertAllRefuse([ann], 'chain');
    hostile.commit((commit) => commit.add(stale), { chains: [encodeSigchain(bob.person.chain)] });
    await assertAllRefuse([ann], 'credential');
  });

  it('a member takes another credential', async () => {
    const { bob, honest, hostile } = await scene();
    const group = hostile.group();
    const own = group.member(await bob.leafOf(bob.device));
    assert.ok(own);
    hostile.commit((commit) => commit.update({ credential: own.credential }), {
      chains: [encodeSigchain(bob.person.chain)],
    });
    await assertAllRefuse(honest, 'credential');
    await bob.commit({ update: true });
    await assertTalk(honest);
  });

  it('proposals: of other kinds, without the right, again and again, and too large', async () => {
    const { bob, honest, hostile } = await scene();
    const target = await bob.leafOf(bob.device);
    hostile.propose({ kind: 'remove', leaf: target });
    await assertAllRefuse(honest, 'remove');
    hostile.propose({ kind: 'psk', psk: { kind: 'external', id: new Uint8Array(60_000), nonce: crypto.random(32) } });
    await assertAllRefuse(honest, 'proposal-kind');
    hostile.propose({ kind: 'group_context_extensions', extensions: [] });
    await assertAllRefuse(honest, 'proposal-kind');
    hostile.propose({ kind: 'reinit', groupId: crypto.random(32), version: 1, cipherSuite: 3, extensions: [] });
    await assertAllRefuse(honest, 'proposal-kind');
    const group = hostile.group();
    const outsider = hostile.client();
    const keyPackage = outsider.createKeyPackage();
    hostile.post('proposal', outsider.proposeJoin({ groupInfo: group.groupInfo(), keyPackage }));
    await assertAllRefuse(honest, 'entry-kind');
    const shared = hostile.group();
    for (let i = 0; i < 20; i++) hostile.post('proposal', shared.proposeUpdate());
    await readAll(honest);
    for (const member of honest) {
      assert.equal((await member.head()).proposals.length, 1);
      assert.deepEqual(member.results.at(-1), { kind: 'passed-over', reason: 'repeated-proposal' });
    }
    await bob.commit({ update: true });
    await readAll(honest);
    await assertAgree(honest);
  });

  it('a commit that refers to a proposal which nobody took', async () => {
    const { bob, honest, hostile } = await scene();
    const group = hostile.group();
    hostile.post('proposal', group.propose({ kind: 'group_context_extensions', extensions: group.extensions }));
    await assertAllRefuse(honest, 'proposal-kind');
    hostile.post('commit', group.commit().create().message);
    await assertAllRefuse(honest, 'mls');
    // An own one that is lost is another matter: others have it.
    const before = new Map(bob.device.records);
    const { posts } = await bob.call({ kind: 'create-proposals', group: bob.group, propose: { kind: 'update' } });
    assert.equal(typeof bob.log.post(posts[0]!.post), 'number');
    bob.device.records.clear();
    for (const [name, bytes] of before) bob.device.records.set(name, bytes);
    const { entryId } = posts[0]!;
    assert.deepEqual(await bob.read(), { kind: 'own', epoch: 1, entryId });
    const [ann] = honest as [Member];
    await readAll([ann]);
    await ann.commit({});
    assert.deepEqual(await bob.read(), { kind: 'passed-over', reason: 'unreadable-commit' });
    await rejoin(bob, ann);
    await readAll(honest);
    await assertTalk(honest);
  });

  it('replays: of an entry, of a message in an entry of its own, in another group, under another key', async () => {
    const { ann, bob, bob2, honest, hostile } = await scene();
    await ann.say('once');
    const { entry } = ann.log.entries.at(-1)!;
    await readAll([...honest, hostile.member]);
    ann.log.append(entry, 'message');
    for (const member of [bob, bob2]) {
      assert.deepEqual(await member.read(), { kind: 'passed-over', reason: 'duplicate' });
      assert.deepEqual(member.texts, ['once']);
    }
    // Of the same people, in another group.
    const ann2 = await found(ann.person);
    const [bobIn2, malloryIn2] = (await ann2.add(
      { person: bob.person, device: bob.device },
      { person: hostile.member.person, device: hostile.member.device },
    )) as [Member, Member];
    ann2.log.append(entry, 'message');
    assert.deepEqual(await bobIn2.read(), { kind: 'passed-over', reason: 'unknown-key' });
    const message = hostile.group().encrypt(new TextEncoder().encode('elsewhere'));
    new Hostile(malloryIn2).post('message', message);
    assert.deepEqual(await bobIn2.read(), { kind: 'invalid', rule: 'mls' });
    // Of this group, as what it is not.
    hostile.post('proposal', message);
    await assertAllRefuse([bob, bob2], 'entry-kind');
    hostile.post('message', new Uint8Array(200));
    await assertAllRefuse([bob, bob2], 'entry-kind');
    hostile.post('commit', message);
    await assertAllRefuse([bob, bob2], 'entry-kind');
    hostile.post('message', message, { key: hostile.state.current.externalSealKey });
    await assertAllRefuse([bob, bob2], 'damaged');
    await assertTalk([ann, bob, bob2]);
  });

  it('entries that are none', async () => {
    const { bob, honest } = await scene();
    const { post } = await bob.make({ update: true });
    const right = entryOf(post);
    for (const garbage of [
      new Uint8Array(),
      crypto.random(100),
      right.subarray(0, right.length - 1),
      Uint8Array.from([...right, 0]),
      right.with(right.length - 1, (right.at(-1) ?? 0) ^ 1),
    ]) {
      bob.log.append(garbage, 'commit');
      await assertAllRefuse(honest, 'damaged');
    }
  });

  it('who was removed: its commits come too late, and what it posts later is of no epoch', async () => {
    const { ann, bob, bob2, honest, hostile } = await scene();
    await ann.commit({ remove: [await ann.leafOf(hostile.member.device)] });
    await readAll([bob, bob2]);
    hostile.commit((commit) => commit.update());
    await assertAllRefuse(honest, 'lost-commit');
    hostile.post('message', hostile.group().encrypt(new Uint8Array(1)));
    await assertAllRefuse(honest, 'late-from-removed');
    hostile.propose({ kind: 'remove', leaf: 3 });
    await assertAllRefuse(honest, 'late-proposal');
    await ann.commit({ update: true });
    await assertTalk(honest);
  });

  it('from outside: a stranger with a stolen admission, a device of another account', async () => {
    const { ann, bob, honest } = await scene();
    const d = await newPerson('Dan');
    const offer = await ann.call({ kind: 'offer-rejoin', group: ann.group, expiresAt: ann.now / 1000 + 600 });
    const dan = new Member(d, d.devices[0]!, ann.group, ann.log);
    const request = {
      kind: 'rejoin-group',
      own: dan.own,
      gateway: GATEWAY,
      group: ann.group,
      ...offer,
      position: ann.after,
      chains: ann.chainsOfMembers(),
      now: ann.now,
    } as const;
    assert.deepEqual(await dan.call(request), { kind: 'refused', reason: 'not-a-member' });
    assert.deepEqual(await dan.call({ ...request, now: ann.now + 3_600_000 }), {
      kind: 'refused',
      reason: 'admission',
    });
    assert.deepEqual(await dan.call({ ...request, admission: new Uint8Array(3) }), {
      kind: 'refused',
      reason: 'admission',
    });
    assert.deepEqual(await dan.call({ ...request, groupInfo: new Uint8Array(3) }), { kind: 'refused', reason: 'mls' });
    // Without asking the engine.
    const hostile = new Hostile(ann);
    const signer = crypto.importPrivate('ed25519', readKeyPairs(dan.device.records.get('device/keys')!).firstPrivate);
    const { head } = replay(crypto, d.chain).view;
    const identity = encodeMemberCredential({
      account: accountId(d.account),
      device: deviceId(dan.device.device),
      head,
      gateway: GATEWAY,
    });
    const stranger = hostile.client({ credential: { kind: 'basic', identity }, signer });
    const { commit, group } = stranger.joinExternally({ groupInfo: offer.groupInfo });
    hostile.post('external-commit', commit, {
      successor: epochKeyOf(crypto, group),
      chains: [encodeSigchain(d.chain)],
    });
    await assertAllRefuse([bob], 'external');
    await assertTalk(honest);
  });

  it('a commit that only some can read: the others notice that the group went on, and come back', async () => {
    const { ann, bob, bob2, hostile } = await scene();
    const target = hostile.group().member(await ann.leafOf(bob2.device));
    assert.ok(target);
    hostile.commit((commit) => commit.update(), { provider: failingFor(target.node.encryptionKey) });
    await readAll([ann, bob]);
    assert.equal((await ann.head()).epoch, 2);
    assert.deepEqual(await bob2.read(), { kind: 'passed-over', reason: 'unreadable-commit' });
    const before = ann.log.entries.length;
    ann.log.append(entryOf((await ann.make({ update: true })).post), 'commit');
    await readAll([ann, bob]);
    assert.deepEqual(await bob2.read(), { kind: 'passed-over', reason: 'unknown-key' });
    assert.equal(bob2.position, before + 1);
    // Its old state is replaced as a whole.
    await rejoin(bob2, ann);
    await readAll([ann, bob, bob2]);
    await assertTalk([ann, bob, bob2]);
    await assertAgree([ann, bob, bob2]);
  });

  it('equivocation: two orders of the log lead apart, which shows, and coming back leads together again', async () => {
    const { ann, bob, bob2, honest } = await scene();
    const first = await ann.make({ update: true });
    const second = await bob.make({ update: true });
    const honestLog = ann.log;
    const shown = bob.log.entries.slice();
    assert.equal(typeof honestLog.post(first.post), 'number');
    honestLog.append(entryOf(second.post), 'commit');
    const other = new MemoryLog(crypto.random(32));
    for (const { entry, kind } of shown) other.append(entry, kind);
    other.append(entryOf(second.post), 'commit');
    other.append(entryOf(first.post), 'commit');
    bob2.log = other;
    await readAll(honest);
    assert.notDeepEqual((await bob2.head()).epochKey, (await ann.head()).epochKey);
    await ann.say('hello');
    bob2.log = honestLog;
    assert.deepEqual(await bob2.read(), { kind: 'passed-over', reason: 'unknown-key' });
    await readAll([ann, bob]);
    await rejoin(bob2, ann);
    await readAll(honest);
    await assertTalk(honest);
    await assertAgree(honest);
  });
});
