import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { EngineError } from '@sotto/engine';
import type { EngineRequest, RequestKind } from '@sotto/engine';
import { decodeLogEntry, decodeLogPost, logId } from '@sotto/wire';
import { openEntry, sealEntry } from '../src/groups/epoch-keys.ts';
import { readLogState } from '../src/groups/log-state.ts';
import { crypto, found, GATEWAY, keyPackageOf, Member, newPerson } from './group-members.ts';
import { hexOf } from './support.ts';
import type { TestDevice } from './support.ts';

/** A few bytes changed, cut out or put in. */
interface Mutation {
  readonly at: number;
  readonly how: 'set' | 'flip' | 'cut' | 'repeat' | 'truncate';
  readonly value: number;
}

const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({
    at: fc.nat(),
    how: fc.constantFrom('set', 'flip', 'cut', 'repeat', 'truncate'),
    value: fc.nat(255),
  }),
  { minLength: 1, maxLength: 3 },
);

function mutated(bytes: Uint8Array, changes: readonly Mutation[]): Uint8Array {
  let result = bytes;
  for (const { at, how, value } of changes) {
    if (result.length === 0) return result;
    const place = at % result.length;
    if (how === 'set') result = result.with(place, value);
    else if (how === 'flip') result = result.with(place, (result[place] ?? 0) ^ (1 << (value % 8)));
    else if (how === 'truncate') result = result.slice(0, place);
    else {
      const piece = result.subarray(place, place + 1 + (value % 40));
      const rest = how === 'cut' ? result.subarray(place + piece.length) : result.subarray(place);
      result = Uint8Array.from([...result.subarray(0, place), ...(how === 'cut' ? [] : piece), ...rest]);
    }
  }
  return result;
}

/** The result of a call that must not fail but with a code, and what it would change. */
async function attempt<Kind extends RequestKind>(device: TestDevice, request: EngineRequest<Kind>) {
  try {
    return await device.attempt(request);
  } catch (error) {
    if (error instanceof EngineError && error.code !== 'damaged_record') return null;
    throw error;
  }
}

describe('what others send, with bytes changed', () => {
  let ann: Member;
  let bob: Member;
  let entries: {
    readonly kind: 'message' | 'proposal' | 'commit';
    readonly mls: Uint8Array;
    readonly entry: Uint8Array;
  }[];
  let invitation: { readonly welcome: Uint8Array; readonly tree: Uint8Array };
  let dan: Member;
  let keyPackage: Uint8Array;
  let offer: { readonly groupInfo: Uint8Array; readonly externalKey: Uint8Array; readonly admission: Uint8Array };

  before(async () => {
    const [a, b, d] = [await newPerson('Ann'), await newPerson('Bob', 2), await newPerson('Dan')];
    ann = await found(a);
    [bob] = (await ann.add({ person: b, device: b.devices[0]! })) as [Member];
    await ann.say('hello');
    const propose = { kind: 'update' } as const;
    const { posts } = await ann.call({ kind: 'create-proposals', group: ann.group, propose });
    ann.log.post(posts[0]!.post);
    await ann.read();
    const made = await ann.make({ add: [await keyPackageOf(d.devices[0]!)], chains: [d.chain] });
    ann.log.append(decodeLogPost(made.post).entry.bytes, 'commit');
    entries = ann.log.entries.slice(1).map(({ kind, entry }) => {
      const state = readLogState(bob.device.records.get(`mls/${hexOf(bob.group)}/log`)!);
      const content = openEntry(crypto, state.current.sealKey, decodeLogEntry(entry));
      assert.ok(content);
      return { kind: kind as 'message', mls: content.mls, entry };
    });
    invitation = { welcome: made.next.welcomes[0]!.welcome, tree: made.next.tree! };
    dan = new Member(d, d.devices[0]!, ann.group, ann.log);
    keyPackage = await keyPackageOf(b.devices[1]!);
    offer = await bob.call({ kind: 'offer-rejoin', group: bob.group, expiresAt: bob.now / 1000 + 600 });
  });

  it('an entry, outside and inside the seal, is passed over or refused, and changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.boolean(), mutations, async (which, inside, changes) => {
        const { kind, mls, entry } = entries[which]!;
        const state = readLogState(bob.device.records.get(`mls/${hexOf(bob.group)}/log`)!);
        const fields = { log: logId(state.current.log), epochKey: state.current.publicKey };
        const changed = mutated(inside ? mls : entry, changes);
        if (changed.length === 0 || Buffer.compare(changed, inside ? mls : entry) === 0) return;
        const given = inside
          ? sealEntry(
              crypto,
              state.current.sealKey,
              kind === 'commit' ? { ...fields, kind, successor: crypto.random(32) } : { ...fields, kind },
              { mls: changed, chains: [] },
            )
          : changed;
        const { own, group, now } = bob;
        const got = await attempt(bob.device, { kind: 'process-entry', own, group, entry: given, now });
        assert.ok(got);
        assert.ok(got.result.kind === 'passed-over' || got.result.kind === 'invalid', got.result.kind);
        assert.deepEqual(got.changed, []);
      }),
      { numRuns: 150 },
    );
  });

  it('an invitation lets nobody into another group than it is to', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), mutations, async (inWelcome, changes) => {
        const welcome = inWelcome ? mutated(invitation.welcome, changes) : invitation.welcome;
        const tree = inWelcome ? invitation.tree : mutated(invitation.tree, changes);
        const chains = dan.chainsOfMembers();
        const { own, now } = dan;
        const got = await attempt(dan.device, { kind: 'join-group', own, welcome, tree, chains, now });
        assert.ok(got);
        if (got.result.kind === 'joined') assert.deepEqual(got.result.head.group, ann.group);
        else assert.deepEqual(got.changed, []);
      }),
      { numRuns: 100 },
    );
  });

  it('a key package is refused, or still that of the device', async () => {
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        const given = mutated(keyPackage, changes);
        const { keyPackage: facts } = await bob.call({ kind: 'inspect-key-package', keyPackage: given, now: bob.now });
        if (facts !== null) assert.equal(facts.device.length, 16);
        const request = bob.commitRequest({ add: [given], chains: [bob.person.chain] });
        const got = await attempt(bob.device, request);
        assert.ok(got);
        if (got.result.kind === 'made') assert.deepEqual(given, keyPackage);
        else assert.deepEqual(got.changed, []);
      }),
      { numRuns: 100 },
    );
  });

  it('what is offered to come back with', async () => {
    const second = new Member(bob.person, bob.person.devices[1]!, bob.group, bob.log);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('groupInfo', 'admission', 'externalKey'), mutations, async (part, changes) => {
        const got = await attempt(second.device, {
          kind: 'rejoin-group',
          own: second.own,
          gateway: GATEWAY,
          group: bob.group,
          ...offer,
          [part]: mutated(offer[part as 'groupInfo'], changes),
          position: bob.after,
          chains: bob.chainsOfMembers(),
          now: bob.now,
        });
        if (got === null) return;
        if (got.result.kind === 'made' && part === 'groupInfo') assert.deepEqual(got.result.head.group, bob.group);
        if (got.result.kind !== 'made') assert.deepEqual(got.changed, []);
      }),
      { numRuns: 100 },
    );
  });
});
