import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { MlsError } from '@sotto/mls';
import type { Client, CommitBuilder, Group } from '@sotto/mls';
import { person, Store, text, utf8 } from './people.ts';

/** A member of a group without an order of commits, what it has stored, and what it has read. */
interface Member {
  readonly client: Client;
  group: Group;
  readonly store: Store;
  readonly read: Set<string>;
}

export interface ForkStep {
  readonly kind: 'commit' | 'take' | 'resume' | 'send' | 'deliver' | 'crash' | 'retake';
  readonly who: number;
  readonly which: number;
}

export const forkSteps = (maxLength: number): fc.Arbitrary<ForkStep[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom(
        'commit',
        'commit',
        'take',
        'take',
        'resume',
        'send',
        'deliver',
        'deliver',
        'crash',
        'retake',
      ),
      who: fc.nat(50),
      which: fc.nat(1000),
    }) as fc.Arbitrary<ForkStep>,
    { maxLength, size: 'max' },
  );

interface Sent {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly by: number;
  readonly epoch: string;
}

const MEMBERS = 4;
const SNAPSHOTS = 4;

/**
 * Members that commit without asking anyone, take each other's commits in any order, go back and forth between epochs
 * that they keep, and crash between any two steps. Whoever is in one epoch has one authenticator, reads what is sent in
 * it, and reads nothing twice whatever it goes back to.
 */
export class Forks {
  readonly #members: Member[];
  /** By the epoch that they are on. */
  readonly #commits: { readonly on: string; readonly bytes: Uint8Array; readonly digest: Uint8Array }[] = [];
  readonly #sent: Sent[] = [];
  /** By the digest of the commit that began it. */
  readonly #epochs = new Map<string, string>();
  #texts = 0;
  readonly #suite: number;

