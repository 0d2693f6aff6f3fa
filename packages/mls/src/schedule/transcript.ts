import type { Bytes } from '@sotto/crypto';
import { Writer } from '../codec/writer.ts';
import { WIRE_FORMATS } from '../messages/authenticated.ts';
import type { AuthenticatedContent } from '../messages/authenticated.ts';
import type { SuiteCrypto } from '../suite.ts';

/** RFC 9420 §8.2, of a commit. */
export function confirmedTranscriptHash(
  crypto: SuiteCrypto,
  interim: Uint8Array,
  commit: Pick<AuthenticatedContent, 'wireFormat' | 'framedBytes'>,
  signature: Uint8Array,
): Uint8Array {
  const format = new Writer(2).uint16(WIRE_FORMATS[commit.wireFormat]).finish();
  const signed = new Writer(signature.length + 4).vector(signature).finish();
  return crypto.hash(interim, format, commit.framedBytes, signed);
}

/** RFC 9420 §8.2. */
export function interimTranscriptHash(crypto: SuiteCrypto, confirmed: Uint8Array, tag: Uint8Array): Uint8Array {
  return crypto.hash(confirmed, new Writer(tag.length + 4).vector(tag).finish());
}

/** RFC 9420 §6.1. */
export function confirmationTag(crypto: SuiteCrypto, key: Bytes, confirmed: Uint8Array): Uint8Array {
  return crypto.mac(key, confirmed);
}
