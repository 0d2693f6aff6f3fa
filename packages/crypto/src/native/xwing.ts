import { createHash, createPublicKey, decapsulate, diffieHellman, hash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CryptoError } from '../error.ts';
import { inspect } from '../inspect.ts';
import type { Encapsulated, PrivateKey, PublicKey } from '../provider.ts';
import { Secret } from '../secret.ts';
import { KEM_CIPHERTEXT_SIZES, KEY_SIZES, requireLength } from '../sizes.ts';
import { plain, pooled, pooledCopy, secretOf } from './bytes.ts';
import type { Entropy } from './entropy.ts';
import { importPrivateObject, importOwnPublic } from './keys.ts';
import type { NativePublicKey } from './keys.ts';

// X-Wing, draft-connolly-cfrg-xwing-kem §5: ML-KEM-768 and X25519 under one 32-byte seed.

const ML_KEM_PUBLIC = KEY_SIZES['ml-kem-768'].public;
const ML_KEM_CIPHERTEXT = KEM_CIPHERTEXT_SIZES['ml-kem-768'];
/** `\.//^\`, §5.3. */
const LABEL = Uint8Array.of(0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c);

/** The seed and both private halves, expanded once. */
export class NativeXWingPrivateKey implements PrivateKey<'x-wing'> {
  readonly kind = 'x-wing';
  readonly #seed: Secret;
  #halves: { readonly mlKem: KeyObject; readonly x25519: KeyObject } | undefined;
  #publicKey: Uint8Array | undefined;

  /** Takes `seed` over: disposed with the key. */
  constructor(seed: Secret) {
    // §5.2: SHAKE256(seed, 96) = ML-KEM d ‖ z, then the X25519 scalar.
    const expanded = plain(hash('shake256', seed.reveal(), { outputEncoding: 'buffer', outputLength: 96 }));
    try {
      const mlKem = importPrivateObject('ml-kem-768', expanded.subarray(0, 64));
      this.#halves = { mlKem, x25519: importPrivateObject('x25519', expanded.subarray(64)) };
      this.#seed = seed;
    } finally {
      expanded.fill(0);
    }
  }

  /** Computed when asked for: opening does not need the ML-KEM half. */
  get publicKey(): Uint8Array {
    if (this.#publicKey === undefined) {
      const { mlKem, x25519 } = this.#open();
      this.#publicKey = pooled(KEY_SIZES['x-wing'].public);
      this.#publicKey.set(publicBytes(mlKem));
      this.#publicKey.set(publicBytes(x25519), ML_KEM_PUBLIC);
    }
    return this.#publicKey;
  }

  /** §5.5. */
  decapsulate(ciphertext: Uint8Array): Secret {
    requireLength(ciphertext, KEM_CIPHERTEXT_SIZES['x-wing'], 'x-wing ciphertext');
    const { mlKem, x25519 } = this.#open();
    const ephemeral = ciphertext.subarray(ML_KEM_CIPHERTEXT);
    using fromX25519 = agree(x25519, importOwnPublic('x25519', ephemeral).object);
    using fromMlKem = secretOf(decapsulate(mlKem, ciphertext.subarray(0, ML_KEM_CIPHERTEXT)));
    return combine(fromMlKem.reveal(), fromX25519.reveal(), ephemeral, publicBytes(x25519));
  }

  export(): Secret {
    this.#open();
    return Secret.copy(this.#seed.reveal());
  }

  #open(): { readonly mlKem: KeyObject; readonly x25519: KeyObject } {
    if (this.#halves === undefined) throw new CryptoError('bad_key', 'private key used after it was disposed');
    return this.#halves;
  }

  [Symbol.dispose](): void {
    this.#halves = undefined;
    this.#seed.dispose();
  }

  toJSON(): string {
    return '[private key]';
  }

  [inspect](): string {
    return '[private key]';
  }
}

/** Both public halves, checked and imported once. */
export class NativeXWingPublicKey implements PublicKey<'x-wing'> {
  readonly kind = 'x-wing';
  readonly bytes: Uint8Array;
  readonly #mlKem: NativePublicKey<'ml-kem-768'>;
  readonly #x25519: NativePublicKey<'x25519'>;

  constructor(bytes: Uint8Array) {
    requireLength(bytes, KEY_SIZES['x-wing'].public, 'x-wing public key');
    this.bytes = pooledCopy(bytes);
    this.#x25519 = importOwnPublic('x25519', this.bytes.subarray(ML_KEM_PUBLIC));
    this.#mlKem = importOwnPublic('ml-kem-768', this.bytes.subarray(0, ML_KEM_PUBLIC));
  }

  /** §5.4. */
  encapsulate(entropy: Entropy): Encapsulated {
    // ML-KEM first: the draft's order of coins, which seeded runs and its test vectors follow.
    const kem = entropy.encapsulate(this.#mlKem);
    const ephemeralKey = entropy.generate('x25519');
    const ephemeral = publicBytes(ephemeralKey);
    using fromX25519 = agree(ephemeralKey, this.#x25519.object);
    const ciphertext = pooled(KEM_CIPHERTEXT_SIZES['x-wing']);
    ciphertext.set(kem.ciphertext);
    ciphertext.set(ephemeral, ML_KEM_CIPHERTEXT);
    const sharedSecret = combine(kem.sharedSecret, fromX25519.reveal(), ephemeral, this.#x25519.bytes);
    kem.sharedSecret.fill(0);
    return { ciphertext, sharedSecret };
  }
}

function publicBytes(privateKey: KeyObject): Uint8Array {
  return createPublicKey(privateKey).export({ format: 'raw-public' });
}

/** Between KeyObjects of one kind; OpenSSL refuses exactly the all-zero results of X25519 and X448 (RFC 7748 §6). */
export function agree(privateKey: KeyObject, publicKey: KeyObject): Secret {
  try {
    return secretOf(diffieHellman({ privateKey, publicKey }));
  } catch (cause) {
    throw new CryptoError('low_order', 'Diffie-Hellman result is zero', { cause });
  }
}

/** §5.3: SHA3-256(ss_M ‖ ss_X ‖ ct_X ‖ pk_X ‖ label). */
function combine(mlKem: Uint8Array, x25519: Uint8Array, ephemeral: Uint8Array, receiver: Uint8Array): Secret {
  const state = createHash('sha3-256').update(mlKem).update(x25519).update(ephemeral).update(receiver);
  return secretOf(state.update(LABEL).digest());
}
