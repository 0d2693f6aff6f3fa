import { portableProvider } from '@sotto/crypto/portable';
import type { AeadName, CryptoProvider, DhKind, HashName, SignatureKind } from '@sotto/crypto';
import { bytesAt, fieldsOf, labelAt, listOf, numberAt, textAt } from './fields.ts';
import type { Fields } from './fields.ts';
import { compare, NotOffered, outcomeOf, refusal } from './outcome.ts';
import type { Difference } from './outcome.ts';
import type { VectorRunner } from './runner.ts';

/** One test of a Wycheproof file with the group and file it stands in. */
interface WycheproofCase {
  readonly algorithm: string;
  readonly group: Fields;
  readonly test: Fields;
  readonly provider: CryptoProvider;
}

/** C2SP Wycheproof, by the type of each test group. */
export const wycheproof: VectorRunner = {
  name: 'Wycheproof',
  recognises: (fileName) => /_test\.json$/i.test(fileName),
  async *run(json, provider) {
    const file = fieldsOf(json);
    const algorithm = textAt(file, 'algorithm');
    for (const group of listOf(file['testGroups'])) {
      const type = textAt(group, 'type');
      for (const test of listOf(group['tests'])) {
        const name = `tcId ${labelAt(test, 'tcId')} ${labelAt(test, 'comment')}`.trim();
        yield await outcomeOf(name, () => {
          const check = CHECKS[type];
          if (check === undefined) throw new NotOffered(`${algorithm} ${type}`);
          return check({ algorithm, group, test, provider });
        });
      }
    }
  },
};

const CHECKS: { readonly [type: string]: (input: WycheproofCase) => Difference } = {
  AeadTest: aead,
  MacTest: mac,
  HkdfTest: hkdf,
  XdhComp: xdh,
  EcdhEcpointTest: ecdh,
  EddsaVerify: eddsa,
  EcdsaVerify: ecdsa,
  MLKEMTest: mlKem,
  MLKEMKeyGen: mlKemKeyGen,
  MLKEMEncapsTest: mlKemEncaps,
};

const HASHES: { readonly [name: string]: HashName } = {
  'HKDF-SHA-256': 'sha256',
  'HKDF-SHA-384': 'sha384',
  'HKDF-SHA-512': 'sha512',
  HMACSHA256: 'sha256',
  HMACSHA384: 'sha384',
  HMACSHA512: 'sha512',
};

const DH_CURVES: { readonly [name: string]: DhKind } = {
  curve25519: 'x25519',
  curve448: 'x448',
  secp256r1: 'p-256',
  secp384r1: 'p-384',
  secp521r1: 'p-521',
};

const EDDSA_CURVES: { readonly [name: string]: SignatureKind } = { edwards25519: 'ed25519', edwards448: 'ed448' };

const ECDSA_KINDS: { readonly [name: string]: SignatureKind } = {
  'secp256r1 SHA-256': 'ecdsa-p256-sha256',
  'secp384r1 SHA-384': 'ecdsa-p384-sha384',
  'secp521r1 SHA-512': 'ecdsa-p521-sha512',
};

function isValid(test: Fields): boolean {
  return textAt(test, 'result') === 'valid';
}

function hashOf(algorithm: string): HashName {
  const hash = HASHES[algorithm];
  if (hash === undefined) throw new NotOffered(algorithm);
  return hash;
}

function aead({ algorithm, group, test, provider }: WycheproofCase): Difference {
  const keyBits = numberAt(group, 'keySize');
  const nonceBits = numberAt(group, 'ivSize');
  const name = aeadName(algorithm, keyBits);
  const [key, nonce, associated] = [bytesAt(test, 'key'), bytesAt(test, 'iv'), bytesAt(test, 'aad')];
  const message = bytesAt(test, 'msg');
  const sealed = Buffer.concat([bytesAt(test, 'ct'), bytesAt(test, 'tag')]);
  if (nonce.length !== (name === 'xchacha20-poly1305' ? 24 : 12)) {
    const difference =
      refusal('a nonce of the wrong length', () => provider.open(name, key, nonce, sealed, associated), 'length') ??
      refusal('a nonce of the wrong length', () => provider.seal(name, key, nonce, message, associated), 'length');
    if (difference === null && isValid(test)) throw new NotOffered(`${algorithm} with ${nonceBits / 8}-byte nonces`);
    return difference;
  }
  const opened = provider.open(name, key, nonce, sealed, associated);
  if (!isValid(test)) return opened === null ? null : 'a forgery was opened';
  if (opened === null) return 'does not open';
  return (
    compare('plaintext', opened, message) ??
    compare('ciphertext', provider.seal(name, key, nonce, message, associated), sealed)
  );
}

