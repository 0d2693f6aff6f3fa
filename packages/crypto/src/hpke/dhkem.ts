import { ascii, concat, NO_BYTES, uint16 } from '../bytes.ts';
import { CryptoError } from '../error.ts';
import { isNist, isScalar, NIST_CURVES } from '../nist.ts';
import type { NistKind } from '../nist.ts';
import type { Bytes, CryptoProvider, DhKind, Encapsulated, HashName, PrivateKey, PublicKey } from '../provider.ts';
import { Secret } from '../secret.ts';
import { HASH_SIZES, KEY_SIZES, requireLength } from '../sizes.ts';
import type { HpkeKem } from './kem.ts';
import { LabeledKdf } from './labeled.ts';

class Dhkem<Kind extends DhKind> implements HpkeKem<Kind> {
  readonly name: string;
  readonly id: number;
  readonly kind: Kind;
  readonly encapsulatedSize: number;
  readonly #kdf: LabeledKdf;
  /** Nsecret, as long as the hash. */
  readonly #secretSize: number;

  constructor(name: string, id: number, kind: Kind, hash: HashName) {
    this.name = name;
    this.id = id;
    this.kind = kind;
    this.encapsulatedSize = KEY_SIZES[kind].public;
    this.#kdf = new LabeledKdf(hash, concat([ascii('KEM'), uint16(id)]));
    this.#secretSize = HASH_SIZES[hash];
  }

  encapsulate(provider: CryptoProvider, receiver: PublicKey<Kind>, sender: PrivateKey<Kind> | null): Encapsulated {
    using ephemeral = provider.generate(this.kind);
    using dh = agree(provider, ephemeral, sender, receiver, receiver);
    const ciphertext = ephemeral.publicKey;
    return {
      ciphertext,
      sharedSecret: this.#extractAndExpand(provider, dh, ciphertext, receiver.bytes, sender?.publicKey),
    };
  }

  decapsulate(
    provider: CryptoProvider,
    own: PrivateKey<Kind>,
    encapsulated: Uint8Array,
    sender: PublicKey<Kind> | null,
  ): Secret {
    requireLength(encapsulated, this.encapsulatedSize, 'HPKE encapsulated key');
    using dh = agree(provider, own, sender === null ? null : own, encapsulated, sender);
    return this.#extractAndExpand(provider, dh, encapsulated, own.publicKey, sender?.bytes);
  }

  /** RFC 9180 §7.1.3. */
  derive(provider: CryptoProvider, ikm: Bytes): PrivateKey<Kind> {
    const { kind } = this;
    using prk = this.#kdf.extract(provider, NO_BYTES, 'dkp_prk', ikm);
    using scalar = isNist(kind)
      ? this.#deriveScalar(provider, prk, kind)
      : this.#kdf.expand(provider, prk, 'sk', NO_BYTES, KEY_SIZES[kind].private);
    return provider.importPrivate(kind, scalar);
  }

  #deriveScalar(provider: CryptoProvider, prk: Secret, kind: NistKind): Secret {
    const curve = NIST_CURVES[kind];
    for (let counter = 0; counter < 256; counter++) {
      const candidate = this.#kdf.expand(provider, prk, 'candidate', Uint8Array.of(counter), curve.order.length);
      const bytes = candidate.reveal();
      bytes[0] = (bytes[0] ?? 0) & curve.topMask;
      if (isScalar(curve, bytes)) return candidate;
      candidate.dispose();
    }
    // A candidate fails with a probability of 2^-32 at most (P-256), so this is a broken hash.
    throw new CryptoError('bad_key', `no ${kind} key follows from this input`);
  }

  #extractAndExpand(
    provider: CryptoProvider,
    dh: Secret,
    encapsulated: Uint8Array,
    receiver: Uint8Array,
    sender: Uint8Array = NO_BYTES,
  ): Secret {
    using prk = this.#kdf.extract(provider, NO_BYTES, 'eae_prk', dh);
    return this.#kdf.expand(provider, prk, 'shared_secret', concat([encapsulated, receiver, sender]), this.#secretSize);
  }
}

/** DHKEM(X25519, HKDF-SHA256), RFC 9180 §4.1 and §7.1. */
export const dhkemX25519: HpkeKem<'x25519'> = new Dhkem('DHKEM(X25519, HKDF-SHA256)', 0x0020, 'x25519', 'sha256');
/** DHKEM(X448, HKDF-SHA512). */
export const dhkemX448: HpkeKem<'x448'> = new Dhkem('DHKEM(X448, HKDF-SHA512)', 0x0021, 'x448', 'sha512');
/** DHKEM(P-256, HKDF-SHA256). */
export const dhkemP256: HpkeKem<'p-256'> = new Dhkem('DHKEM(P-256, HKDF-SHA256)', 0x0010, 'p-256', 'sha256');
/** DHKEM(P-384, HKDF-SHA384). */
export const dhkemP384: HpkeKem<'p-384'> = new Dhkem('DHKEM(P-384, HKDF-SHA384)', 0x0011, 'p-384', 'sha384');
/** DHKEM(P-521, HKDF-SHA512). */
export const dhkemP521: HpkeKem<'p-521'> = new Dhkem('DHKEM(P-521, HKDF-SHA512)', 0x0012, 'p-521', 'sha512');

/** DH(first, firstPeer), followed by DH(second, secondPeer) in the authenticated modes. */
function agree<Kind extends DhKind>(
  provider: CryptoProvider,
  first: PrivateKey<Kind>,
  second: PrivateKey<Kind> | null,
  firstPeer: PublicKey<Kind> | Uint8Array,
  secondPeer: PublicKey<Kind> | null,
): Secret {
  const dh = provider.dh(first, firstPeer);
  if (second === null || secondPeer === null) return dh;
  using ephemeral = dh;
  using authenticated = provider.dh(second, secondPeer);
  const both = new Uint8Array(new ArrayBuffer(ephemeral.length + authenticated.length));
  both.set(ephemeral.reveal());
  both.set(authenticated.reveal(), ephemeral.length);
  return Secret.take(both);
}
