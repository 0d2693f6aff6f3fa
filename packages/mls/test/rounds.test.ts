import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client, Group, RecordReader } from '@sotto/mls';
import { assertAgree, deliver, groupOf, person, Store, utf8 } from './people.ts';

/** Thrown by a reader for records that it was not given. */
class Missing extends Error {
  readonly names: readonly string[];

  constructor(names: readonly string[]) {
    super('records are missing');
    this.names = names;
  }
}

/** A call over a few records, made again with those that it asks for until it has all. */
function inRounds<T>(client: Client, store: Store, call: (group: Group) => T): { result: T; rounds: number } {
  const given = new Map<string, Uint8Array | null>();
  const reader: RecordReader = {
    read(name) {
      const bytes = given.get(name);
      if (bytes === undefined) throw new Missing([name]);
      return bytes;
    },
    prepare(names) {
      const missing = names.filter((name) => !given.has(name));
      if (missing.length > 0) throw new Missing(missing);
    },
  };
  for (let rounds = 0; ; rounds++) {
    try {
      const group = client.load(reader);
      const result = call(group);
      store.save(group);
      return { result, rounds };
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      for (const name of error.names) given.set(name, store.read(name));
    }
  }
}

/** Fails every read once: the first, then the second, and so on. */
class Interrupted implements RecordReader {
  readonly #store: Store;
  reads = 0;
  failAt = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  read(name: string): Uint8Array | null {
    if (++this.reads === this.failAt) throw new Missing([name]);
    return this.#store.read(name);
  }
}

function scene(policy: { readonly snapshots: number; readonly pastEpochs: number }): {
  readonly clients: Client[];
  readonly groups: Group[];
  readonly stores: Store[];
} {
  const clients = Array.from({ length: 5 }, (_, i) => person(`member ${i}`, { policy }));
  const groups = groupOf(clients);
  const [a] = groups as [Group];
  // Some history, so that there is something to forget.
  for (let i = 0; i < 3; i++) {
    const overtaken = a.encrypt(utf8('overtaken'));
    const text = a.encrypt(utf8('text'));
    for (const group of groups.slice(1)) {
      group.process(text);
      if (i === 1) group.process(overtaken);
    }
    deliver(a.commit().update().create(), a, groups.slice(1));
  }
  const stores = groups.map((group) => {
    const store = new Store();
    store.save(group);
    return store;
  });
  return { clients, groups, stores };
}

describe('a group over some of its records', () => {
  it('asks for what a call takes in few rounds', () => {
    const { clients, stores } = scene({ snapshots: 0, pastEpochs: 2 });
    const [a, b] = clients as [Client, Client];
    const [atA, atB] = stores as [Store, Store];
    const rounds = new Map<string, number>();
    const run = <T>(name: string, client: Client, store: Store, call: (group: Group) => T): T => {
      const done = inRounds(client, store, call);
      rounds.set(name, done.rounds);
      return done.result;
    };
    const late = run('encrypt', a, atA, (group) => group.encrypt(utf8('late')));
    const message = run('encrypt again', a, atA, (group) => group.encrypt(utf8('hello')));
    run('process a text', b, atB, (group) => group.process(message));
    run('process an overtaken text', b, atB, (group) => group.process(late));
    const stale = run('encrypt', a, atA, (group) => group.encrypt(utf8('of a past epoch')));
    const proposal = run('propose', b, atB, (group) => group.proposeUpdate());
    run('process a proposal', a, atA, (group) => group.process(proposal));
    const commit = run('commit', a, atA, (group) => group.commit().update().create());
    run('merge', a, atA, (group) => {
      group.merge(commit.digest);
    });
    run('process a commit', b, atB, (group) => group.process(commit.message));
    run('process a late text', b, atB, (group) => group.process(stale));
    run('group info', a, atA, (group) => group.groupInfo());
    assertAgree([a.load(atA), b.load(atB)]);
    assert.deepEqual(Object.fromEntries(rounds), {
      encrypt: 2,
      'encrypt again': 2,
      'process a text': 2,
      'process an overtaken text': 3,
      propose: 2,
      'process a proposal': 2,
      commit: 2,
      // One to see which senders of the oldest epoch had keys that were never used.
      merge: 3,
      'process a commit': 3,
      'process a late text': 3,
      'group info': 2,
    });
  });

  for (const snapshots of [0, 3]) {
    it(`a read that fails changes nothing, whichever it is: the call can be made again (${snapshots} snapshots)`, () => {
      const { clients, groups, stores } = scene({ snapshots, pastEpochs: 2 });
      const [a] = groups as [Group];
      const [, store] = stores as [Store, Store];
      const [, client] = clients as [Client, Client];
      const atStart = client.load(store);
      const early = atStart.snapshots()[1]?.digest ?? null;
      const late = a.encrypt(utf8('of a past epoch'));
      const proposal = a.proposeUpdate();
      for (const group of groups.slice(1)) if (group.ownLeaf !== 1) group.process(proposal);
      const commit = groups[2]!.commit().update().create();
      const calls: [name: string, call: (group: Group) => unknown][] = [
        ['text', (group) => group.process(late)],
        ['encrypt', (group) => group.encrypt(utf8('x'))],
        ['proposal', (group) => group.process(proposal)],
        ['own commit', (group) => group.commit().update().create()],
        ['commit', (group) => group.process(commit.message)],
        ['expire', (group) => group.dropSnapshots()],
      ];
      if (snapshots > 0) calls.splice(5, 0, ['resume', (group) => group.resume(early)]);
      let interrupted = 0;
      for (const [name, call] of calls) {
        for (let failAt = 1; ; failAt++) {
          const reader = new Interrupted(store);
          const group = client.load(reader);
          const before = group.epochAuthenticator;
          [reader.reads, reader.failAt] = [0, failAt];
          try {
            call(group);
            // It took fewer reads: the last time counts.
            store.save(group);
            break;
          } catch (error) {
            assert.ok(error instanceof Missing, `${name}: ${String(error)}`);
          }
          interrupted++;
          assert.deepEqual(group.takeChanges(), [], name);
          assert.deepEqual(group.epochAuthenticator, before, name);
          reader.failAt = 0;
          call(group);
          assert.ok(group.takeChanges().length > 0 || name === 'expire', name);
        }
      }
      assert.ok(interrupted > 40, `${interrupted}`);
    });
  }
});
