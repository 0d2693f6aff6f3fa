import { ascii, concat, NO_BYTES, uint16 } from '../bytes.ts';
import type { Bytes, CryptoProvider, Encapsulated, PrivateKey, PublicKey } from '../provider.ts';
import { Secret } from '../secret.ts';
import { KEY_SIZES, requireLength, SHARED_SECRET_SIZE } from '../sizes.ts';
import type { HpkeKem } from './kem.ts';
import { LabeledKdf } from './labeled.ts';

const ID = 0x0020;
const KDF = new LabeledKdf('sha256', concat([ascii('KEM'), uint16(ID)]));
const SIZE = KEY_SIZES.x25519.public;

/** DHKEM(X25519, HKDF-SHA256), RFC 9180 §4.1 and §7.1. */
export const dhkemX25519: HpkeKem<'x25519'> = {
  name: 'DHKEM(X25519, HKDF-SHA256)',
  id: ID,
  kind: 'x25519',
  encapsulatedSize: SIZE,

  encapsulate(provider, receiver, sender): Encapsulated {
    using ephemeral = provider.generate('x25519');
    using dh = agree(provider, ephemeral, sender, receiver, receiver);
    const ciphertext = ephemeral.publicKey;
    return {
      ciphertext,
      sharedSecret: extractAndExpand(provider, dh, ciphertext, receiver.bytes, sender?.publicKey),
    };
  },

  decapsulate(provider, own, encapsulated, sender) {
    requireLength(encapsulated, SIZE, 'HPKE encapsulated key');
    using dh = agree(provider, own, sender === null ? null : own, encapsulated, sender);
    return extractAndExpand(provider, dh, encapsulated, own.publicKey, sender?.bytes);
  },

  derive(provider, ikm: Bytes) {
    using prk = KDF.extract(provider, NO_BYTES, 'dkp_prk', ikm);
    using scalar = KDF.expand(provider, prk, 'sk', NO_BYTES, KEY_SIZES.x25519.private);
    return provider.importPrivate('x25519', scalar);
  },
};

/** DH(first, firstPeer), followed by DH(second, secondPeer) in the authenticated modes. */
function agree(
  provider: CryptoProvider,
  first: PrivateKey<'x25519'>,
  second: PrivateKey<'x25519'> | null,
  firstPeer: PublicKey<'x25519'> | Uint8Array,
  secondPeer: PublicKey<'x25519'> | null,
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

function extractAndExpand(
  provider: CryptoProvider,
  dh: Secret,
  encapsulated: Uint8Array,
  receiver: Uint8Array,
  sender: Uint8Array = NO_BYTES,
): Secret {
  using prk = KDF.extract(provider, NO_BYTES, 'eae_prk', dh);
  return KDF.expand(provider, prk, 'shared_secret', concat([encapsulated, receiver, sender]), SHARED_SECRET_SIZE);
}
