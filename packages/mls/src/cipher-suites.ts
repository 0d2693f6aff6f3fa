import { dhkemP256, dhkemP384, dhkemP521, dhkemX25519, dhkemX448, mlKem768X25519Kem } from '@sotto/crypto';
import type { AeadName, HashName, HpkeKem, SignatureKind } from '@sotto/crypto';

/** What an MLS cipher suite is made of, RFC 9420 §17.1. */
export interface CipherSuite {
  /** IANA "MLS Cipher Suites", or private use. */
  readonly id: number;
  readonly name: string;
  readonly kem: HpkeKem;
  readonly hash: HashName;
  readonly aead: Exclude<AeadName, 'xchacha20-poly1305'>;
  readonly signature: SignatureKind;
}

/**
 * The suites this package offers, by id: all of RFC 9420, and the two with ML-KEM-768 and X25519 (X-Wing) of
 * draft-ietf-mls-pq-ciphersuites-06, which have no numbers yet. 0xf001 and 0xf002 are from the private range, as another
 * implementation has them; groups that use them must be made anew once there are numbers.
 */
export const CIPHER_SUITES: ReadonlyMap<number, CipherSuite> = new Map(
  [
    suite(1, 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519', dhkemX25519, 'aes-128-gcm', 'sha256', 'ed25519'),
    suite(2, 'MLS_128_DHKEMP256_AES128GCM_SHA256_P256', dhkemP256, 'aes-128-gcm', 'sha256', 'ecdsa-p256-sha256'),
    suite(
      3,
      'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519',
      dhkemX25519,
      'chacha20-poly1305',
      'sha256',
      'ed25519',
    ),
    suite(4, 'MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448', dhkemX448, 'aes-256-gcm', 'sha512', 'ed448'),
    suite(5, 'MLS_256_DHKEMP521_AES256GCM_SHA512_P521', dhkemP521, 'aes-256-gcm', 'sha512', 'ecdsa-p521-sha512'),
    suite(6, 'MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448', dhkemX448, 'chacha20-poly1305', 'sha512', 'ed448'),
    suite(7, 'MLS_256_DHKEMP384_AES256GCM_SHA384_P384', dhkemP384, 'aes-256-gcm', 'sha384', 'ecdsa-p384-sha384'),
    suite(
      0xf001,
      'MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519',
      mlKem768X25519Kem,
      'aes-128-gcm',
      'sha256',
      'ed25519',
    ),
    suite(
      0xf002,
      'MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519',
      mlKem768X25519Kem,
      'aes-256-gcm',
      'sha384',
      'ed25519',
    ),
  ].map((offered) => [offered.id, offered]),
);

function suite(
  id: number,
  name: string,
  kem: HpkeKem,
  aead: CipherSuite['aead'],
  hash: HashName,
  signature: SignatureKind,
): CipherSuite {
  return { id, name, kem, aead, hash, signature };
}
