import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { asciiBytes, concatBytes, equalBytes } from './bytes.ts';
import { WireError } from './error.ts';
import { Signature_Algorithm, SignatureSchema, SignedSchema } from './gen/sotto/identity/v1/identity_pb.ts';
import { MAX_SIGNATURES, MAX_SIGNED_BYTES } from './limits.ts';

/**
 * What a signature is for. What is signed is label ‖ body; every body begins with its version field (0x08), which no
 * label contains, so no label-and-body reads as another.
 */
export type SignatureLabel = 'sotto/v1/statement' | 'sotto/v1/device' | 'sotto/v1/prekeys';

/** One who signs. The private key stays with the caller. */
export interface Signer {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Ed25519 signature, 64 bytes. */
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** Ed25519 verification, injected. */
export type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/** A parsed `sotto.identity.v1.Signed`; nothing is verified yet. */
export interface SignedBytes {
  /** What was signed, without the label. */
  readonly body: Uint8Array;
  /** One to `MAX_SIGNATURES`, no signer twice. */
  readonly signatures: readonly { readonly signer: Uint8Array; readonly signature: Uint8Array }[];
  /** The serialised `Signed` as it was carried. */
  readonly bytes: Uint8Array;
}

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** Signs `label ‖ body` by each signer, in order, and serialises both as `Signed`. */
export function signBytes(label: SignatureLabel, body: Uint8Array, signers: readonly Signer[]): Uint8Array {
  const message = concatBytes(asciiBytes(label), body);
  const signatures = signers.map((signer) =>
    create(SignatureSchema, {
      algorithm: Signature_Algorithm.ED25519,
      signer: signer.publicKey,
      signature: signer.sign(message),
    }),
  );
  const bytes = toBinary(SignedSchema, create(SignedSchema, { body, signatures }));
  parseSigned(bytes);
  return bytes;
}

/**
 * Parses a serialised `Signed` strictly (canonical, no unknown fields). Throws `WireError`: `too_large`, `malformed`,
 * `not_canonical`, `length`, `signature`.
 */
export function parseSigned(bytes: Uint8Array): SignedBytes {
  if (bytes.length > MAX_SIGNED_BYTES) throw new WireError('too_large', 'signed bytes over the limit');
  const message = parseCanonical(bytes);
  if (message.body.length === 0) throw new WireError('malformed', 'signed bytes without a body');
  if (message.signatures.length === 0) throw new WireError('signature', 'no signature');
  if (message.signatures.length > MAX_SIGNATURES) throw new WireError('too_large', 'too many signatures');
  const signatures: { signer: Uint8Array; signature: Uint8Array }[] = [];
  for (const { algorithm, signer, signature } of message.signatures) {
    if (algorithm !== Signature_Algorithm.ED25519) throw new WireError('signature', 'an unknown signature algorithm');
    if (signer.length !== KEY_BYTES) throw new WireError('length', 'an Ed25519 key has 32 bytes');
    if (signature.length !== SIGNATURE_BYTES) throw new WireError('length', 'an Ed25519 signature has 64 bytes');
    if (signatures.some((other) => equalBytes(other.signer, signer))) {
      throw new WireError('signature', 'the same signer twice');
    }
    signatures.push({ signer, signature });
  }
  return { body: message.body, signatures, bytes };
}

function parseCanonical(bytes: Uint8Array) {
  let message;
  try {
    message = fromBinary(SignedSchema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw new WireError('malformed', 'not signed bytes', { cause });
  }
  if (!equalBytes(toBinary(SignedSchema, message), bytes)) {
    throw new WireError('not_canonical', 'unknown fields, or not the one way to write them');
  }
  return message;
}

/** Throws `WireError` `signature` unless every signature verifies over `label ‖ body`. Says nothing about who signed. */
export function verifySigned(label: SignatureLabel, signed: SignedBytes, verify: Verify): void {
  const message = concatBytes(asciiBytes(label), signed.body);
  for (const { signer, signature } of signed.signatures) {
    if (!verify(signer, message, signature)) throw new WireError('signature', 'a signature does not verify');
  }
}
