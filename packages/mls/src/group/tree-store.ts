import { Secret } from '@sotto/crypto';
import type { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { disposeMessageKey, Ratchet } from '../schedule/ratchet.ts';
import type { MessageKey } from '../schedule/ratchet.ts';
import type { RatchetKind, SecretTreeStore, SenderRatchets } from '../schedule/secret-tree.ts';
import { leafSpan, left, level, right, root } from '../tree/math.ts';
import type { Records } from './records.ts';

/** Levels of the tree in one record. With three, opening a sender writes few records and rewrites few secrets. */
const LEVELS = 3;
/** Nodes in one record: eight, four and two, on the three levels. */
const NODES = 14;

/** Node secrets by place; null where one is used up or was never there. */
type Block = (Secret | null)[];

/**
 * A secret tree in records: node secrets in blocks of three levels, senders, skipped keys. A message changes one sender,
 * and the first of a sender the blocks on its way. They are read when asked for.
 */
export class TreeStore implements SecretTreeStore, Disposable {
  /** Of the record names: `secret/<epoch>/`. */
  readonly #prefix: string;
  readonly #records: Records;
  /** Whether there can be records that are not in memory. */
  readonly #isStored: boolean;
  /** Null is none; a block from which everything is used up is still one. */
  readonly #blocks = new Map<string, Block | null>();
  readonly #ratchets = new Map<string, SenderRatchets | null>();
  readonly #skipped = new Map<string, MessageKey | null>();

  constructor(prefix: string, records: Records, isStored: boolean) {
    this.#prefix = prefix;
    this.#records = records;
    this.#isStored = isStored;
  }

  node(index: number): Secret | null {
    return this.#block(this.#blockName(index))?.[placeOf(index)] ?? null;
  }

  setNode(index: number, secret: Secret | null): void {
    const name = this.#blockName(index);
    const block = this.#block(name) ?? Array.from({ length: NODES }, () => null);
    const place = placeOf(index);
    block[place]?.dispose();
    block[place] = secret;
    this.#blocks.set(name, block);
    this.#records.mark(name, () => {
      const current = this.#blocks.get(name) ?? null;
      return current === null ? null : encodeBlock(current);
    });
  }

  ratchets(leaf: number): SenderRatchets | null {
    return this.#cached(this.#ratchets, this.#senderName(leaf), readRatchets);
  }

  setRatchets(leaf: number, ratchets: SenderRatchets): void {
    const name = this.#senderName(leaf);
    const old = this.#ratchets.get(name) ?? null;
    if (old !== null) {
      for (const kind of ['handshake', 'application'] as const) {
        if (old[kind].secret !== ratchets[kind].secret) old[kind].secret.dispose();
      }
    }
    this.#ratchets.set(name, ratchets);
    this.#records.mark(name, () => {
      const current = this.#ratchets.get(name) ?? null;
      return current === null ? null : encodeRatchets(current);
    });
  }

  skipped(leaf: number, kind: RatchetKind, generation: number): MessageKey | null {
    return this.#cached(this.#skipped, this.#skippedName(leaf, kind, generation), (reader) => ({
      key: Secret.copy(reader.vector()),
      nonce: Secret.copy(reader.vector()),
    }));
  }

  setSkipped(leaf: number, kind: RatchetKind, generation: number, key: MessageKey | null): void {
    const name = this.#skippedName(leaf, kind, generation);
    const old = this.#skipped.get(name) ?? null;
    if (old !== null) disposeMessageKey(old);
    this.#skipped.set(name, key);
    this.#records.mark(name, () => {
      const current = this.#skipped.get(name) ?? null;
      if (current === null) return null;
      return new Writer(64).vector(current.key.reveal()).vector(current.nonce.reveal()).finish();
    });
  }

  /** Says that a message of `leaf` comes next, in a tree with room for `width` leaves. Records that it may read. */
  namesFor(leaf: number, width: number): string[] {
    if (!this.#isStored) return [];
    const names = [this.#senderName(leaf)];
    for (let shift = LEVELS; ; shift += LEVELS) {
      names.push(`${this.#prefix}${shift / LEVELS - 1}.${leaf >> shift}`);
      if (2 ** shift > width) break;
    }
    return names.filter((name) => !this.#blocks.has(name) && !this.#ratchets.has(name));
  }

  /** All blocks of a tree with room for `width` leaves, as far as they are not in memory. */
  blockNames(width: number): string[] {
    if (!this.#isStored) return [];
    const names: string[] = [];
    for (let shift = LEVELS; ; shift += LEVELS) {
      for (let i = 0; i < Math.max(1, width >> shift); i++) names.push(`${this.#prefix}${shift / LEVELS - 1}.${i}`);
      if (2 ** shift > width) break;
    }
    return names.filter((name) => !this.#blocks.has(name));
  }

  /** Senders' records as far as they are not in memory; reads the blocks. */
  senderNames(width: number): string[] {
    if (!this.#isStored) return [];
    const names = [...this.#opened(root(width))].map((leaf) => this.#senderName(leaf));
    return names.filter((name) => !this.#ratchets.has(name));
  }

  /** Reads whatever `delete` has to know, so that it reads nothing. */
  load(width: number): void {
    for (const leaf of this.#opened(root(width))) this.ratchets(leaf);
  }

  /** Wipes and deletes everything, in a tree with room for `width` leaves. */
  delete(width: number): void {
    const opened = [...this.#opened(root(width))];
    const names = [...this.#blocks].flatMap(([name, block]) => (block === null ? [] : [name]));
    for (const leaf of opened) {
      const ratchets = this.ratchets(leaf);
      if (ratchets === null) continue;
      names.push(this.#senderName(leaf));
      for (const kind of ['handshake', 'application'] as const) {
        for (const generation of ratchets[kind].skipped()) names.push(this.#skippedName(leaf, kind, generation));
      }
    }
    this[Symbol.dispose]();
    for (const name of names) this.#records.delete(name);
  }

  /** Wipes what is in memory; the records stay. */
  [Symbol.dispose](): void {
    for (const block of this.#blocks.values()) for (const secret of block ?? []) secret?.dispose();
    for (const ratchets of this.#ratchets.values()) {
      ratchets?.handshake.secret.dispose();
      ratchets?.application.secret.dispose();
    }
    for (const key of this.#skipped.values()) if (key !== null) disposeMessageKey(key);
    this.#blocks.clear();
    this.#ratchets.clear();
    this.#skipped.clear();
  }

  /** Senders below `index` whose ratchets were derived. A node that is there has derived nothing below it. */
  *#opened(index: number): Generator<number> {
    if (this.node(index) !== null || this.#block(this.#blockName(index)) === null) return;
    if (index % 2 === 0) {
      yield index / 2;
      return;
    }
    yield* this.#opened(left(index));
    yield* this.#opened(right(index));
  }

  #block(name: string): Block | null {
    return this.#cached(this.#blocks, name, readBlock);
  }

  #cached<Value>(cache: Map<string, Value | null>, name: string, decode: (reader: Reader) => Value): Value | null {
    const cached = cache.get(name);
    if (cached !== undefined) return cached;
    const value = this.#isStored ? this.#records.find(name, decode) : null;
    cache.set(name, value);
    return value;
  }

  #blockName(index: number): string {
    const band = Math.floor(level(index) / LEVELS);
    return `${this.#prefix}${band}.${leafSpan(index)[0] >> (LEVELS * (band + 1))}`;
  }

  #senderName(leaf: number): string {
    return `${this.#prefix}s${leaf}`;
  }

  #skippedName(leaf: number, kind: RatchetKind, generation: number): string {
    return `${this.#prefix}${kind === 'handshake' ? 'h' : 'a'}${leaf}.${generation}`;
  }
}

/** Of a node in its block: first the eight of the lowest level. */
function placeOf(index: number): number {
  const height = level(index);
  const within = height % LEVELS;
  const position = (leafSpan(index)[0] >> height) & (2 ** (LEVELS - within) - 1);
  return 16 - 2 ** (4 - within) + position;
}

function encodeBlock(block: Block): Uint8Array {
  const writer = new Writer(NODES * 64 + 2);
  let places = 0;
  for (const [place, secret] of block.entries()) if (secret !== null) places |= 1 << place;
  writer.uint16(places);
  for (const secret of block) if (secret !== null) writer.raw(secret.reveal());
  return writer.finish();
}

function readBlock(reader: Reader): Block {
  const places = reader.uint16();
  const isThere = Array.from({ length: NODES }, (_, place) => (places & (1 << place)) !== 0);
  const count = isThere.filter(Boolean).length;
  const size = count === 0 ? 0 : reader.remaining / count;
  if (!Number.isInteger(size)) throw new MlsError('record', 'a block of a secret tree has a wrong length');
  return isThere.map((is) => (is ? Secret.copy(reader.take(size)) : null));
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
