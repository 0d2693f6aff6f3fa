import assert from 'node:assert/strict';
import type { CryptoProvider } from '@sotto/crypto';
import {
  createSenderKey,
  decryptFromGroup,
  encryptForGroup,
  recogniseGroupMessage,
  rotationDue,
  senderKeyFacts,
  senderKeyPolicy,
  senderKeyTags,
} from '@sotto/ratchet';
import type { PairwiseComponents, SenderKeyOwner, SenderKeyRecords } from '@sotto/ratchet';
import { idHex } from '@sotto/wire';
import { components, HOUR, join, NOW, ownerOf, receive, text, textOf } from './group.ts';
import type { Channel } from './group.ts';
import { recordingProvider } from './recording-provider.ts';

export type GroupEvent =
  | { readonly kind: 'send' | 'snapshot' | 'restore' | 'clone-sends'; readonly by: number }
  | { readonly kind: 'deliver'; readonly to: number; readonly message: number }
  | { readonly kind: 'deliver-all'; readonly to: number }
  | { readonly kind: 'remove' | 'add'; readonly member: number }
  | { readonly kind: 'wait'; readonly hours: number };

/** What one device stores; a snapshot copies all of it. */
interface Stored {
  own: SenderKeyRecords | null;
  holders: Set<number>;
  /** By name of the chain. */
  peers: Map<string, Pick<Channel, 'peer' | 'skipped'>>;
  /** What was decrypted, as `chain/index`. */
  opened: Set<string>;
}

interface Device {
  readonly owner: SenderKeyOwner;
  stored: Stored;
  snapshot: Stored | null;
  /** Restored since its present key was made: it may not know whom it gave the key. A real device rotates then. */
  restored: boolean;
}

interface Sent {
  readonly chain: string;
  readonly index: number;
  readonly content: string;
  readonly message: Uint8Array;
  readonly sentAt: number;
  /** Who was given the chain, by the number it was given with: what they can read starts there. */
  readonly readers: ReadonlyMap<number, number>;
}

/** Plays the events with four devices and checks each outcome against what should happen. Returns texts delivered. */
export function runGroup(inner: CryptoProvider, events: readonly GroupEvent[]): number {
  const { provider } = recordingProvider(inner);
  const world = new GroupModel(components(provider));
  for (const event of events) world.play(event);
  return world.delivered;
}

class GroupModel {
  readonly #on: PairwiseComponents;
  readonly #devices: Device[];
  readonly #sent: Sent[] = [];
  /** chain → device → first number readable. */
  readonly #readers = new Map<string, Map<number, number>>();
  readonly #members = new Set([0, 1, 2]);
  #now = NOW;
  delivered = 0;

