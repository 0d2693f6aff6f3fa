import assert from 'node:assert/strict';
import type { Client } from '@sotto/mls';
import { person, utf8 } from '../people.ts';
import { SottoPeer, sottoCandidate } from './peer.ts';
import type { Candidate, Peer } from './peer.ts';
import { tsMls1 } from './ts-mls-1.ts';
import { tsMls2 } from './ts-mls-2.ts';

const SUITE = 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519';
const TOO_STRICT = 'must list leaf node in its unmerged_leaves';

/** A small generator with a seed: a run can be repeated (Mulberry32's step; nothing here is secret). */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/**
 * A group of both implementations through random steps: all must agree on the epoch authenticator and the leaves after
 * each commit, and on every message. Returns how many of each step were taken.
 *
 * Places where ts-mls 1.6 and 2.0 are not RFC 9420 are kept out: it takes a commit secret one derivation further when
 * the root is not in the committer's filtered path (§7.4), which happens when the left half of the tree is empty, so leaf
 * 0 stays; its external_pub extension lacks the length (§12.4.3.2), so it neither gives a GroupInfo nor joins by one; and
 * it refuses trees whose non-blank nodes above an unmerged leaf do not all list the same leaves (§12.4.3.1), so whoever
 * refuses to join for that is removed again. 2.0 commits a single removal or update without a path (§12.4), so whoever
 * removes one is of another kind.
 */
export async function mixedGroup(input: {
  readonly seed: number;
  readonly steps: number;
  readonly maxMembers: number;
  /** Members of ts-mls at one time: they are what a step costs. */
  readonly maxPeers: number;
}): Promise<Readonly<Record<string, number>>> {
  const below = random(input.seed);
  const theirs = [await tsMls1(SUITE), await tsMls2(SUITE)];
  const counts: Record<string, number> = {};
  let names = 0;
  const founder = ours('founder');
  let peers: Peer[] = [new SottoPeer(founder.createGroup())];
  const candidate = async (): Promise<Candidate> => {
    const name = `member ${names++}`;
    const isOurs = below(2) === 0;
    const which = below(theirs.length);
    const alike = peers.filter(({ impl }) => impl === `ts-mls ${which + 1}`).length;
    const make = theirs[which];
    return isOurs || make === undefined || alike >= input.maxPeers / 2 ? sottoCandidate(ours(name)) : make(name);
  };
  for (let step = 0; step < input.steps; step++) {
    const foreign = peers.filter(({ impl }) => impl !== 'sotto');
    const makers = foreign.length > 0 && below(2) === 0 ? foreign : peers;
    const maker = makers[below(makers.length)];
    assert.ok(maker);
    const others = peers.filter((peer) => peer !== maker);
    const removable = others.filter(({ leaf }) => leaf !== 0);
    const dice = below(10);
    if (dice < 3 && others.length > 0) {
      count(counts, `text by ${maker.impl}`);
      const data = utf8(`step ${step}`);
      const message = await maker.encrypt(data);
      for (const peer of others) assert.deepEqual(Buffer.from((await peer.process(message)) ?? []), Buffer.from(data));
      continue;
    }
    if (dice < 6 && peers.length < input.maxMembers) {
      const added = await Promise.all(Array.from({ length: 1 + below(3) }, candidate));
      const before = new Set(maker.leaves);
      count(counts, `add by ${maker.impl}`);
      const { commit, welcome } = await maker.commit({ add: added.map(({ keyPackage }) => keyPackage), remove: [] });
      for (const peer of others) await peer.process(commit);
      assert.ok(welcome);
      const places = maker.leaves.filter((leaf) => !before.has(leaf));
      const refused: number[] = [];
      for (const [i, joiner] of added.entries()) {
        try {
          peers.push(await joiner.join(welcome));
        } catch (error) {
          if (!(error instanceof Error) || !error.message.includes(TOO_STRICT)) throw error;
          refused.push(places[i] ?? 0);
        }
      }
      if (refused.length > 0) {
        count(counts, 'join refused by ts-mls');
        const remover = removesAlone(maker) ? maker : (peers.find(removesAlone) ?? maker);
        const removal = await remover.commit({ add: [], remove: refused });
        for (const peer of peers) if (peer !== remover) await peer.process(removal.commit);
      }
    } else if (dice === 6 && removable.length > 0 && removesAlone(maker)) {
      const gone = removable[below(removable.length)];
      assert.ok(gone);
      count(counts, `remove by ${maker.impl}`);
      const { commit } = await maker.commit({ add: [], remove: [gone.leaf] });
      peers = peers.filter((peer) => peer !== gone);
      for (const peer of others) if (peer !== gone) await peer.process(commit);
    } else if (dice === 7 && removable.length > 0 && others.length > 1) {
      const gone = removable[below(removable.length)];
      const committers = others.filter((peer) => peer !== gone && removesAlone(peer));
      const committer = committers[below(committers.length)] ?? maker;
      assert.ok(gone);
      count(counts, `removal proposed by ${maker.impl}`);
      const proposal = await maker.proposeRemoval(gone.leaf);
      for (const peer of others) await peer.process(proposal);
      const { commit } = await committer.commit({ add: [], remove: [] });
      peers = peers.filter((peer) => peer !== gone);
      for (const peer of peers) if (peer !== committer) await peer.process(commit);
    } else if (dice === 8 && peers.length < input.maxMembers) {
      const inviting = peers.filter((peer) => peer instanceof SottoPeer)[0];
      assert.ok(inviting);
      const joiner = ours(`member ${names++}`);
      const { group, commit } = joiner.joinExternally({ groupInfo: inviting.group.groupInfo() });
      count(counts, 'external join');
      for (const peer of peers) await peer.process(commit);
      peers.push(new SottoPeer(group));
    } else {
      count(counts, `update by ${maker.impl}`);
      const { commit } = await maker.commit({ add: [], remove: [] });
      for (const peer of others) await peer.process(commit);
    }
    const [first] = peers;
    assert.ok(first);
    for (const peer of peers) {
      assert.deepEqual(Buffer.from(peer.authenticator), Buffer.from(first.authenticator), `${peer.impl} disagrees`);
      assert.deepEqual(peer.leaves, first.leaves);
    }
  }
  return counts;
}

/** ts-mls's default lifetime is all of time; both clocks are the real one. */
function ours(name: string): Client {
  return person(name, { cipherSuite: 1, now: () => Date.now(), policy: { maxLifetime: Infinity } });
}

function removesAlone({ impl }: Peer): boolean {
  return impl !== 'ts-mls 2';
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
