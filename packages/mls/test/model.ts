import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { MlsError } from '@sotto/mls';
import type { Client, Group, KeyPackageBundle, PendingCommit } from '@sotto/mls';
import { person, Store, text, utf8 } from './people.ts';

/** One device: what it has stored, and the group object that a crash throws away. */
interface Device {
  readonly client: Client;
  store: Store;
  group: Group;
  /** How far it has read the log. */
  at: number;
  readonly since: bigint;
  pending: PendingCommit | null;
  readonly received: Set<string>;
  out: boolean;
}

/** What happens next; numbers choose among what is possible. */
export type Step =
  | { readonly kind: 'send' | 'commit' | 'propose' | 'read' | 'crash' | 'duplicate' | 'reorder'; readonly who: number }
  | { readonly kind: 'add' | 'remove' | 'external'; readonly who: number; readonly which: number };

export const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          kind: fc.constantFrom('send', 'commit', 'propose', 'read', 'read', 'read', 'crash', 'duplicate', 'reorder'),
          who: fc.nat(50),
        }) as fc.Arbitrary<Step>,
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constantFrom('add', 'remove', 'external'),
          who: fc.nat(50),
          which: fc.nat(50),
        }) as fc.Arbitrary<Step>,
      },
    ),
    { maxLength, size: 'max' },
  );

/** The policy's default. */
const KEPT_EPOCHS = 3n;

type Entry = {
  readonly kind: 'handshake' | 'application';
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly epoch: bigint;
};

/** A group over an ordered log, with devices that crash between any two events; every invariant is checked as it goes. */
export class World {
  readonly #suite: number;
  readonly #log: Entry[] = [];
  readonly #devices: Device[] = [];
  /** Epoch authenticators as first seen. */
  readonly #epochs = new Map<string, string>();
  #names = 0;
  #texts = 0;

  constructor(suite: number) {
    this.#suite = suite;
    const client = this.#client();
    this.#enter(client, client.createGroup());
  }

  run(all: readonly Step[]): void {
    for (const step of all) this.#step(step);
    this.finish();
  }

  /** Everyone reads to the end and all agree. */
  finish(): void {
    for (const device of this.#devices) while (this.#read(device));
    const members = this.#devices.filter(({ out }) => !out);
    const [first] = members;
    if (first === undefined) return;
    for (const { group } of members) {
      assert.deepEqual(group.epochAuthenticator, first.group.epochAuthenticator);
      assert.deepEqual(
        group.members().map(({ leaf }) => leaf),
        first.group.members().map(({ leaf }) => leaf),
      );
    }
  }

  #step(step: Step): void {
    const active = this.#devices.filter(({ out }) => !out);
    const device = active[step.who % active.length];
    if (device === undefined) return;
    switch (step.kind) {
      case 'send': {
        const name = `text ${this.#texts++}`;
        const bytes = device.group.encrypt(utf8(name));
        device.store.save(device.group);
        device.received.add(name);
        this.#log.push({ kind: 'application', bytes, text: name, epoch: device.group.epoch });
        break;
      }
      case 'propose':
        if (this.#isCurrent(device)) this.#post(device.group.proposeUpdate());
        device.store.save(device.group);
        break;
      case 'commit':
        this.#commit(device, (builder) => builder.update());
        break;
      case 'add': {
        const client = this.#client();
        const bundle = client.createKeyPackage();
        if (active.length < 12) this.#commit(device, (builder) => builder.add(bundle.message), { client, bundle });
        break;
      }
      case 'remove': {
        const others = device.group.members().filter(({ leaf }) => leaf !== device.group.ownLeaf);
        const target = others[step.which % Math.max(1, others.length)];
        if (target !== undefined && active.length > 2) this.#commit(device, (builder) => builder.remove(target.leaf));
        break;
      }
      case 'external': {
        if (!this.#isCurrent(device) || active.length >= 12) break;
        const client = this.#client();
        const joined = client.joinExternally({ groupInfo: device.group.groupInfo() });
        this.#post(joined.commit);
        this.#enter(client, joined.group);
        break;
      }
      case 'read':
        this.#read(device);
        break;
      case 'crash':
        device.group[Symbol.dispose]();
        device.group = device.client.load(device.store);
        break;
      case 'duplicate': {
        const entry = this.#log[step.who % Math.max(1, device.at)];
        if (entry !== undefined && device.at > 0) this.#refuse(device, entry);
        break;
      }
      case 'reorder': {
        const ahead = this.#log.slice(device.at, device.at + 5).findLast(({ kind }) => kind === 'application');
        if (ahead !== undefined && !device.received.has(ahead.text)) this.#tryRead(device, ahead);
        break;
      }
    }
  }

  #commit(
    device: Device,
    plan: (builder: ReturnType<Group['commit']>) => ReturnType<Group['commit']>,
    added?: { readonly client: Client; readonly bundle: KeyPackageBundle },
  ): void {
    if (device.pending !== null) return;
    const before = device.group.epochAuthenticator;
    const commit = plan(device.group.commit()).create();
    assert.deepEqual(device.group.epochAuthenticator, before, 'making a commit changed the epoch');
    device.store.save(device.group);
    if (!this.#isCurrent(device)) {
      // The log took another commit first.
      device.group.drop(commit.digest);
      device.store.save(device.group);
      return;
    }
    device.pending = commit;
    this.#post(commit.message);
    if (added === undefined) return;
    assert.ok(commit.welcome);
    const { group } = added.client.join({ welcome: commit.welcome, keyPackages: [added.bundle] });
    this.#enter(added.client, group);
  }

  /** Whether nothing but texts and proposals is in the log beyond what a device has read. */
  #isCurrent(device: Device): boolean {
    return this.#log.slice(device.at).every(({ kind }) => kind === 'application');
  }

