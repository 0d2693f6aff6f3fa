import type { Secret } from '@sotto/crypto';
import { MlsError } from '../error.ts';
import type { SuiteCrypto } from '../suite.ts';

/** Key and nonce of one message, before the reuse guard. */
export interface MessageKey {
  readonly key: Secret;
  readonly nonce: Secret;
}

export interface RatchetLimits {
  /** How far ahead of what was received a message may be. */
  readonly maxGenerationJump: number;
  /** How many generations back a message may arrive late; keys older than that are wiped. A multiple of 8. */
  readonly skippedKeys: number;
}

/** RFC 9420 §9.1: generations are 32 bits; the last is never reached. */
const LAST_GENERATION = 2 ** 32 - 1;

/** A hash ratchet at its next generation, RFC 9420 §9.1. Immutable; the secret is the holder's to wipe. */
export class Ratchet {
  readonly generation: number;
  readonly secret: Secret;
  /** Bit i: the key of generation `generation - 1 - i` is kept. */
  readonly window: Uint8Array;

  constructor(generation: number, secret: Secret, window: Uint8Array) {
    this.generation = generation;
    this.secret = secret;
    this.window = window;
  }

  hasSkipped(generation: number): boolean {
    const age = this.generation - 1 - generation;
    return age >= 0 && age < 8 * this.window.length && ((this.window[age >> 3] ?? 0) & (1 << (age & 7))) !== 0;
  }

  /** Generations whose keys are kept, the latest first. */
  *skipped(): Generator<number> {
    for (let age = 0; age < 8 * this.window.length; age++) {
      const generation = this.generation - 1 - age;
      if (this.hasSkipped(generation)) yield generation;
    }
  }

  withoutSkipped(generation: number): Ratchet {
    const window = this.window.slice();
    const age = this.generation - 1 - generation;
    window[age >> 3] = (window[age >> 3] ?? 0) & ~(1 << (age & 7));
    return new Ratchet(this.generation, this.secret, window);
  }

  /** The own next key; nothing is skipped. */
  advance(
    crypto: SuiteCrypto,
    limits: RatchetLimits,
  ): { readonly generation: number; readonly key: MessageKey; readonly ratchet: Ratchet } {
    const { key, ratchet } = this.jump(crypto, this.generation, limits);
    return { generation: this.generation, key, ratchet };
  }

  /** On to `generation`, which is not behind. Throws `generation_too_far`. */
  jump(crypto: SuiteCrypto, generation: number, limits: RatchetLimits): Jump {
    if (generation >= LAST_GENERATION || generation - this.generation > limits.maxGenerationJump) {
      throw new MlsError('generation_too_far', "a message's generation is too far ahead");
    }
    let { secret } = this;
    const skipped: SkippedKey[] = [];
    for (let at = this.generation; at < generation; at++) {
      if (generation - at < limits.skippedKeys) skipped.push({ generation: at, key: messageKey(crypto, secret, at) });
      secret = nextSecret(crypto, secret, at, secret === this.secret);
    }
    const key = messageKey(crypto, secret, generation);
    const next = nextSecret(crypto, secret, generation, secret === this.secret);
    const { window, dropped } = this.#shifted(generation + 1, limits);
    return { key, skipped, dropped, ratchet: new Ratchet(generation + 1, next, window) };
  }

  /** The window as seen from `next`, and which kept generations fall out of it. */
  #shifted(next: number, limits: RatchetLimits): { readonly window: Uint8Array; readonly dropped: readonly number[] } {
    const size = limits.skippedKeys;
    const window = new Uint8Array(size / 8);
    const dropped: number[] = [];
    const distance = next - this.generation;
    for (let at = 0; at < this.window.length; at++) {
      if (this.window[at] === 0) continue;
      for (let age = 8 * at; age < 8 * at + 8; age++) {
        const generation = this.generation - 1 - age;
        if (!this.hasSkipped(generation)) continue;
        if (age + distance < size) mark(window, age + distance);
        else dropped.push(generation);
      }
    }
    // Age 0 is the message itself; what was jumped over is older.
    for (let age = 1; age < distance && age < size; age++) mark(window, age);
    return { window, dropped };
  }
}

interface SkippedKey {
  readonly generation: number;
  readonly key: MessageKey;
}

export interface Jump {
  readonly key: MessageKey;
  /** To keep for messages that were overtaken. */
  readonly skipped: readonly SkippedKey[];
  /** No longer to keep. */
  readonly dropped: readonly number[];
  readonly ratchet: Ratchet;
}

/** At generation 0; takes `secret` over. */
export function emptyRatchet(secret: Secret, limits: RatchetLimits): Ratchet {
  return new Ratchet(0, secret, new Uint8Array(limits.skippedKeys / 8));
}

export function disposeMessageKey(key: MessageKey): void {
  key.key.dispose();
  key.nonce.dispose();
}

function messageKey(crypto: SuiteCrypto, secret: Secret, generation: number): MessageKey {
  return {
    nonce: crypto.deriveTreeSecret(secret, 'nonce', generation, crypto.nonceSize),
    key: crypto.deriveTreeSecret(secret, 'key', generation, crypto.keySize),
  };
}

function nextSecret(crypto: SuiteCrypto, secret: Secret, generation: number, keep: boolean): Secret {
  const next = crypto.deriveTreeSecret(secret, 'secret', generation, crypto.hashSize);
  if (!keep) secret.dispose();
  return next;
}

function mark(window: Uint8Array, age: number): void {
  window[age >> 3] = (window[age >> 3] ?? 0) | (1 << (age & 7));
}
