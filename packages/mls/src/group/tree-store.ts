import { Secret } from '@sotto/crypto';
import { decodeWhole } from '../codec/reader.ts';
import type { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { disposeMessageKey, Ratchet } from '../schedule/ratchet.ts';
import type { MessageKey } from '../schedule/ratchet.ts';
import type { RatchetKind, SecretTreeStore, SenderRatchets } from '../schedule/secret-tree.ts';
import { left, right, root } from '../tree/math.ts';
import type { RecordLog, RecordReader } from './records.ts';

/**
 * A secret tree in records of its own, one for each node secret, sender and skipped key: a message changes one or two of
 * them. They are read when asked for.
 */
export class TreeStore implements SecretTreeStore, Disposable {
  /** Of the record names: `secret/<epoch>/`. */
  readonly prefix: string;
  readonly #reader: RecordReader;
  readonly #log: RecordLog;
  readonly #nodes = new Map<number, Secret | null>();
  readonly #ratchets = new Map<number, SenderRatchets | null>();
  readonly #skipped = new Map<string, MessageKey | null>();

  constructor(prefix: string, reader: RecordReader, log: RecordLog) {
    this.prefix = prefix;
    this.#reader = reader;
    this.#log = log;
  }

  node(index: number): Secret | null {
    return this.#cached(this.#nodes, index, this.#nodeName(index), (reader) => Secret.copy(reader.vector()));
  }

  setNode(index: number, secret: Secret | null): void {
    this.#nodes.get(index)?.dispose();
    this.#nodes.set(index, secret);
    this.#log.mark(this.#nodeName(index), () => {
      const current = this.#nodes.get(index) ?? null;
      return current === null ? null : new Writer(current.length + 4).vector(current.reveal()).finish();
    });
  }

  ratchets(leaf: number): SenderRatchets | null {
    return this.#cached(this.#ratchets, leaf, this.#senderName(leaf), readRatchets);
  }

  setRatchets(leaf: number, ratchets: SenderRatchets): void {
    const old = this.#ratchets.get(leaf) ?? null;
    if (old !== null) {
      for (const kind of ['handshake', 'application'] as const) {
        if (old[kind].secret !== ratchets[kind].secret) old[kind].secret.dispose();
      }
    }
    this.#ratchets.set(leaf, ratchets);
    this.#log.mark(this.#senderName(leaf), () => {
      const current = this.#ratchets.get(leaf) ?? null;
      return current === null ? null : encodeRatchets(current);
    });
  }

  skipped(leaf: number, kind: RatchetKind, generation: number): MessageKey | null {
    const name = this.#skippedName(leaf, kind, generation);
    return this.#cached(this.#skipped, name, name, (reader) => ({
      key: Secret.copy(reader.vector()),
      nonce: Secret.copy(reader.vector()),
    }));
  }

  setSkipped(leaf: number, kind: RatchetKind, generation: number, key: MessageKey | null): void {
    const name = this.#skippedName(leaf, kind, generation);
    const old = this.#skipped.get(name) ?? null;
    if (old !== null) disposeMessageKey(old);
    this.#skipped.set(name, key);
    this.#log.mark(name, () => {
      const current = this.#skipped.get(name) ?? null;
      if (current === null) return null;
      return new Writer(64).vector(current.key.reveal()).vector(current.nonce.reveal()).finish();
    });
  }

  /** Wipes what is in memory; the records stay. */
  [Symbol.dispose](): void {
    for (const secret of this.#nodes.values()) secret?.dispose();
    for (const ratchets of this.#ratchets.values()) {
      ratchets?.handshake.secret.dispose();
      ratchets?.application.secret.dispose();
    }
    for (const key of this.#skipped.values()) if (key !== null) disposeMessageKey(key);
    this.#nodes.clear();
    this.#ratchets.clear();
    this.#skipped.clear();
  }

  /** Wipes and deletes everything, in a tree with room for `width` leaves. */
  delete(width: number): void {
    const names = [...this.#names(root(width))];
    this[Symbol.dispose]();
    for (const name of names) this.#log.delete(name);
  }

  /** What exists of a subtree: a node's secret, or else what became of it. */
  *#names(index: number): Generator<string> {
    if (this.node(index) !== null) {
      yield this.#nodeName(index);
    } else if (index % 2 === 1) {
      yield* this.#names(left(index));
      yield* this.#names(right(index));
    } else {
      const ratchets = this.ratchets(index / 2);
      if (ratchets === null) return;
      yield this.#senderName(index / 2);
      for (const kind of ['handshake', 'application'] as const) {
        for (const generation of ratchets[kind].skipped()) yield this.#skippedName(index / 2, kind, generation);
      }
    }
  }

  #cached<Key, Value>(
    cache: Map<Key, Value | null>,
    key: Key,
    name: string,
    decode: (reader: Reader) => Value,
  ): Value | null {
    const cached = cache.get(key);
    if (cached !== undefined) return cached;
    const bytes = this.#reader.read(name);
    const value = bytes === null ? null : decodeWhole(bytes, decode);
    cache.set(key, value);
    return value;
  }

  #nodeName(index: number): string {
    return `${this.prefix}node/${index}`;
  }

  #senderName(leaf: number): string {
    return `${this.prefix}sender/${leaf}`;
  }

  #skippedName(leaf: number, kind: RatchetKind, generation: number): string {
    return `${this.prefix}skipped/${leaf}/${kind}/${generation}`;
  }
}

function encodeRatchets(ratchets: SenderRatchets): Uint8Array {
  const writer = new Writer(256);
  for (const { generation, secret, window } of [ratchets.handshake, ratchets.application]) {
    writer.uint32(generation).vector(secret.reveal()).vector(trimmed(window)).uint8(window.length);
  }
  return writer.finish();
}

function readRatchets(reader: Reader): SenderRatchets {
  return { handshake: readRatchet(reader), application: readRatchet(reader) };
}

function readRatchet(reader: Reader): Ratchet {
  const generation = reader.uint32();
  const secret = Secret.copy(reader.vector());
  const kept = reader.vector();
  const window = new Uint8Array(reader.uint8());
  window.set(kept);
  return new Ratchet(generation, secret, window);
}

/** Mostly nothing is skipped. */
function trimmed(window: Uint8Array): Uint8Array {
  let end = window.length;
  while (end > 0 && window[end - 1] === 0) end--;
  return window.subarray(0, end);
}
