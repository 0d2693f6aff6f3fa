import { CryptoError } from '../error.ts';
import type { Bytes, CryptoProvider } from '../provider.ts';
import type { Secret } from '../secret.ts';
import { AEAD_TAG_SIZE } from '../sizes.ts';
import {
  COMMITMENT_BYTES,
  COMMITMENT_LABEL,
  KEY_LABEL,
  PREAMBLE_BYTES,
  readPreamble,
  SALT_BYTES,
  STREAM_HEADER_BYTES,
  writePreamble,
} from './header.ts';
import type { StreamAead } from './header.ts';

const KEY_BYTES = 32;
const PREFIX_BYTES = 7;
const NONCE_BYTES = 12;
/** Chunks of one stream: the counter has four bytes. */
const MOST_CHUNKS = 2 ** 32;
const NONE = new Uint8Array(0);

/**
 * Long plaintexts in chunks, each authenticated with its place and with whether it is the last: the STREAM construction
 * (Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015)
 * with nonce = prefix (7) ‖ counter (4, big-endian) ‖ last (1). Chunks cut off, swapped, repeated or taken from another
 * stream do not open. AEAD key and prefix are HKDF-SHA-256(key, salt of the stream), so one key may seal many streams;
 * a commitment to the key in the header keeps one sealed file from opening to different plaintexts under two keys,
 * which neither AEAD alone prevents.
 */
export interface StreamSealer extends Disposable {
  /** `STREAM_HEADER_BYTES` to be put before the chunks. */
  readonly header: Uint8Array;
  /**
   * Seals the next chunk: exactly `chunkBytes` unless it is the last, which may be shorter, also empty. Adds 16 bytes.
   * Throws `CryptoError`: `length`, `sequence_exhausted` after the last chunk or 2^32 chunks.
   */
  seal(chunk: Uint8Array, last: boolean): Uint8Array;
}

export interface StreamOpener extends Disposable {
  /** Plaintext bytes of every chunk but the last. */
  readonly chunkBytes: number;
  /**
   * Opens the next chunk. Null: it is not the chunk that belongs here, and the stream is over. Throws `CryptoError`
   * `length`, `sequence_exhausted` after the last chunk or a null.
   */
  open(sealed: Uint8Array, last: boolean): Uint8Array | null;
}

export interface StreamOptions {
  /** 32 bytes, uniformly random. */
  readonly key: Bytes;
  /** What the stream is for; another use is another key. */
  readonly info: Uint8Array;
}

export interface SealStreamOptions extends StreamOptions {
  /** A power of two from 4 KiB to 16 MiB. */
  readonly chunkBytes: number;
  /** Default AES-256-GCM: twice as fast as ChaCha20-Poly1305 where the processor has instructions for it. */
  readonly aead?: StreamAead;
}

/** Begins a stream. Throws `CryptoError`: `length`, `parameters`. */
export function sealStream(provider: CryptoProvider, options: SealStreamOptions): StreamSealer {
  const { aead = 'aes-256-gcm', chunkBytes } = options;
  const preamble = writePreamble({ aead, chunkBytes });
  const salt = provider.random(SALT_BYTES);
  const keys = derive(provider, options, preamble, salt);
  const header = new Uint8Array(STREAM_HEADER_BYTES);
  header.set(preamble);
  header.set(salt, PREAMBLE_BYTES);
  header.set(keys.commitment, PREAMBLE_BYTES + SALT_BYTES);
  const place = new Place(keys.prefix);
  return {
    header,
    seal(chunk, last) {
      checkLength(chunk.length, chunkBytes, last);
      return provider.seal(aead, keys.key, place.next(last), chunk, NONE);
    },
    [Symbol.dispose]: () => keys.key.dispose(),
  };
}

/**
 * Reads a stream from its header on. Throws `CryptoError`: `length`, `unsupported`, and `commitment` when the header was
 * made with another key or for another use.
 */
export function openStream(provider: CryptoProvider, header: Uint8Array, options: StreamOptions): StreamOpener {
  const { aead, chunkBytes } = readPreamble(header);
  const salt = header.subarray(PREAMBLE_BYTES, PREAMBLE_BYTES + SALT_BYTES);
  const keys = derive(provider, options, header.subarray(0, PREAMBLE_BYTES), salt);
  if (!provider.equal(keys.commitment, header.subarray(PREAMBLE_BYTES + SALT_BYTES))) {
    keys.key.dispose();
    throw new CryptoError('commitment', 'the stream was sealed with another key or for another use');
  }
  const place = new Place(keys.prefix);
  return {
    chunkBytes,
    open(sealed, last) {
      checkLength(sealed.length - AEAD_TAG_SIZE, chunkBytes, last);
      const chunk = provider.open(aead, keys.key, place.next(last), sealed, NONE);
      if (chunk === null) place.end();
      return chunk;
    },
    [Symbol.dispose]: () => keys.key.dispose(),
  };
}

/** Bytes of a sealed stream over `plainBytes` of plaintext, header and tags included. An empty one has one chunk. */
export function sealedStreamBytes(plainBytes: number, chunkBytes: number): number {
  return STREAM_HEADER_BYTES + plainBytes + Math.max(1, Math.ceil(plainBytes / chunkBytes)) * AEAD_TAG_SIZE;
}

interface StreamKeys {
  readonly key: Secret;
  readonly prefix: Uint8Array;
  readonly commitment: Uint8Array;
}

function derive(
  provider: CryptoProvider,
  { key, info }: StreamOptions,
  preamble: Uint8Array,
  salt: Uint8Array,
): StreamKeys {
  if (key.length !== KEY_BYTES) throw new CryptoError('length', `a stream's key has ${KEY_BYTES} bytes`);
  using prk = provider.hkdfExtract('sha256', salt, key);
  using material = provider.hkdfExpand('sha256', prk, [KEY_LABEL, preamble, info], KEY_BYTES + PREFIX_BYTES);
  using commitment = provider.hkdfExpand('sha256', prk, [COMMITMENT_LABEL, preamble, info], COMMITMENT_BYTES);
  return {
    key: material.slice(0, KEY_BYTES),
    prefix: Uint8Array.from(material.reveal().subarray(KEY_BYTES)),
    commitment: Uint8Array.from(commitment.reveal()),
  };
}

function checkLength(length: number, chunkBytes: number, last: boolean): void {
  if (length < 0 || length > chunkBytes || (!last && length !== chunkBytes)) {
    throw new CryptoError('length', 'every chunk but the last is full');
  }
}

/** Nonces of a stream, each given out once. */
class Place {
  readonly #prefix: Uint8Array;
  #counter = 0;
  #ended = false;

  constructor(prefix: Uint8Array) {
    this.#prefix = prefix;
  }

  next(last: boolean): Uint8Array {
    if (this.#ended || this.#counter >= MOST_CHUNKS) {
      throw new CryptoError('sequence_exhausted', 'nothing follows the last chunk');
    }
    const nonce = new Uint8Array(NONCE_BYTES);
    nonce.set(this.#prefix);
    new DataView(nonce.buffer).setUint32(PREFIX_BYTES, this.#counter++);
    nonce[NONCE_BYTES - 1] = last ? 1 : 0;
    this.#ended = last;
    return nonce;
  }

  end(): void {
    this.#ended = true;
  }
}
