import { ascii } from '../bytes.ts';
import { CryptoError } from '../error.ts';
import type { AeadName } from '../provider.ts';

/** How a stream is sealed. Both AEADs take a 32-byte key and a 12-byte nonce. */
export type StreamAead = Extract<AeadName, 'aes-256-gcm' | 'chacha20-poly1305'>;

const VERSION = 1;
export const SALT_BYTES = 32;
export const COMMITMENT_BYTES = 32;
/** version ‖ AEAD ‖ log2 of the chunk size ‖ 0: what both derivations bind. */
export const PREAMBLE_BYTES = 4;

/** Bytes before the first chunk: preamble ‖ salt ‖ key commitment. */
export const STREAM_HEADER_BYTES = PREAMBLE_BYTES + SALT_BYTES + COMMITMENT_BYTES;

/** Chunks from 4 KiB, below which tags and calls cost more than they protect, to 16 MiB, which is held in memory. */
const LEAST_LOG2 = 12;
const MOST_LOG2 = 24;

const AEADS: readonly StreamAead[] = ['aes-256-gcm', 'chacha20-poly1305'];

export interface Preamble {
  readonly aead: StreamAead;
  /** bytes */
  readonly chunkBytes: number;
}

export const KEY_LABEL = ascii('sotto/v1/stream');
export const COMMITMENT_LABEL = ascii('sotto/v1/stream-commitment');

/** Throws `CryptoError` `parameters`. */
export function writePreamble({ aead, chunkBytes }: Preamble): Uint8Array {
  const log2 = Math.log2(chunkBytes);
  if (!Number.isInteger(log2) || log2 < LEAST_LOG2 || log2 > MOST_LOG2) {
    throw new CryptoError('parameters', 'a chunk is a power of two from 4 KiB to 16 MiB');
  }
  return Uint8Array.of(VERSION, AEADS.indexOf(aead) + 1, log2, 0);
}

/** Throws `CryptoError` `length`, and `unsupported` for a version, AEAD or size that this code does not know. */
export function readPreamble(header: Uint8Array): Preamble {
  if (header.length !== STREAM_HEADER_BYTES) {
    throw new CryptoError('length', `a stream's header has ${STREAM_HEADER_BYTES} bytes`);
  }
  const [version = 0, suite = 0, log2 = 0, zero = 0] = header;
  const aead = AEADS[suite - 1];
  if (version !== VERSION || aead === undefined || log2 < LEAST_LOG2 || log2 > MOST_LOG2 || zero !== 0) {
    throw new CryptoError('unsupported', 'a stream of a kind that this code does not know');
  }
  return { aead, chunkBytes: 2 ** log2 };
}
