import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { replay } from '@sotto/identity';
import { decodeGroupPolicy, decodeLogPost, encodeGroupPolicy, equalBytes } from '@sotto/wire';
import {
  assertAgree,
  assertTalk,
  found,
  GATEWAY,
  keyPackageOf,
  Member,
  newPerson,
  readAll,
  rejoin,
} from './group-members.ts';
import { NOW } from './support.ts';

/** Ann (owner, two devices), Bob (two devices), Cid. */
async function three(): Promise<{ all: Member[]; ann: Member; ann2: Member; bob: Member; bob2: Member; cid: Member }> {
  const [a, b, c] = [await newPerson('Ann', 2), await newPerson('Bob', 2), await newPerson('Cid')];
  const ann = await found(a);
  const [ann2, bob, bob2, cid] = (await ann.add(
    { person: a, device: a.devices[1]! },
    { person: b, device: b.devices[0]! },
    { person: b, device: b.devices[1]! },
    { person: c, device: c.devices[0]! },
  )) as [Member, Member, Member, Member];
  return { all: [ann, ann2, bob, bob2, cid], ann, ann2, bob, bob2, cid };
}

describe('groups over a log', () => {
  it('three accounts, two of them with two devices, talk', async () => {
    const { all, ann } = await three();
    await assertAgree(all);
    await assertTalk(all);
    const members = await ann.members();
    assert.equal(members.length, 5);
    assert.deepEqual(
      members.map(({ role }) => role),
      ['owner', 'owner', 'member', 'member', 'member'],
    );
    assert.deepEqual(
      members.map(({ rank }) => rank).toSorted((x, y) => x - y),
      [0, 1, 2, 3, 4],
    );
  });

  it('an own message comes back as own, by the id of its entry', async () => {
    const { ann, bob } = await three();
    const entryId = await ann.say('hello');
    assert.deepEqual(await ann.read(), { kind: 'own', epoch: 1, entryId });
    const got = await bob.read();
    assert.ok(got.kind === 'message' && equalBytes(got.entryId, entryId));
    assert.equal(got.role, 'owner');
    assert.deepEqual(got.from.account, ann.person.account);
  });

  it('who is removed reads nothing that is sent afterwards', async () => {
    const { all, ann, cid } = await three();
    await ann.commit({ remove: [await ann.leafOf(cid.device)] });
    const last = await cid.read();
    assert.ok(last.kind === 'commit' && last.change.removedSelf);
    assert.deepEqual(last.change.removed[0]?.why, 'role');
    assert.equal((await cid.head()).status, 'removed');
    const staying = all.filter((member) => member !== cid);
    await assertTalk(staying);
    assert.deepEqual(await cid.read(), { kind: 'passed-over', reason: 'unknown-key' });
    assert.deepEqual(cid.texts, []);
    await assertAgree(staying);
  });

  it('leaving: proposed with all devices, completed by another, and the role goes too', async () => {
    const { ann, bob, bob2, cid, ann2 } = await three();
    const rules = await ann.rules();
    const roles = [...rules.roles, { account: bob.person.account as never, role: 'admin' as const }];
    await ann.commit({ policy: encodeGroupPolicy({ ...rules, roles }) });
    await readAll([bob, bob2, cid, ann2]);
    await bob.leave(true);
    await readAll([ann, ann2, bob, bob2, cid]);
    assert.equal((await cid.head()).proposals.length, 2);
    const made = await cid.commit({});
    assert.equal(made.next.accounts, 2);
    await readAll([ann, ann2, bob, bob2]);
    const last = bob.results.at(-1);
    assert.ok(last?.kind === 'commit' && last.change.removedSelf);
    assert.deepEqual(
      last.change.removed.map(({ why }) => why),
      ['own-account', 'own-account'],
    );
    assert.ok(last.change.policy);
    assert.equal(decodeGroupPolicy(last.change.policy.after).roles.length, 1);
    await assertTalk([ann, ann2, cid]);
    await assertAgree([ann, ann2, cid]);
  });

  it('an account of many devices leaves: each proposal is taken in a few rounds, after a start too', async () => {
    const [a, b] = [await newPerson('Ann'), await newPerson('Bob', 8)];
    const ann = await found(a);
    const bobs = await ann.add(...b.devices.map((device) => ({ person: b, device })));
    await bobs[0]!.leave(true);
    for (const { entry } of ann.log.entries.slice(1)) {
      ann.device.restart();
      const { own, group, now } = ann;
      const { rounds, result, changed } = await ann.device.attempt({ kind: 'process-entry', own, group, entry, now });
      ann.device.commit(changed);
      assert.equal(result.kind, 'proposal');
      assert.ok(rounds <= 5, `${rounds} rounds`);
    }
    ann.device.restart();
    const { rounds, result } = await ann.device.attempt({ kind: 'group-head', group: ann.group });
    assert.equal(result.head.proposals.length, 8);
    assert.ok(rounds <= 5, `${rounds} rounds`);
    ann.position = ann.after = ann.log.entries.length;
    const made = await ann.commit({});
    assert.equal(made.next.accounts, 1);
    await readAll(bobs);
    for (const bob of bobs) assert.equal((await bob.head()).status, 'removed');
  });

  it('an update renews keys, and shows the later head of the chain', async () => {
    const { all, bob } = await three();
    const before = (await bob.members()).find(({ device }) => equalBytes(device, bob.device.device));
    const added = await bob.person.addDevice();
    await bob.commit({ update: true });
    await readAll(all);
    const after = (await bob.members()).find(({ device }) => equalBytes(device, bob.device.device));
    assert.equal(after?.head.sequence, before!.head.sequence + 1);
    await assertTalk(all);
    // The new device comes in by one of its account; nobody else may add it.
    const [third] = await bob.add({ person: bob.person, device: added });
    await readAll(all);
    await assertTalk([...all, third!]);
  });

  it('an own proposal of fresh keys counts when it comes back', async () => {
    const { all, ann, cid } = await three();
    const { posts } = await cid.call({ kind: 'create-proposals', group: cid.group, propose: { kind: 'update' } });
    assert.equal((await cid.head()).proposals.length, 0);
    assert.equal(typeof cid.log.post(posts[0]!.post), 'number');
    await readAll(all);
    assert.equal((await cid.head()).proposals.length, 1);
    await ann.commit({});
    await readAll(all);
    await assertTalk(all);
  });

  it('races: the one that comes second is lost, and is done again', async () => {
    const { all, ann, bob } = await three();
    const first = await ann.make({ update: true });
    const second = await bob.make({ update: true });
    assert.equal(typeof ann.log.post(first.post), 'number');
    assert.equal(bob.log.post(second.post), 'conflict');
    const last = await bob.read();
    assert.ok(last.kind === 'commit');
    assert.deepEqual(last.change.lost, [second.entryId]);
    assert.deepEqual((await bob.head()).pendingCommits, []);
    await bob.commit({ update: true });
    await readAll(all);
    await assertTalk(all);
    await assertAgree(all);
  });

  it('a commit that came second and was taken by the log is passed over', async () => {
    const { all, ann, bob } = await three();
    const first = await ann.make({ update: true });
    const second = await bob.make({ update: true });
    ann.log.post(first.post);
    // As a log would that has lost count.
    ann.log.append(decodeLogPost(second.post).entry.bytes, 'commit');
    await readAll(all);
    for (const member of all) assert.deepEqual(member.results.at(-1), { kind: 'passed-over', reason: 'lost-commit' });
    await assertTalk(all);
  });

  it('late messages of an earlier epoch are read, but not of somebody removed since', async () => {
    const { all, ann, bob, cid } = await three();
    const content = new TextEncoder().encode('late');
    const late = await bob.call({ kind: 'encrypt-entry', group: bob.group, content });
    const removed = await cid.call({ kind: 'encrypt-entry', group: cid.group, content });
    await ann.commit({ remove: [await ann.leafOf(cid.device)] });
    assert.equal(typeof ann.log.post(late.post), 'number');
    assert.equal(typeof ann.log.post(removed.post), 'number');
    await readAll(all);
    assert.deepEqual(ann.texts, ['late']);
    assert.deepEqual(ann.results.at(-1), { kind: 'passed-over', reason: 'late-from-removed' });
    // Once nothing can be late any more, the keys go.
    const { expired } = await ann.call({ kind: 'expire-group', group: ann.group, before: ann.now + 1 });
    assert.equal(expired, 2);
    assert.ok(![...ann.device.records.keys()].some((name) => name.includes('/past/')));
    ann.position -= 2;
    await ann.next();
    assert.deepEqual(ann.results.at(-1), { kind: 'passed-over', reason: 'unknown-key' });
  });

  it('coming back by an external commit, in place of the former leaf', async () => {
    const { all, ann, bob } = await three();
    for (const name of bob.device.records.keys()) if (name.startsWith('mls/')) bob.device.records.delete(name);
    const { entryId } = await rejoin(bob, ann);
    const last = await bob.read();
    assert.ok(last.kind === 'commit' && last.change.own && last.change.external);
    assert.deepEqual(last.entryId, entryId);
    assert.deepEqual(last.change.removed[0]?.why, 'rejoined');
    await readAll(all);
    const seen = ann.results.at(-1);
    assert.ok(seen?.kind === 'commit' && seen.change.external && seen.change.removed[0]?.why === 'rejoined');
    await assertTalk(all);
    await assertAgree(all);
  });

  it('a device new in a chain adds itself by an external commit', async () => {
    const { all, ann, cid } = await three();
    const device = await cid.person.addDevice();
    const second = new Member(cid.person, device, cid.group, cid.log);
    await rejoin(second, ann);
    await readAll([...all, second]);
    await assertTalk([...all, second]);
    await assertAgree([...all, second]);
  });

  it('anybody removes a revoked device, by showing that it is; and nobody takes it in again', async () => {
    const { all, ann, bob, bob2, cid } = await three();
    const stale = await keyPackageOf(bob2.device);
    await bob.person.revoke(bob2.device);
    const leaf = await cid.leafOf(bob2.device);
    assert.equal(await cid.refusal({ remove: [leaf] }), 'remove');
    const { view } = replay(cid.device.crypto, bob.person.chain);
    const revoked = [{ account: bob.person.account, head: view.head }];
    assert.equal(await cid.refusal({ remove: [leaf], revoked }), 'remove');
    await cid.commit({ remove: [leaf], revoked, chains: [bob.person.chain] });
    await readAll(all);
    const last = ann.results.at(-1);
    assert.ok(last?.kind === 'commit' && last.change.removed[0]?.why === 'revoked');
    assert.equal(last.change.chains.length, 1);
    assert.equal(await bob.refusal({ add: [stale] }), 'credential');
    await assertTalk(all.filter((member) => member !== bob2));
  });

  it('a crash at any point: the same call again gives a result as good', async () => {
    const { all, ann, bob, cid } = await three();
    // Made and not stored: never posted.
    await bob.device.attempt(bob.commitRequest({ update: true }));
    bob.device.restart();
    const made = await bob.make({ update: true });
    bob.device.restart();
    assert.equal(typeof bob.log.post(made.post), 'number');
    for (const member of [bob, ann, cid]) {
      const lost = await member.next(true);
      assert.equal(lost?.kind, 'commit');
    }
    await readAll(all);
    await assertTalk(all);
    await assertAgree(all);
  });

  it('ending a group leaves none of its records, at any time', async () => {
    const { all, ann, bob, cid } = await three();
    await assertTalk(all);
    await cid.leave(false);
    await readAll(all);
    await ann.commit({});
    await readAll(all);
    await assertTalk(all.filter((member) => member !== cid));
    await bob.make({ update: true });
    for (const member of [bob, cid]) {
      const { ended } = await member.call({ kind: 'end-group', group: member.group });
      assert.ok(ended);
      assert.deepEqual(
        [...member.device.records.keys()].filter((name) => name.startsWith('mls/')),
        [],
      );
    }
    assert.deepEqual(await bob.call({ kind: 'end-group', group: bob.group }), { ended: false });
  });

  it('key packages: used once, the last resort as often as need be', async () => {
    const [a, b] = [await newPerson('Ann'), await newPerson('Bob')];
    const [device] = b.devices as [(typeof b.devices)[0]];
    const { keyPackages } = await device.call({
      kind: 'create-key-packages',
      own: device.own,
      gateway: GATEWAY,
      count: 2,
      lastResort: true,
      suite: 3,
      now: NOW,
    });
    assert.deepEqual(
      keyPackages.map(({ lastResort }) => lastResort),
      [false, false, true],
    );
    for (const [used, left] of [
      [keyPackages[0]!, 2],
      [keyPackages[2]!, 2],
      [keyPackages[2]!, 2],
    ] as const) {
      const ann = await found(a);
      const { next } = await ann.commit({ add: [used.keyPackage], chains: [b.chain] });
      const bob = new Member(b, device, ann.group, ann.log);
      await bob.join(next, [a.chain]);
      const names = [...device.records.keys()].filter((name) => name.startsWith('key-package/'));
      assert.equal(names.length, left);
    }
    const refs = keyPackages.map(({ ref }) => ref);
    assert.deepEqual(await device.call({ kind: 'delete-key-packages', refs }), { deleted: 2 });
  });

  it('a commit that cannot add everybody says who is to blame', async () => {
    const { ann, bob } = await three();
    const [d, e] = [await newPerson('Dan'), await newPerson('Eve')];
    const good = await keyPackageOf(d.devices[0]!);
    const forged = await keyPackageOf(e.devices[0]!);
    forged[forged.length - 1]! ^= 1;
    const there = await keyPackageOf(bob.device);
    const chains = [d.chain, e.chain, bob.person.chain];
    for (const [bad, rule] of [
      [forged, 'mls'],
      [there, 'two-leaves'],
      [await keyPackageOf(d.devices[0]!, 1), 'mls'],
    ] as const) {
      const { keyPackage } = await ann.call({ kind: 'inspect-key-package', keyPackage: bad, now: ann.now });
      const refused = await ann.call(ann.commitRequest({ add: [good, bad], chains }));
      assert.deepEqual(refused, { kind: 'refused', rule, keyPackages: [keyPackage?.ref] });
    }
    assert.equal((await ann.make({ add: [good], chains })).next.welcomes.length, 1);
  });

  it('a newcomer is told at once of all chains that it lacks', async () => {
    const { ann, bob, cid } = await three();
    const d = await newPerson('Dan');
    const made = await ann.commit({ add: [await keyPackageOf(d.devices[0]!)], chains: [d.chain] });
    const [welcome] = made.next.welcomes;
    const request = {
      kind: 'join-group',
      own: d.devices[0]!.own,
      welcome: welcome!.welcome,
      tree: made.next.tree!,
      now: ann.now,
    } as const;
    const result = await d.devices[0]!.call({ ...request, chains: [] });
    assert.ok(result.kind === 'need-chains');
    assert.deepEqual(
      result.chains.map(({ account }) => account),
      [ann, bob, cid].map((member) => member.person.account),
    );
    const again = await d.devices[0]!.call({ ...request, chains: [ann.person.chain, bob.person.chain.slice(0, 1)] });
    assert.ok(again.kind === 'need-chains');
    assert.equal(again.chains.length, 2);
  });

  it('the default suite is X-Wing', async () => {
    const [a, b] = [await newPerson('Ann'), await newPerson('Bob')];
    const ann = await found(a, { suite: 0xf002 });
    const { next } = await ann.commit({ add: [await keyPackageOf(b.devices[0]!, 0xf002)], chains: [b.chain] });
    const bob = new Member(b, b.devices[0]!, ann.group, ann.log);
    await bob.join(next, [a.chain]);
    bob.position = ann.position;
    await assertTalk([ann, bob]);
    assert.equal((await bob.head()).suite, 0xf002);
  });
});
