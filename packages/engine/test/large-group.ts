import assert from 'node:assert/strict';
import type { EngineCalls, EngineRequest, RequestKind } from '@sotto/engine';
import { found, keyPackageOf, Member, newPerson } from './group-members.ts';
import type { Person } from './group-members.ts';
import type { TestDevice } from './support.ts';

/** What a call costs its caller. */
export interface Cost {
  readonly rounds: number;
  /** Records asked for. */
  readonly asked: number;
  readonly askedNodes: number;
  readonly written: number;
  readonly bytesWritten: number;
  /** CPU of all rounds. */
  readonly ms: number;
}

export interface LargeGroup {
  readonly founder: Member;
  readonly others: readonly Member[];
  readonly costs: ReadonlyMap<string, Cost>;
}

/** A group with one device an account, of which a few are there to act. */
export async function largeGroup(size: number, suite: number): Promise<LargeGroup> {
  const people: Person[] = [];
  for (let i = 0; i < size; i++) people.push(await newPerson(`Person ${i}`));
  const [first, ...rest] = people;
  assert.ok(first);
  const founder = await found(first, { suite });
  const add: Uint8Array[] = [];
  for (const { devices } of rest) add.push(await keyPackageOf(devices[0]!, suite));
  const chains = people.map(({ chain }) => chain);
  const costs = new Map<string, Cost>();
  const measured = meter(costs);
  const made = await measured('add-all', founder.device, founder.commitRequest({ add, chains }));
  assert.ok(made.kind === 'made');
  assert.equal(typeof founder.log.post(made.post), 'number');
  await measured('add-all, read back', founder.device, entryOf(founder));
  const others: Member[] = [];
  const { welcomes, tree } = made.next;
  assert.ok(tree);
  for (const [i, one] of rest.slice(0, 2).entries()) {
    const member = new Member(one, one.devices[0]!, founder.group, founder.log);
    const { own, now } = member;
    const { welcome } = welcomes[i]!;
    const request: EngineRequest<'join-group'> = { kind: 'join-group', own, welcome, tree, chains, now };
    const joined: EngineCalls['join-group']['result'] = await measured('join', member.device, request);
    assert.equal(joined.kind, 'joined');
    for (const reader of [member, founder]) {
      reader.position = 1;
      reader.after = 1;
    }
    others.push(member);
  }
  const [bob, cid] = others as [Member, Member];
  const content = new Uint8Array(1024);
  for (const name of ['message, first of a sender', 'message']) {
    const { post } = await measured(`encrypt a ${name}`, bob.device, {
      kind: 'encrypt-entry',
      group: bob.group,
      content,
    });
    assert.equal(typeof bob.log.post(post), 'number');
    for (const member of [founder, bob, cid]) {
      // As after a start: nothing is in memory.
      member.device.restart();
      const kind = member === bob ? 'an own message' : `a ${name}`;
      const got = await measured(`process ${kind}`, member.device, entryOf(member));
      assert.equal(got.kind, member === bob ? 'own' : 'message');
      member.position++;
    }
  }
  const update = await measured('update', bob.device, bob.commitRequest({ update: true }));
  assert.ok(update.kind === 'made');
  assert.equal(typeof bob.log.post(update.post), 'number');
  await measured('update, read back', bob.device, entryOf(bob));
  await measured('process an update', cid.device, entryOf(cid));
  assert.equal((await founder.next())?.kind, 'commit');
  for (const member of [bob, cid]) {
    member.position++;
    member.after = member.position;
  }
  const removal = await measured('remove', founder.device, founder.commitRequest({ remove: [size - 1] }));
  assert.ok(removal.kind === 'made');
  assert.equal(typeof founder.log.post(removal.post), 'number');
  assert.equal((await measured('process a removal', bob.device, entryOf(bob))).kind, 'commit');
  return { founder, others, costs };
}

function entryOf(member: Member): EngineRequest<'process-entry'> {
  const { own, group, now, position } = member;
  const { entry } = member.log.entries[position]!;
  return { kind: 'process-entry', own, group, entry, now };
}

function meter(costs: Map<string, Cost>) {
  return async <Kind extends RequestKind>(name: string, device: TestDevice, request: EngineRequest<Kind>) => {
    const given = new Map<string, Uint8Array | null>();
    const before = process.cpuUsage();
    for (let rounds = 1; ; rounds++) {
      const reply = await device.engine.call(request, given);
      if (reply.kind === 'need') {
        for (const record of reply.names) given.set(record, device.records.get(record) ?? null);
        continue;
      }
      const { user, system } = process.cpuUsage(before);
      const names = [...given.keys()];
      costs.set(name, {
        rounds,
        asked: names.length,
        askedNodes: names.filter((record) => record.includes('/node/')).length,
        written: reply.changed.length,
        bytesWritten: reply.changed.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0),
        ms: (user + system) / 1000,
      });
      device.commit(reply.changed);
      return reply.result;
    }
  };
}
