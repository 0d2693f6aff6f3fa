import type { Secret } from '@sotto/crypto';
import { NO_BYTES } from '../bytes.ts';
import { MlsError } from '../error.ts';
import type { SuiteCrypto } from '../suite.ts';
import { isBelow, left, parent, right, root } from '../tree/math.ts';
import { disposeMessageKey, emptyRatchet } from './ratchet.ts';
import type { Jump, MessageKey, Ratchet, RatchetLimits } from './ratchet.ts';

export type RatchetKind = 'handshake' | 'application';

/** Both ratchets of one sender. */
export type SenderRatchets = { readonly [Kind in RatchetKind]: Ratchet };

/**
 * Where a secret tree keeps what it has derived. `null` is "none". Implementations own the secrets they are given.
 * A write replaces, and the replaced secret is wiped by the tree.
 */
export interface SecretTreeStore {
  node(index: number): Secret | null;
  setNode(index: number, secret: Secret | null): void;
  ratchets(leaf: number): SenderRatchets | null;
  setRatchets(leaf: number, ratchets: SenderRatchets): void;
  skipped(leaf: number, kind: RatchetKind, generation: number): MessageKey | null;
  setSkipped(leaf: number, kind: RatchetKind, generation: number, key: MessageKey | null): void;
}

/**
 * The secret tree, RFC 9420 §9: derived node by node when a sender is first heard of, keeping only the siblings beside
 * the way down. Nothing is stored until the caller says that the message was genuine.
 */
export class SecretTree {
  readonly #crypto: SuiteCrypto;
  readonly #width: number;
  readonly #store: SecretTreeStore;
  readonly #limits: RatchetLimits;

  /** The store of a new epoch holds encryption_secret at the root of a tree with room for `width` leaves. */
  constructor(crypto: SuiteCrypto, width: number, store: SecretTreeStore, limits: RatchetLimits) {
    this.#crypto = crypto;
    this.#width = width;
    this.#store = store;
    this.#limits = limits;
  }

  /** The next key to send with; used up at once. */
  next(leaf: number, kind: RatchetKind): { readonly generation: number; readonly key: MessageKey } {
    const opened = this.#open(leaf);
    const advance = opened.ratchets[kind].advance(this.#crypto, this.#limits);
    this.#commit(leaf, kind, opened, advance.ratchet);
    return { generation: advance.generation, key: advance.key };
  }

  /**
   * The key of a received message. Call `consume` once the message has proved genuine, `discard` otherwise: then nothing
   * has changed. Both dispose of the key. Throws `generation_used`, `generation_too_far`.
   */
  key(leaf: number, kind: RatchetKind, generation: number): ReceivingKey {
    const opened = this.#open(leaf);
    const ratchet = opened.ratchets[kind];
    if (generation < ratchet.generation) {
      const key = ratchet.hasSkipped(generation) ? this.#store.skipped(leaf, kind, generation) : null;
      if (key === null) throw new MlsError('generation_used', "a message's key was used or is no longer kept");
      const consume = (): void => {
        this.#store.setSkipped(leaf, kind, generation, null);
        this.#commit(leaf, kind, opened, ratchet.withoutSkipped(generation));
      };
      return { key, consume, discard: () => {} };
    }
    let jump: Jump;
    try {
      jump = ratchet.jump(this.#crypto, generation, this.#limits);
    } catch (error) {
      forget(opened);
      throw error;
    }
    const discard = (): void => {
      disposeMessageKey(jump.key);
      for (const skipped of jump.skipped) disposeMessageKey(skipped.key);
      jump.ratchet.secret.dispose();
      forget(opened);
    };
    const consume = (): void => {
      disposeMessageKey(jump.key);
      for (const dropped of jump.dropped) this.#store.setSkipped(leaf, kind, dropped, null);
      for (const skipped of jump.skipped) this.#store.setSkipped(leaf, kind, skipped.generation, skipped.key);
      this.#commit(leaf, kind, opened, jump.ratchet);
    };
    return { key: jump.key, consume, discard };
  }

  #commit(leaf: number, kind: RatchetKind, opened: OpenedLeaf, ratchet: Ratchet): void {
    const { ratchets, derived, from } = opened;
    if (from !== null) {
      for (const [index, secret] of derived) this.#store.setNode(index, secret);
      this.#store.setNode(from, null);
    }
    const { handshake, application } = ratchets;
    this.#store.setRatchets(
      leaf,
      kind === 'handshake' ? { handshake: ratchet, application } : { handshake, application: ratchet },
    );
  }

  /** A sender's ratchets as stored, or derived from the lowest node secret above it. */
  #open(leaf: number): OpenedLeaf {
    const known = this.#store.ratchets(leaf);
    if (known !== null) return { ratchets: known, derived: [], from: null };
    const target = 2 * leaf;
    if (leaf < 0 || leaf >= this.#width) throw new MlsError('unknown_sender', 'a sender is not in the tree');
    const top = root(this.#width);
    let from = target;
    let secret = this.#store.node(from);
    while (secret === null && from !== top) {
      from = parent(from);
      secret = this.#store.node(from);
    }
    if (secret === null) throw new MlsError('internal', 'a secret tree has lost its root');
    const derived: (readonly [number, Secret])[] = [];
    let at = from;
    let current = secret;
    while (at !== target) {
      const [down, beside] = isBelow(target, left(at)) ? [left(at), right(at)] : [right(at), left(at)];
      derived.push([beside, this.#child(current, beside < at ? 'left' : 'right')]);
      const next = this.#child(current, down < at ? 'left' : 'right');
      if (current !== secret) current.dispose();
      current = next;
      at = down;
    }
    const size = this.#crypto.hashSize;
    const ratchets = {
      handshake: emptyRatchet(this.#crypto.expandWithLabel(current, 'handshake', NO_BYTES, size), this.#limits),
      application: emptyRatchet(this.#crypto.expandWithLabel(current, 'application', NO_BYTES, size), this.#limits),
    };
    if (current !== secret) current.dispose();
    return { ratchets, derived, from };
  }

  #child(secret: Secret, side: 'left' | 'right'): Secret {
    const context = side === 'left' ? LEFT : RIGHT;
    return this.#crypto.expandWithLabel(secret, 'tree', context, this.#crypto.hashSize);
  }
}

export interface ReceivingKey {
  readonly key: MessageKey;
  readonly consume: () => void;
  readonly discard: () => void;
}

/** Wipes what was derived and not stored. */
function forget({ ratchets, derived, from }: OpenedLeaf): void {
  if (from === null) return;
  for (const [, secret] of derived) secret.dispose();
  ratchets.handshake.secret.dispose();
  ratchets.application.secret.dispose();
}

interface OpenedLeaf {
  readonly ratchets: SenderRatchets;
  readonly derived: readonly (readonly [index: number, secret: Secret])[];
  /** The node whose secret was split, or null when nothing was derived. */
  readonly from: number | null;
}

const LEFT = Uint8Array.from('left', (character) => character.charCodeAt(0));
const RIGHT = Uint8Array.from('right', (character) => character.charCodeAt(0));
