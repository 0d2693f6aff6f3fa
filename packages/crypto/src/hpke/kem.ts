import type { Bytes, CryptoProvider, Encapsulated, KeyKind, PrivateKey, PublicKey } from '../provider.ts';
import type { Secret } from '../secret.ts';

/** A key encapsulation mechanism for HPKE, RFC 9180 §4. Implementations hold no state; `hpke` works with any. */
export interface HpkeKem<Kind extends KeyKind = KeyKind> {
  /** As IANA lists it. */
  readonly name: string;
  /** IANA "HPKE KEM Identifiers". */
  readonly id: number;
  readonly kind: Kind;
  /** bytes */
  readonly encapsulatedSize: number;
  /** Encap, or AuthEncap when `sender` is given; `unsupported` from a KEM that cannot authenticate. */
  encapsulate(provider: CryptoProvider, receiver: PublicKey<Kind>, sender: PrivateKey<Kind> | null): Encapsulated;
  /** Decap, or AuthDecap when `sender` is given. Throws `length`, `low_order` or `bad_key` for what no sender made. */
  decapsulate(
    provider: CryptoProvider,
    own: PrivateKey<Kind>,
    encapsulated: Uint8Array,
    sender: PublicKey<Kind> | null,
  ): Secret;
  /** DeriveKeyPair: the key pair that follows from input key material of at least the private key's entropy. */
  derive(provider: CryptoProvider, ikm: Bytes): PrivateKey<Kind>;
}
