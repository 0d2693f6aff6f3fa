import type { CryptoProvider } from '@sotto/crypto';
import { asciiBytes, blobIdOf } from '@sotto/wire';

/** What an attachment's stream is sealed for. */
export const STREAM_INFO = asciiBytes('sotto/v1/attachment');
const FETCH_INFO = asciiBytes('sotto/v1/attachment-fetch');
const NONE = new Uint8Array(0);

export const KEY_BYTES = 32;

/** Plaintext bytes of a chunk: a hundred of them are in memory nowhere, and tags cost a sixteenth of a thousandth. */
export const CHUNK_BYTES = 256 * 1024;

/** The secret that fetches a blob, HKDF-SHA-256(key, no salt, "sotto/v1/attachment-fetch"), 32 bytes, and the BlobId. */
export function addressOf(
  provider: CryptoProvider,
  key: Uint8Array,
): { readonly blob: Uint8Array; readonly secret: Uint8Array } {
  using derived = provider.hkdf('sha256', key, NONE, FETCH_INFO, KEY_BYTES);
  const secret = Uint8Array.from(derived.reveal());
  return { secret, blob: blobIdOf(secret, (...parts) => provider.hash('sha256', ...parts)) };
}
