import type { CryptoProvider } from '@sotto/crypto';
import { CIPHER_SUITES, SuiteCrypto } from '../../../packages/mls/src/suite.ts';
import { numberAt } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { NotOffered } from '../outcome.ts';

/** RFC 9420 §17.1, to name what is skipped. */
const NAMES: { readonly [id: number]: string } = {
  2: 'MLS_128_DHKEMP256_AES128GCM_SHA256_P256',
  4: 'MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448',
  5: 'MLS_256_DHKEMP521_AES256GCM_SHA512_P521',
  6: 'MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448',
  7: 'MLS_256_DHKEMP384_AES256GCM_SHA384_P384',
};

/** The suite of a case. */
export function suiteOf(fields: Fields, provider: CryptoProvider): SuiteCrypto {
  const id = numberAt(fields, 'cipher_suite');
  const suite = CIPHER_SUITES.get(id);
  if (suite === undefined) throw new NotOffered(NAMES[id] ?? `cipher suite ${id}`);
  return new SuiteCrypto(provider, suite);
}
