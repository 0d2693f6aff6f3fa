import assert from 'node:assert/strict';
import {
  acceptInitial,
  continueInitial,
  decryptMessage,
  encryptMessage,
  expectedTags,
  openInitial,
  readPrekeyRecord,
  sendingSession,
  sessionFacts,
  startSession,
} from '@sotto/ratchet';
import type { AcceptResult, CreatedPrekey, DecryptResult, PairwiseComponents, SkippedChange } from '@sotto/ratchet';
import { decodeEnvelope, roundExpiry } from '@sotto/wire';
import type { Envelope } from '@sotto/wire';
import { prekeysOf, START, verified } from './devices.ts';
import type { TestDevice } from './devices.ts';

/** Records of one session. */
interface SessionRecords {
  readonly session: Uint8Array;
  readonly opening: Uint8Array | null;
  readonly skipped: ReadonlyMap<number, Uint8Array>;
}

/** What a party keeps on disk. Values are replaced, never changed. */
interface Store {
  readonly prekeys: ReadonlyMap<number, Uint8Array>;
  readonly sessions: ReadonlyMap<string, SessionRecords>;
  readonly replays: ReadonlySet<string>;
}

export type Received =
  | { readonly kind: 'message'; readonly content: Uint8Array; readonly session: string }
  | { readonly kind: 'nothing'; readonly reason: string };

export interface TestClock {
  now: number;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/**
 * One device as an engine and a vault would run it: records in, records out, everything of one event stored at once,
 * messages found by tag. Superseded records are wiped, so nothing can lean on them.
 */
export class Party {
  readonly components: PairwiseComponents;
  readonly device: TestDevice;
  readonly clock: TestClock;
  /** Prekeys handed out by the gateway; a restored vault does not bring them back. */
  readonly #published: CreatedPrekey[];
  #store: Store;
  #tags = new Map<string, { readonly session: string; readonly slot: number | null }>();

