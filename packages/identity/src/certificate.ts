import { create, toBinary } from '@bufbuild/protobuf';
import type { CryptoProvider } from '@sotto/crypto';
import {
  DeviceCertificateSchema,
  equalBytes,
  parseSigned,
  requireVersion,
  safeTime,
  signBytes,
  suiteId,
  verifySigned,
} from '@sotto/wire';
import type { DeviceId, SuiteId } from '@sotto/wire';
import { parseCanonical } from './canonical.ts';
import { IdentityError } from './error.ts';
import { deviceIdOf, signerOf } from './keys.ts';
import type { DeviceKeys } from './keys.ts';
import { checkName, normaliseName } from './names.ts';
import { parsing } from './wire-errors.ts';

/** What a device may do. */
export interface DeviceRights {
  /** Send and receive. */
  readonly messages: boolean;
  /** Sign AddDevice, RevokeDevice and SetEndpoints. */
  readonly manage: boolean;
}

/** What a device says of itself, signed by its own key as proof of possession. */
export interface DeviceCertificate {
  readonly device: DeviceId;
  /** The account's Ed25519 key at Genesis: ties the certificate to one account before its id exists. */
  readonly accountKey: Uint8Array;
  /** 32 bytes each. */
  readonly ed25519: Uint8Array;
  readonly x25519: Uint8Array;
  /** The least suite this device accepts, so that nobody on the way can strip the post-quantum part. */
  readonly minimumSuite: SuiteId;
  readonly rights: DeviceRights;
  /** Normalised; at most 64 characters. */
  readonly name: string;
  /** Unix ms by the device's clock. */
  readonly createdAt: number;
  /** Serialised `Signed`, as carried. */
  readonly bytes: Uint8Array;
}

export type CertificateFields = Pick<
  DeviceCertificate,
  'accountKey' | 'minimumSuite' | 'rights' | 'name' | 'createdAt'
>;

const VERSION = 1;
const MESSAGES = 1;
const MANAGE = 2;
const KEY_BYTES = 32;

/** Makes and signs a device's certificate. Throws `IdentityError` `name` or `malformed`. */
export function signCertificate(
  crypto: CryptoProvider,
  keys: DeviceKeys,
  fields: CertificateFields,
): DeviceCertificate {
  const body = toBinary(
    DeviceCertificateSchema,
    create(DeviceCertificateSchema, {
      version: VERSION,
      accountKey: fields.accountKey,
      device: deviceIdOf(crypto, keys.ed25519.publicKey, keys.x25519.publicKey),
      ed25519: keys.ed25519.publicKey,
      x25519: keys.x25519.publicKey,
      minimumSuite: fields.minimumSuite,
      rights: (fields.rights.messages ? MESSAGES : 0) | (fields.rights.manage ? MANAGE : 0),
      name: normaliseName(fields.name),
      createdAt: BigInt(fields.createdAt),
    }),
  );
  const bytes = parsing(() => signBytes('sotto/v1/device', body, [signerOf(crypto, keys.ed25519)]));
  return readFields(crypto, body, bytes);
}

/**
 * Parses a certificate and verifies its proof of possession. Throws `IdentityError`: `malformed`, `unknown_version`,
 * `signature`, `certificate`, `name`, `too_large`. Says nothing about whose device it is: a chain does.
 */
export function readCertificate(crypto: CryptoProvider, bytes: Uint8Array): DeviceCertificate {
  const signed = parsing(() => parseSigned(bytes));
  const certificate = readFields(crypto, signed.body, bytes);
  const [only, ...others] = signed.signatures;
  if (only === undefined || others.length > 0 || !equalBytes(only.signer, certificate.ed25519)) {
    throw new IdentityError('certificate', 'a certificate is signed by its own key alone');
  }
  parsing(() => verifySigned('sotto/v1/device', signed, verifier(crypto)));
  return certificate;
}

/** The provider's Ed25519 check in the form the wire asks for. */
export function verifier(crypto: CryptoProvider) {
  return (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
    crypto.verify(publicKey, message, signature);
}

function readFields(crypto: CryptoProvider, body: Uint8Array, bytes: Uint8Array): DeviceCertificate {
  const message = parseCanonical(DeviceCertificateSchema, body);
  const { accountKey, ed25519, x25519, rights } = message;
  parsing(() => requireVersion(message.version, VERSION));
  for (const key of [accountKey, ed25519, x25519]) {
    if (key.length !== KEY_BYTES) throw new IdentityError('malformed', 'a key has 32 bytes');
  }
  const device = deviceIdOf(crypto, ed25519, x25519);
  if (!equalBytes(device, message.device))
    throw new IdentityError('certificate', 'the device id is not its keys’ hash');
  if (rights === 0 || rights > (MESSAGES | MANAGE)) throw new IdentityError('certificate', 'unknown rights, or none');
  return {
    device,
    accountKey,
    ed25519,
    x25519,
    minimumSuite: parsing(() => suiteId(message.minimumSuite)),
    rights: { messages: (rights & MESSAGES) !== 0, manage: (rights & MANAGE) !== 0 },
    name: checkName(message.name),
    createdAt: parsing(() => safeTime(message.createdAt)),
    bytes,
  };
}
