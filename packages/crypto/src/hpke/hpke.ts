import type { Bytes, CryptoProvider, HashName, KeyKind, PrivateKey, PublicKey } from '../provider.ts';
import { requireLength } from '../sizes.ts';
import { Context, exportOnly } from './context.ts';
import type { HpkeReceiverContext, HpkeSenderContext } from './context.ts';
import type { HpkeKem } from './kem.ts';
import { BASE, senderOf } from './mode.ts';
import type { HpkeReceiverMode, HpkeSenderMode } from './mode.ts';
import { KeySchedule } from './schedule.ts';
import type { HpkeAead, HpkeInfo, ScheduledKeys } from './schedule.ts';

/** A KEM, a KDF (HKDF over this hash) and an AEAD, RFC 9180 §7. */
export interface HpkeSuite<Kind extends KeyKind> {
  readonly kem: HpkeKem<Kind>;
  readonly kdf: HashName;
  readonly aead: HpkeAead;
}

/** Binds the exchange to its purpose; `mode` is base when left out. */
export interface HpkeSenderOptions<Kind extends KeyKind> {
  readonly info: Uint8Array | HpkeInfo;
  readonly mode?: HpkeSenderMode<Kind>;
}

export interface HpkeReceiverOptions<Kind extends KeyKind> {
  readonly info: Uint8Array | HpkeInfo;
  readonly mode?: HpkeReceiverMode<Kind>;
}

/** One sealed message: the encapsulated key and the ciphertext travel together. */
export interface HpkeSealed {
  readonly encapsulated: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** Hybrid public key encryption, RFC 9180, in one suite. Holds no secrets; make it once and keep it. */
export interface Hpke<Kind extends KeyKind> {
  readonly suite: HpkeSuite<Kind>;
  /** Single-shot encryption, RFC 9180 §6.1. */
  seal(
    receiver: PublicKey<Kind>,
    options: HpkeSenderOptions<Kind>,
    plaintext: Uint8Array,
    associated: Uint8Array,
  ): HpkeSealed;
  /**
   * Single-shot decryption. Null when the message is not for this key, info, mode or associated data. Throws `length`,
   * `low_order` or `bad_key` for an encapsulated key that no sender can have made.
   */
  open(
    own: PrivateKey<Kind>,
    sealed: HpkeSealed,
    options: HpkeReceiverOptions<Kind>,
    associated: Uint8Array,
  ): Uint8Array | null;
  /** A context for several messages, §5.1. */
  setupSender(
    receiver: PublicKey<Kind>,
    options: HpkeSenderOptions<Kind>,
  ): { readonly encapsulated: Uint8Array; readonly context: HpkeSenderContext };
  setupReceiver(
    own: PrivateKey<Kind>,
    encapsulated: Uint8Array,
    options: HpkeReceiverOptions<Kind>,
  ): HpkeReceiverContext;
  /** DeriveKeyPair, §7.1.3. */
  deriveKeyPair(ikm: Bytes): PrivateKey<Kind>;
  /** Hashes a long `info` once, for many messages of this suite. */
  prepareInfo(info: Uint8Array): HpkeInfo;
}

/** HPKE in `suite` with the primitives of `provider`. */
export function hpke<Kind extends KeyKind>(provider: CryptoProvider, suite: HpkeSuite<Kind>): Hpke<Kind> {
  return new SuiteHpke(provider, suite);
}

class SuiteHpke<Kind extends KeyKind> implements Hpke<Kind> {
  readonly suite: HpkeSuite<Kind>;
  readonly #provider: CryptoProvider;
  readonly #schedule: KeySchedule;

  constructor(provider: CryptoProvider, suite: HpkeSuite<Kind>) {
    this.suite = suite;
    this.#provider = provider;
    this.#schedule = new KeySchedule(provider, suite.kem.id, suite.kdf, suite.aead);
  }

  seal(
    receiver: PublicKey<Kind>,
    options: HpkeSenderOptions<Kind>,
    plaintext: Uint8Array,
    associated: Uint8Array,
  ): HpkeSealed {
    const { aead } = this.suite;
    if (aead === 'export-only') throw exportOnly();
    const { encapsulated, keys } = this.#encapsulate(receiver, options);
    using owned = keys;
    using key = owned.key();
    using nonce = owned.baseNonce();
    return { encapsulated, ciphertext: this.#provider.seal(aead, key, nonce.reveal(), plaintext, associated) };
  }

  open(
    own: PrivateKey<Kind>,
    sealed: HpkeSealed,
    options: HpkeReceiverOptions<Kind>,
    associated: Uint8Array,
  ): Uint8Array | null {
    const { aead } = this.suite;
    if (aead === 'export-only') throw exportOnly();
    using keys = this.#decapsulate(own, sealed.encapsulated, options);
    using key = keys.key();
    using nonce = keys.baseNonce();
    return this.#provider.open(aead, key, nonce.reveal(), sealed.ciphertext, associated);
  }

  setupSender(
    receiver: PublicKey<Kind>,
    options: HpkeSenderOptions<Kind>,
  ): { readonly encapsulated: Uint8Array; readonly context: HpkeSenderContext } {
    const { encapsulated, keys } = this.#encapsulate(receiver, options);
    return { encapsulated, context: this.#context(keys) };
  }

  setupReceiver(
    own: PrivateKey<Kind>,
    encapsulated: Uint8Array,
    options: HpkeReceiverOptions<Kind>,
  ): HpkeReceiverContext {
    return this.#context(this.#decapsulate(own, encapsulated, options));
  }

  deriveKeyPair(ikm: Bytes): PrivateKey<Kind> {
    return this.suite.kem.derive(this.#provider, ikm);
  }

  prepareInfo(info: Uint8Array): HpkeInfo {
    return this.#schedule.prepareInfo(info);
  }

  #encapsulate(
    receiver: PublicKey<Kind>,
    { info, mode = BASE }: HpkeSenderOptions<Kind>,
  ): { readonly encapsulated: Uint8Array; readonly keys: ScheduledKeys } {
    const { ciphertext, sharedSecret } = this.suite.kem.encapsulate(this.#provider, receiver, senderOf(mode));
    return { encapsulated: ciphertext, keys: this.#schedule.begin(mode, sharedSecret, info) };
  }

  #decapsulate(
    own: PrivateKey<Kind>,
    encapsulated: Uint8Array,
    { info, mode = BASE }: HpkeReceiverOptions<Kind>,
  ): ScheduledKeys {
    const { kem } = this.suite;
    requireLength(encapsulated, kem.encapsulatedSize, 'HPKE encapsulated key');
    return this.#schedule.begin(mode, kem.decapsulate(this.#provider, own, encapsulated, senderOf(mode)), info);
  }

  #context(keys: ScheduledKeys): Context {
    const { aead } = this.suite;
    using owned = keys;
    return new Context({
      provider: this.#provider,
      kdf: this.#schedule.kdf,
      exporterSecret: owned.exporterSecret(),
      cipher: aead === 'export-only' ? null : { aead, key: owned.key(), baseNonce: owned.baseNonce() },
    });
  }
}
