import { decodeEnvelope, encodeEnvelope } from '@sotto/wire';

/** The same envelope, damaged on its way: the tag tells whose it is, and it does not open. */
export function damaged(envelope: Uint8Array): Uint8Array {
  const { header, sealed } = decodeEnvelope(envelope);
  const bent = Uint8Array.from(sealed);
  bent[bent.length - 1]! ^= 1;
  return encodeEnvelope(header, bent);
}
