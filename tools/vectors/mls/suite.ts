import type { CryptoProvider } from '@sotto/crypto';
import { SuiteCrypto } from '../../../packages/mls/src/suite.ts';
import { CIPHER_SUITES } from '../../../packages/mls/src/cipher-suites.ts';
import { bytesAt, numberAt } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { NotOffered } from '../outcome.ts';

/** The suite of a case. */
export function suiteOf(fields: Fields, provider: CryptoProvider): SuiteCrypto {
  const id = numberAt(fields, 'cipher_suite');
  const suite = CIPHER_SUITES.get(id);
  if (suite === undefined) throw new NotOffered(`cipher suite ${id}`);
  return new SuiteCrypto(provider, suite);
}

/** NIST scalars stand in some files without their leading zeros. */
export function privateKeyAt(
  fields: Fields,
  name: string,
  crypto: SuiteCrypto,
  use: 'encryption' | 'signature',
): Uint8Array {
  const bytes = bytesAt(fields, name);
  const kind = use === 'encryption' ? crypto.suite.kem.kind : crypto.suite.signature;
  const length = SCALAR_SIZES[kind] ?? bytes.length;
  const padded = new Uint8Array(Math.max(length, bytes.length));
  padded.set(bytes, padded.length - bytes.length);
  return padded;
}

const SCALAR_SIZES: { readonly [kind: string]: number } = {
  'p-256': 32,
  'p-384': 48,
  'p-521': 66,
  'ecdsa-p256-sha256': 32,
  'ecdsa-p384-sha384': 48,
  'ecdsa-p521-sha512': 66,
};