  constructor(components: PairwiseComponents, device: TestDevice, clock: TestClock, oneTime = 8) {
    this.components = components;
    this.device = device;
    this.clock = clock;
    this.#published = prekeysOf(components.provider, device, { oneTime, now: START });
    const prekeys = new Map(this.#published.map(({ id, record }) => [id, record]));
    this.#store = { prekeys, sessions: new Map(), replays: new Set() };
  }

  /** Takes one of each one-time kind off the stock; verified by whoever asks. */
  bundle({ provider }: PairwiseComponents) {
    const lasting = this.#published.filter(({ kind }) => !kind.startsWith('one-time'));
    const takes = (['one-time', 'one-time-kem'] as const).flatMap((kind) => {
      const index = this.#published.findIndex((prekey) => prekey.kind === kind);
      return index < 0 ? [] : this.#published.splice(index, 1);
    });
    return verified(provider, this.device, [...lasting, ...takes], this.clock.now);
  }

  start(peer: Party): string {
    const started = startSession(this.components, {
      own: this.device.local,
      ownChain: new Uint8Array(700).fill(7),
      peer: peer.device.local,
      bundle: peer.bundle(this.components),
      now: this.clock.now,
    });
    if (started.kind !== 'started') throw new Error(`no session: ${started.reason}`);
    const name = hex(started.hash);
    this.#put(name, { session: started.session, opening: started.opening, skipped: new Map() });
    for (const tag of started.tags) this.#tags.set(hex(tag), { session: name, slot: null });
    return name;
  }

  /** Sends on the session that `sendingSession` chooses; starts one if there is none. */
  send(content: Uint8Array, peer: Party, onSession?: string): Uint8Array {
    const chosen = sendingSession([...this.#store.sessions.values()].map(({ session }) => sessionFacts(session)));
    const name = onSession ?? (chosen === null ? this.start(peer) : hex(chosen.hash));
    const records = this.records(name);
    const result = encryptMessage(this.components, {
      session: records.session,
      opening: records.opening,
      content,
      mailbox: peer.device.mailbox,
      expiresAt: roundExpiry(this.clock.now / 1000 + 600_000),
      urgency: 'high',
    });
    if (result.kind !== 'encrypted') throw new Error(result.kind);
    this.#put(name, { ...records, session: result.session });
    wipe(result.wipe);
    return result.envelope;
  }

  receive(bytes: Uint8Array, peer: Party): Received {
    const before = this.#store;
    const recordsBefore = this.fingerprint();
    const result = this.#receive(decodeEnvelope(bytes), peer);
    if (result.kind === 'nothing') {
      assert.equal(this.#store, before);
      assert.equal(this.fingerprint(), recordsBefore, 'a failure changed records');
    }
    return result;
  }

  #receive(envelope: Envelope, peer: Party): Received {
    const match = this.#tags.get(hex(envelope.sealed.subarray(0, 8)));
    if (match !== undefined && this.#store.sessions.has(match.session)) {
      const slots = match.slot === null ? [] : [match.slot];
      return this.#decrypt(match.session, slots, (skipped, session) =>
        decryptMessage(this.components, { session, envelope, skipped, now: this.clock.now }),
      );
    }
    const initial = this.#receiveInitial(envelope, peer);
    if (initial !== null) return initial;
    for (const name of this.#store.sessions.keys()) {
      const result = this.#decrypt(name, [], (skipped, session) =>
        decryptMessage(this.components, { session, envelope, skipped, now: this.clock.now }),
      );
      if (result.kind === 'message' || result.reason !== 'no-match') return result;
    }
    return { kind: 'nothing', reason: 'no-match' };
  }

  #decrypt(
    name: string,
    slots: readonly number[],
    call: (skipped: ReadonlyMap<number, Uint8Array | null>, session: Uint8Array) => DecryptResult,
  ): Received {
    const records = this.records(name);
    const kept = (wanted: readonly number[]) =>
      new Map(wanted.map((slot) => [slot, records.skipped.get(slot) ?? null] as const));
    let result = call(kept(slots), records.session);
    if (result.kind === 'need-skipped') result = call(kept([...slots, ...result.slots]), records.session);
    if (result.kind !== 'decrypted') {
      return { kind: 'nothing', reason: result.kind === 'unreadable' ? result.reason : result.kind };
    }
    assert.equal(result.answered, records.opening !== null);
    const content = result.content.slice();
    this.#put(name, {
      session: result.session,
      opening: null,
      skipped: changed(records.skipped, result.skipped),
    });
    this.#learnTags(name, result.tags);
    wipe(result.wipe);
    return { kind: 'message', content, session: name };
  }

  #receiveInitial(envelope: Envelope, peer: Party): Received | null {
    const { components, device, clock } = this;
    const sealingKeys = [...this.#store.prekeys.values()].filter(
      (record) => readPrekeyRecord(record).kind === 'sealing',
    );
    const opened = openInitial(components, { envelope, device: device.local.device, sealingKeys });
    if (opened.kind === 'not-opened') return null;
    if (opened.kind !== 'opened') return { kind: 'nothing', reason: opened.reason };
    const { initial } = opened;
    const name = hex(initial.hash);
    if (this.#store.sessions.has(name)) {
      return this.#decrypt(name, [], (skipped, session) =>
        continueInitial(components, { session, envelope, initial, skipped, now: clock.now }),
      );
    }
    if (this.#store.replays.has(name)) return { kind: 'nothing', reason: 'replay' };
    const prekey = (id: number | null) => (id === null ? null : (this.#store.prekeys.get(id) ?? null));
    const { signed, oneTime, kem } = initial.prekeys;
    const accepted: AcceptResult = acceptInitial(components, {
      initial,
      envelope,
      own: device.local,
      peer: peer.device.local,
      prekeys: { signed: prekey(signed), oneTime: prekey(oneTime), kem: prekey(kem) },
      now: clock.now,
    });
    if (accepted.kind !== 'accepted') return { kind: 'nothing', reason: accepted.reason };
    const prekeys = new Map(this.#store.prekeys);
    for (const id of accepted.spent) prekeys.delete(id);
    this.#store = { ...this.#store, prekeys, replays: new Set([...this.#store.replays, name]) };
    this.#put(name, {
      session: accepted.session,
      opening: null,
      skipped: changed(new Map(), accepted.skipped),
    });
    this.#learnTags(name, accepted.tags);
    return { kind: 'message', content: accepted.content.slice(), session: name };
  }

  #learnTags(name: string, tags: Extract<DecryptResult, { kind: 'decrypted' }>['tags']): void {
    if (tags.upcoming !== null) {
      for (const [tag, { session, slot }] of this.#tags) {
        if (session === name && slot === null) this.#tags.delete(tag);
      }
      for (const tag of tags.upcoming) this.#tags.set(hex(tag), { session: name, slot: null });
    }
    for (const { slot, tag } of tags.skipped) this.#tags.set(hex(tag), { session: name, slot });
    this.#tags.delete(hex(tags.used));
  }

  #put(name: string, records: SessionRecords): void {
    this.#store = { ...this.#store, sessions: new Map([...this.#store.sessions, [name, records]]) };
  }

  records(name: string): SessionRecords {
    const records = this.#store.sessions.get(name);
    if (records === undefined) throw new Error('no such session');
    return records;
  }

  /** Whether the tag of an envelope is in the table. */
  expects(envelope: Uint8Array): boolean {
    return this.#tags.has(hex(decodeEnvelope(envelope).sealed.subarray(0, 8)));
  }

  get sessions(): readonly string[] {
    return [...this.#store.sessions.keys()];
  }

  /** The session that would be sent on. */
  get sending(): string | null {
    const chosen = sendingSession([...this.#store.sessions.values()].map(({ session }) => sessionFacts(session)));
    return chosen === null ? null : hex(chosen.hash);
  }

  /** Everything on disk. */
  snapshot(): Store {
    return copyOf(this.#store);
  }

  /** Goes back to a snapshot, as a restored disk does; tags are rebuilt as at unlock. */
  restore(snapshot: Store): void {
    this.#store = copyOf(snapshot);
    this.components.keys.clear();
    this.rebuildTags();
  }

  rebuildTags(): void {
    this.#tags = new Map();
    for (const [name, { session, skipped }] of this.#store.sessions) {
      const tags = expectedTags(this.components, session, skipped);
      for (const tag of tags.upcoming) this.#tags.set(hex(tag), { session: name, slot: null });
      for (const { slot, tag } of tags.skipped) this.#tags.set(hex(tag), { session: name, slot });
    }
  }

  /** A running copy of this device, as a cloned machine is; its gateway is the same. */
  clone(): Party {
    const copy = new Party(this.components, this.device, this.clock, 0);
    copy.#published.splice(0, copy.#published.length, ...this.#published);
    copy.restore(this.snapshot());
    return copy;
  }

  /** All bytes on disk, for comparing. */
  fingerprint(): string {
    const { prekeys, sessions, replays } = this.#store;
    return JSON.stringify([
      [...prekeys].map(([id, record]) => [id, hex(record)]),
      [...sessions].map(([name, { session, opening, skipped }]) => [
        name,
        hex(session),
        opening === null ? null : hex(opening),
        [...skipped].map(([slot, record]) => [slot, hex(record)]),
      ]),
      [...replays],
    ]);
  }
}

function changed(
  skipped: ReadonlyMap<number, Uint8Array>,
  changes: readonly SkippedChange[],
): ReadonlyMap<number, Uint8Array> {
  if (changes.length === 0) return skipped;
  const next = new Map(skipped);
  for (const { slot, record } of changes) {
    if (record === null) next.delete(slot);
    else next.set(slot, record);
  }
  return next;
}

function copyOf({ prekeys, sessions, replays }: Store): Store {
  return {
    prekeys: new Map([...prekeys].map(([id, record]) => [id, record.slice()])),
    sessions: new Map(
      [...sessions].map(([name, { session, opening, skipped }]) => [
        name,
        {
          session: session.slice(),
          opening: opening?.slice() ?? null,
          skipped: new Map([...skipped].map(([slot, record]) => [slot, record.slice()])),
        },
      ]),
    ),
    replays: new Set(replays),
  };
}

function wipe(secrets: readonly Uint8Array[]): void {
  for (const bytes of secrets) bytes.fill(0);
}
