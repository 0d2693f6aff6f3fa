import { CryptoError } from '../error.ts';
import { KEM_CIPHERTEXT_SIZES, KEY_SIZES } from '../sizes.ts';
import type { HpkeKem } from './kem.ts';

/** X-Wing as an HPKE KEM, draft-connolly-cfrg-xwing-kem §5.6. It cannot authenticate a sender. */
export const xWingKem: HpkeKem<'x-wing'> = {
  name: 'X-Wing',
  id: 0x647a,
  kind: 'x-wing',
  encapsulatedSize: KEM_CIPHERTEXT_SIZES['x-wing'],

  encapsulate(provider, receiver, sender) {
    if (sender !== null) throw notAuthenticated();
    return provider.encapsulate(receiver);
  },

  decapsulate(provider, own, encapsulated, sender) {
    if (sender !== null) throw notAuthenticated();
    return provider.decapsulate(own, encapsulated);
  },

  // draft-ietf-hpke-pq derives differently under the same identifier; derived key pairs must not cross between the two.
  derive(provider, ikm) {
    using seed = provider.shake256(ikm, KEY_SIZES['x-wing'].private);
    return provider.importPrivate('x-wing', seed);
  },
};

function notAuthenticated(): CryptoError {
  return new CryptoError('unsupported', 'X-Wing has no authenticated mode');
}