  constructor(on: PairwiseComponents) {
    this.#on = on;
    const group = on.provider.random(32);
    this.#devices = Array.from({ length: 4 }, () => ({
      owner: ownerOf(on.provider, group),
      stored: { own: null, holders: new Set<number>(), peers: new Map(), opened: new Set<string>() },
      snapshot: null,
      restored: false,
    }));
  }

  play(event: GroupEvent): void {
    switch (event.kind) {
      case 'send':
        if (this.#members.has(event.by)) this.#send(event.by);
        return;
      case 'clone-sends': {
        // The clone has the same state and sends from it too.
        const device = this.#device(event.by);
        if (!this.#members.has(event.by) || device.stored.own === null) return;
        const before = copy(device.stored);
        this.#send(event.by);
        device.stored = before;
        device.restored = true;
        return;
      }
      case 'deliver': {
        const message = this.#sent[event.message % Math.max(1, this.#sent.length)];
        if (message !== undefined) this.#deliver(event.to, message);
        return;
      }
      case 'deliver-all':
        for (const message of this.#sent) this.#deliver(event.to, message);
        return;
      case 'snapshot':
        this.#device(event.by).snapshot = copy(this.#device(event.by).stored);
        return;
      case 'restore': {
        const device = this.#device(event.by);
        if (device.snapshot === null) return;
        device.stored = copy(device.snapshot);
        device.restored = true;
        return;
      }
      case 'remove':
        if (this.#members.size > 2) this.#members.delete(event.member);
        return;
      case 'add':
        this.#members.add(event.member);
        return;
      case 'wait':
        this.#now += event.hours * HOUR;
    }
  }

  #send(by: number): void {
    const device = this.#device(by);
    const { owner, stored } = device;
    if (stored.own === null || this.#rotationDue(stored)) {
      stored.own = createSenderKey(this.#on, { owner, now: this.#now });
      stored.holders = new Set([by]);
      device.restored = false;
    }
    const own = stored.own;
    const roster = this.#roster();
    const { chain: name, next } = senderKeyFacts(own);
    const chain = idHex(name);
    const readers = this.#readers.get(chain) ?? new Map<number, number>();
    this.#readers.set(chain, readers);
    for (const member of this.#members) {
      if (stored.holders.has(member)) continue;
      stored.holders.add(member);
      const peers = this.#device(member).stored.peers;
      // A restored sender gives its key again; who has it keeps what they have.
      if (peers.has(chain)) continue;
      peers.set(chain, { peer: join(this.#on, own, owner, roster), skipped: new Map() });
      readers.set(member, next);
    }
    if (!device.restored) {
      for (const reader of readers.keys()) assert.ok(this.#members.has(reader), 'a removed member can read');
    }
    const content = `message ${this.#sent.length}`;
    const { state, message, index } = encryptForGroup(this.#on, { ...own, roster, content: text(content) });
    stored.own = { ...own, state };
    this.#sent.push({ chain, index, content, message, sentAt: this.#now, readers });
  }

  #deliver(to: number, sent: Sent): void {
    const { stored } = this.#device(to);
    const candidates = [...stored.peers.entries()].filter(
      ([, { peer }]) => recogniseGroupMessage(this.#on, { record: peer.record, message: sent.message }) !== null,
    );
    const peer = stored.peers.get(sent.chain);
    assert.deepEqual(
      candidates.map(([chain]) => chain),
      peer === undefined ? [] : [sent.chain],
    );
    if (peer === undefined) return;

    const position = `${sent.chain}/${sent.index}`;
    const tag = idHex(sent.message.subarray(0, 8));
    const expected = senderKeyTags(this.#on, { ...peer.peer, ahead: 200 }).some((known) => idHex(known.tag) === tag);
    const readableFrom = sent.readers.get(to) ?? 0;
    const outcome =
      sent.index < readableFrom
        ? '(before-joining)'
        : stored.opened.has(position) || this.#givenUp(peer, sent)
          ? '(duplicate)'
          : sent.content;
    const result = receive(this.#on, peer, sent.message, { now: this.#now });
    assert.equal(textOf(result), outcome);
    assert.equal(expected, result.kind === 'message', 'tags are expected exactly for what can still be opened');
    if (result.kind === 'message') {
      stored.opened.add(position);
      this.delivered++;
    }
    assert.deepEqual([...peer.skipped.keys()].sort(ascending), senderKeyFacts(peer.peer).skipped);
    const again = decryptFromGroup(this.#on, { ...peer.peer, message: sent.message, now: this.#now });
    assert.notEqual(again.kind, 'message');
  }

  /** Keys of missing messages go after 21 days, when something else is received. */
  #givenUp({ peer }: Pick<Channel, 'peer'>, { index, sentAt }: Sent): boolean {
    const { next, skipped } = senderKeyFacts(peer);
    return index < next && !skipped.includes(index) && this.#now - sentAt > 21 * 24 * HOUR;
  }

  #rotationDue(stored: Stored): boolean {
    if (stored.own === null) return true;
    const { createdAt, next } = senderKeyFacts(stored.own);
    const idOf = (member: number) => this.#device(member).owner.device;
    const due = rotationDue({
      holders: [...stored.holders].map(idOf),
      members: [...this.#members].map(idOf),
      revoked: [],
      createdAt,
      sent: next,
      now: this.#now,
      policy: senderKeyPolicy,
    });
    return due !== null;
  }

  #roster(): Uint8Array {
    const ids = [...this.#members].sort(ascending).map((member) => this.#device(member).owner.device);
    return this.#on.provider.hash('sha256', ...ids);
  }

  #device(index: number): Device {
    const device = this.#devices[index];
    if (device === undefined) throw new Error('no such device');
    return device;
  }
}

const ascending = (a: number, b: number): number => a - b;

function copy(stored: Stored): Stored {
  return {
    own: stored.own,
    holders: new Set(stored.holders),
    peers: new Map([...stored.peers].map(([chain, at]) => [chain, { peer: at.peer, skipped: new Map(at.skipped) }])),
    opened: new Set(stored.opened),
  };
}