  #post(bytes: Uint8Array): void {
    this.#log.push({ kind: 'handshake', bytes, text: '', epoch: 0n });
  }

  #read(device: Device): boolean {
    const entry = this.#log[device.at];
    if (entry === undefined || device.out) return false;
    device.at++;
    if (entry.kind === 'application' && device.received.has(entry.text)) return true;
    this.#tryRead(device, entry);
    return true;
  }

  #tryRead(device: Device, entry: Entry): void {
    try {
      const got = device.group.process(entry.bytes);
      if (got.kind === 'application') {
        assert.equal(text(got.data), entry.text);
        assert.ok(!device.received.has(entry.text), 'a message was read twice');
        device.received.add(entry.text);
      }
      if (got.kind === 'commit' || got.kind === 'own_commit') {
        device.pending = null;
        device.out = got.kind === 'commit' && got.removed;
        this.#seen(device);
      }
    } catch (error) {
      if (!(error instanceof MlsError) || !isExpected(device, entry, error)) throw error;
    }
    device.store.save(device.group);
  }

  /** An entry that was read before is refused, and nothing changes. */
  #refuse(device: Device, entry: Entry): void {
    if (entry.kind === 'application' && !device.received.has(entry.text)) return;
    if (entry.kind === 'handshake') return;
    device.store.save(device.group);
    assert.throws(() => device.group.process(entry.bytes), MlsError);
    assert.deepEqual(device.group.takeChanges(), []);
  }

  #seen({ group, out }: Device): void {
    if (out) return;
    const authenticator = Buffer.from(group.epochAuthenticator).toString('hex');
    const known = this.#epochs.get(String(group.epoch));
    if (known === undefined) this.#epochs.set(String(group.epoch), authenticator);
    else assert.equal(authenticator, known, 'two members disagree about an epoch');
  }

  #client(): Client {
    return person(`device ${this.#names++}`, { cipherSuite: this.#suite });
  }

  #enter(client: Client, group: Group): void {
    const store = new Store();
    store.save(group);
    this.#devices.push({
      client,
      store,
      group,
      at: this.#log.length,
      since: group.epoch,
      pending: null,
      received: new Set(),
      out: false,
    });
  }
}

/** Only what was sent before a device came in, or long ago, or is yet to come; and own proposals. */
function isExpected(device: Device, entry: Entry, { code }: MlsError): boolean {
  if (entry.kind === 'handshake') return code === 'past_epoch' || code === 'own_message' || code === 'future_epoch';
  if (code === 'future_epoch') return entry.epoch > device.group.epoch;
  return code === 'past_epoch' && (entry.epoch < device.since || device.group.epoch - entry.epoch > KEPT_EPOCHS);
}
