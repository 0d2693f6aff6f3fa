import { ascii, concat, uint16 } from '../bytes.ts';
import { CryptoError } from '../error.ts';
import type { Bytes, CryptoProvider, PrivateKey } from '../provider.ts';
import { bytesOf, Secret } from '../secret.ts';
import { KEM_CIPHERTEXT_SIZES, KEY_SIZES } from '../sizes.ts';
import type { HpkeKem } from './kem.ts';

const ID = 0x647a;
const SEED_SIZE = KEY_SIZES['x-wing'].private;

/**
 * X-Wing as an HPKE KEM, draft-connolly-cfrg-xwing-kem §5.6: DeriveKeyPair takes SHAKE256(ikm, 32) as the seed. It cannot
 * authenticate a sender.
 */
export const xWingKem: HpkeKem<'x-wing'> = kem('X-Wing', (provider, ikm) => provider.shake256(ikm, SEED_SIZE));

/**
 * The same KEM under the same identifier as draft-ietf-hpke-pq-04 §4 has it, on which draft-ietf-mls-pq-ciphersuites-06
 * builds: all is X-Wing but DeriveKeyPair, whose seed is SHAKE256.LabeledDerive(ikm, "DeriveKeyPair", "", 32). Derived key
 * pairs must not cross between the two.
 */
export const mlKem768X25519Kem: HpkeKem<'x-wing'> = kem('MLKEM768-X25519', labeledSeed);

function kem(name: string, seedOf: (provider: CryptoProvider, ikm: Bytes) => Secret): HpkeKem<'x-wing'> {
  return {
    name,
    id: ID,
    kind: 'x-wing',
    encapsulatedSize: KEM_CIPHERTEXT_SIZES['x-wing'],

    encapsulate(provider, receiver, sender) {
      if (sender !== null) throw notAuthenticated(name);
      return provider.encapsulate(receiver);
    },

    decapsulate(provider, own, encapsulated, sender) {
      if (sender !== null) throw notAuthenticated(name);
      return provider.decapsulate(own, encapsulated);
    },

    derive(provider, ikm): PrivateKey<'x-wing'> {
      using seed = seedOf(provider, ikm);
      return provider.importPrivate('x-wing', seed);
    },
  };
}

const LABEL = ascii('DeriveKeyPair');

/** LabeledDerive, draft-ietf-hpke-hpke §4: the input, then "HPKE-v1", the suite id, the label and the length. */
const SUFFIX = concat([ascii('HPKE-v1'), ascii('KEM'), uint16(ID), uint16(LABEL.length), LABEL, uint16(SEED_SIZE)]);

function labeledSeed(provider: CryptoProvider, ikm: Bytes): Secret {
  const input = bytesOf(ikm);
  const labeled = new Uint8Array(new ArrayBuffer(input.length + SUFFIX.length));
  labeled.set(input);
  labeled.set(SUFFIX, input.length);
  using owned = Secret.take(labeled);
  return provider.shake256(owned, SEED_SIZE);
}

function notAuthenticated(name: string): CryptoError {
  return new CryptoError('unsupported', `${name} has no authenticated mode`);
}
