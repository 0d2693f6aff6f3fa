import { create, toBinary } from '@bufbuild/protobuf';
import { SigchainSchema } from '@sotto/wire';
import { parseCanonical } from './canonical.ts';
import { IdentityError } from './error.ts';
import { MAX_STATEMENTS } from './limits.ts';

/** Serialised statements as one `sotto.identity.v1.Sigchain`. */
export function encodeSigchain(statements: readonly Uint8Array[]): Uint8Array {
  return toBinary(SigchainSchema, create(SigchainSchema, { statements: [...statements] }));
}

/** Inverse of `encodeSigchain`; the statements are not looked into. Throws `IdentityError` `malformed`, `too_large`. */
export function decodeSigchain(bytes: Uint8Array): Uint8Array[] {
  const { statements } = parseCanonical(SigchainSchema, bytes);
  if (statements.length > MAX_STATEMENTS) throw new IdentityError('too_large', 'too many statements');
  return statements;
}