  constructor(suite: number) {
    this.#suite = suite;
    const clients = Array.from({ length: MEMBERS }, (_, i) =>
      person(`member ${i}`, { cipherSuite: suite, policy: { snapshots: SNAPSHOTS, pastEpochs: 2 } }),
    );
    const [founder, ...others] = clients;
    assert.ok(founder);
    const group = founder.createGroup();
    const bundles = others.map((client) => client.createKeyPackage());
    const builder = group.commit();
    for (const { message } of bundles) builder.add(message);
    const { digest, welcome } = builder.create();
    group.merge(digest);
    assert.ok(welcome);
    const groups = [group, ...others.map((client, i) => client.join({ welcome, keyPackages: [bundles[i]!] }).group)];
    group.dropSnapshots();
    this.#members = clients.map((client, i) => {
      const store = new Store();
      store.save(groups[i]!);
      return { client, group: groups[i]!, store, read: new Set() };
    });
  }

  run(steps: readonly ForkStep[]): void {
    for (const step of steps) {
      const at = step.who % MEMBERS;
      const member = this.#members[at];
      assert.ok(member);
      this.#step(member, at, step);
      member.store.save(member.group);
      this.#requireOneAuthenticator(member.group);
    }
    this.#finish();
  }

  /** Once nothing is to be gone back to, no secret tree is left but those of the epochs that are read. */
  #finish(): void {
    for (const { group, store } of this.#members) {
      group.dropSnapshots();
      store.save(group);
      const names = [...store.records.keys()];
      const trees = new Set(names.flatMap((name) => /^secret\/([^/]+)/.exec(name)?.[1] ?? []));
      assert.equal(trees.size, 1 + names.filter((name) => name.startsWith('past/')).length);
      assert.ok(!names.some((name) => name.startsWith('snapshot/')));
    }
  }

  #step(member: Member, at: number, { kind, which }: ForkStep): void {
    const { group } = member;
    const here = nameOf(group);
    switch (kind) {
      case 'commit': {
        const commit = this.#plan(group, which % 5).create();
        this.#commits.push({ on: here, bytes: commit.message, digest: commit.digest });
        if (which % 2 === 0) group.merge(commit.digest);
        break;
      }
      case 'take': {
        const commits = this.#commits.filter(({ on }) => on === here);
        const commit = commits[which % Math.max(1, commits.length)];
        if (commit === undefined) break;
        try {
          const got = group.process(commit.bytes);
          assert.ok(got.kind === 'commit' || got.kind === 'own_commit' || got.kind === 'resumed');
          assert.deepEqual(group.commitDigest, commit.digest);
        } catch (error) {
          // Own commits that were dropped as another was taken; keys of commits whose epoch is no longer kept.
          assert.ok(
            error instanceof MlsError && ['own_message', 'generation_used'].includes(error.code),
            String(error),
          );
          assert.equal(nameOf(group), here);
        }
        break;
      }
      case 'resume':
      case 'retake': {
        const snapshots = group.snapshots();
        const snapshot = snapshots[which % Math.max(1, snapshots.length)];
        if (snapshot === undefined) break;
        if (kind === 'retake' && snapshot.isBehind) break;
        group.resume(snapshot.digest);
        assert.equal(group.epoch, snapshot.epoch);
        assert.deepEqual(group.commitDigest, snapshot.digest);
        // The way back is kept, except where it was too long or too many were left before.
        assert.ok(group.snapshots().length <= 2 * SNAPSHOTS);
        break;
      }
      case 'send': {
        const name = `text ${this.#texts++}`;
        this.#sent.push({ bytes: group.encrypt(utf8(name)), text: name, by: at, epoch: here });
        break;
      }
      case 'deliver': {
        const readable = this.#sent.filter(({ epoch, by }) => by !== at && (epoch === here || which % 4 === 0));
        const message = readable[which % Math.max(1, readable.length)];
        if (message === undefined) break;
        if (message.epoch !== here) {
          this.#tryLate(member, message);
          break;
        }
        if (member.read.has(message.text)) {
          assert.throws(
            () => group.process(message.bytes),
            (error) => error instanceof MlsError && error.code === 'generation_used',
          );
          break;
        }
        const got = group.process(message.bytes);
        assert.ok(got.kind === 'application' && text(got.data) === message.text);
        member.read.add(message.text);
        break;
      }
      case 'crash':
        member.store.save(group);
        group[Symbol.dispose]();
        member.group = member.client.load(member.store);
        assert.equal(nameOf(member.group), here);
        break;
    }
  }

  /** Mostly an update; sometimes the tree grows or shrinks by someone who is never heard of. */
  #plan(group: Group, which: number): CommitBuilder {
    const builder = group.commit();
    const outsider = group.members().findLast(({ leaf }) => leaf >= MEMBERS);
    if (which === 0) return builder.add(person('outsider', { cipherSuite: this.#suite }).createKeyPackage().message);
    if (which === 1 && outsider !== undefined) return builder.remove(outsider.leaf);
    return builder.update();
  }

  /** A message of another epoch: of one on the way here it is read, once; of others it is none. */
  #tryLate({ group, read }: Member, message: Sent): void {
    try {
      const got = group.process(message.bytes);
      assert.ok(got.kind === 'application' && text(got.data) === message.text);
      assert.ok(!read.has(message.text), 'a message was read twice');
      read.add(message.text);
    } catch (error) {
      const expected = ['past_epoch', 'future_epoch', 'sender_data', 'generation_used'];
      assert.ok(error instanceof MlsError && expected.includes(error.code), String(error));
      if (error.code === 'generation_used') assert.ok(read.has(message.text), 'a message was lost');
    }
  }

  #requireOneAuthenticator(group: Group): void {
    const authenticator = Buffer.from(group.epochAuthenticator).toString('hex');
    const known = this.#epochs.get(nameOf(group));
    if (known === undefined) this.#epochs.set(nameOf(group), authenticator);
    else assert.equal(authenticator, known, 'two members disagree about an epoch');
  }
}

/** Of an epoch, for all members; the first has no commit where one joined. */
function nameOf(group: Group): string {
  return group.epoch === 1n ? 'first' : Buffer.from(group.commitDigest ?? []).toString('hex');
}