function aeadName(algorithm: string, keyBits: number): AeadName {
  switch (`${algorithm} ${keyBits}`) {
    case 'AES-GCM 128':
      return 'aes-128-gcm';
    case 'AES-GCM 256':
      return 'aes-256-gcm';
    case 'CHACHA20-POLY1305 256':
      return 'chacha20-poly1305';
    case 'XCHACHA20-POLY1305 256':
      return 'xchacha20-poly1305';
    default:
      throw new NotOffered(`${algorithm} with ${keyBits}-bit keys`);
  }
}

function mac({ algorithm, group, test, provider }: WycheproofCase): Difference {
  const hash = hashOf(algorithm);
  using full = provider.hmac(hash, bytesAt(test, 'key'), bytesAt(test, 'msg'));
  const difference = compare('tag', full.reveal().subarray(0, numberAt(group, 'tagSize') / 8), bytesAt(test, 'tag'));
  if (isValid(test)) return difference;
  return difference === null ? 'a forgery was accepted' : null;
}

function hkdf({ algorithm, test, provider }: WycheproofCase): Difference {
  const hash = hashOf(algorithm);
  const [ikm, salt, info] = [bytesAt(test, 'ikm'), bytesAt(test, 'salt'), bytesAt(test, 'info')];
  const length = numberAt(test, 'size');
  if (!isValid(test)) return refusal('the length', () => provider.hkdf(hash, ikm, salt, info, length), 'length');
  using whole = provider.hkdf(hash, ikm, salt, info, length);
  using prk = provider.hkdfExtract(hash, salt, ikm);
  using expanded = provider.hkdfExpand(hash, prk, info, length);
  return (
    compare('okm', whole.reveal(), bytesAt(test, 'okm')) ??
    compare('expanded okm', expanded.reveal(), bytesAt(test, 'okm'))
  );
}

/** "Acceptable" marks what RFC 7748 leaves open: Sotto computes all of it and refuses exactly the all-zero results. */
function xdh({ group, test, provider }: WycheproofCase): Difference {
  const kind = DH_CURVES[textAt(group, 'curve')];
  if (kind === undefined) throw new NotOffered(textAt(group, 'curve'));
  const expected = bytesAt(test, 'shared');
  const [secret, peer] = [bytesAt(test, 'private'), bytesAt(test, 'public')];
  const own = provider.importPrivate(kind, secret);
  if (!isValid(test) && expected.length === 0) {
    return refusal('a point of the wrong length', () => provider.importPublic(kind, peer), 'length');
  }
  if (expected.every((byte) => byte === 0)) {
    return (
      refusal('a point of low order', () => provider.importPublic(kind, peer), 'low_order') ??
      refusal('a point of low order', () => provider.dh(own, peer), 'low_order')
    );
  }
  using shared = provider.dh(own, provider.importPublic(kind, peer));
  return compare('shared secret', shared.reveal(), expected);
}

/** The files write private keys as integers; Sotto takes neither compressed points nor points of other lengths. */
function ecdh({ group, test, provider }: WycheproofCase): Difference {
  const kind = DH_CURVES[textAt(group, 'curve')];
  if (kind === undefined) throw new NotOffered(textAt(group, 'curve'));
  const peer = bytesAt(test, 'public');
  using generated = provider.generate(kind);
  using size = generated.export();
  const own = provider.importPrivate(kind, integer(bytesAt(test, 'private'), size.length));
  const agree = (): Uint8Array => provider.dh(own, provider.importPublic(kind, peer)).reveal();
  if (textAt(test, 'result') === 'invalid') return refusal('the public key', agree);
  if (peer[0] === 2 || peer[0] === 3) {
    const difference = refusal('a compressed point', agree, 'length');
    if (difference === null) throw new NotOffered('compressed points');
    return difference;
  }
  return compare('shared secret', agree(), bytesAt(test, 'shared'));
}

/** A big-endian integer in `length` bytes. */
function integer(bytes: Uint8Array, length: number): Uint8Array {
  const digits = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  const fixed = new Uint8Array(length);
  fixed.set(digits, length - digits.length);
  return fixed;
}

function eddsa({ group, test, provider }: WycheproofCase): Difference {
  const key = fieldsOf(group['publicKey']);
  const kind = EDDSA_CURVES[textAt(key, 'curve')];
  if (kind === undefined) throw new NotOffered(textAt(key, 'curve'));
  return verdict(provider, kind, bytesAt(key, 'pk'), test);
}

function ecdsa({ group, test, provider }: WycheproofCase): Difference {
  const key = fieldsOf(group['publicKey']);
  const name = `${textAt(key, 'curve')} ${textAt(group, 'sha')}`;
  const kind = ECDSA_KINDS[name];
  if (kind === undefined) throw new NotOffered(`ECDSA ${name}`);
  return verdict(provider, kind, bytesAt(key, 'uncompressed'), test);
}

function verdict(provider: CryptoProvider, kind: SignatureKind, key: Uint8Array, test: Fields): Difference {
  const signer = provider.importPublic(kind, key);
  const verified = provider.verify(signer, bytesAt(test, 'msg'), bytesAt(test, 'sig'));
  return verified === isValid(test) ? null : `verify says ${verified}`;
}

function requireMlKem768(group: Fields): void {
  const set = textAt(group, 'parameterSet');
  if (set !== 'ML-KEM-768') throw new NotOffered(set);
}

function mlKem({ group, test, provider }: WycheproofCase): Difference {
  requireMlKem768(group);
  const decapsulate = (): Uint8Array =>
    provider.decapsulate(provider.importPrivate('ml-kem-768', bytesAt(test, 'seed')), bytesAt(test, 'c')).reveal();
  if (!isValid(test)) return refusal('the key or the ciphertext', decapsulate);
  const own = provider.importPrivate('ml-kem-768', bytesAt(test, 'seed'));
  return compare('K', decapsulate(), bytesAt(test, 'K')) ?? compare('ek', own.publicKey, bytesAt(test, 'ek'));
}

function mlKemKeyGen({ group, test, provider }: WycheproofCase): Difference {
  requireMlKem768(group);
  const generate = (): Uint8Array => provider.importPrivate('ml-kem-768', bytesAt(test, 'seed')).publicKey;
  if (!isValid(test)) return refusal('the seed', generate);
  return compare('ek', generate(), bytesAt(test, 'ek'));
}

/**
 * The coins `m` are given, and only the portable provider takes coins (from its random source), so it computes `c` and
 * `K`; the provider under test shows that it takes the same keys and refuses the others.
 */
function mlKemEncaps({ group, test, provider }: WycheproofCase): Difference {
  requireMlKem768(group);
  const key = bytesAt(test, 'ek');
  const encapsulate = (by: CryptoProvider) => by.encapsulate(by.importPublic('ml-kem-768', key));
  const withCoins = portableProvider({ random: () => bytesAt(test, 'm') });
  if (!isValid(test)) {
    return (
      refusal('the key', () => encapsulate(withCoins)) ??
      refusal('the key', () => provider.importPublic('ml-kem-768', key))
    );
  }
  encapsulate(provider).sharedSecret.dispose();
  const { ciphertext, sharedSecret } = encapsulate(withCoins);
  return compare('c', ciphertext, bytesAt(test, 'c')) ?? compare('K', sharedSecret.reveal(), bytesAt(test, 'K'));
}
