import { sealStream } from '@sotto/crypto';
import type { CryptoProvider, Hashing, StreamSealer } from '@sotto/crypto';
import type { FileSink } from './files.ts';
import { CHUNK_BYTES, STREAM_INFO } from './keys.ts';
import { paddedSize } from './pad.ts';

/** What became of a file. */
export interface SealedFile {
  /** Bytes of the file, of what was sealed, and the hash of the latter. */
  readonly size: number;
  readonly sealedSize: number;
  readonly sha256: Uint8Array;
}

/**
 * Seals a file as it comes, a chunk in memory at a time, padded at its end. Throws what `source` and `sink` throw, and
 * `tooLarge()` beyond `mostBytes`.
 */
export async function sealFile(
  provider: CryptoProvider,
  job: {
    readonly source: AsyncIterable<Uint8Array>;
    readonly key: Uint8Array;
    readonly sink: FileSink;
    readonly mostBytes: number;
    readonly tooLarge: () => Error;
    readonly signal: AbortSignal;
  },
): Promise<SealedFile> {
  const { key, sink, source, signal } = job;
  using sealer = sealStream(provider, { key, info: STREAM_INFO, chunkBytes: CHUNK_BYTES });
  const chunks = new ChunkSealer(sealer, sink, provider.hashing('sha256'));
  await chunks.begin();
  let size = 0;
  for await (const piece of source) {
    signal.throwIfAborted();
    size += piece.length;
    if (size > job.mostBytes) throw job.tooLarge();
    await chunks.push(piece);
  }
  await chunks.pad(paddedSize(size) - size);
  return { size, ...(await chunks.end()) };
}

/** Cuts what comes into chunks. The last one is known only once there is no more. */
class ChunkSealer {
  readonly #sealer: StreamSealer;
  readonly #sink: FileSink;
  readonly #hash: Hashing;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  #filled = 0;
  #written = 0;

  constructor(sealer: StreamSealer, sink: FileSink, hash: Hashing) {
    this.#sealer = sealer;
    this.#sink = sink;
    this.#hash = hash;
  }

  async begin(): Promise<void> {
    await this.#write(this.#sealer.header);
  }

  async push(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      if (this.#filled === CHUNK_BYTES) await this.#flush(false);
      const taken = Math.min(CHUNK_BYTES - this.#filled, bytes.length - at);
      this.#chunk.set(bytes.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
    }
  }

  async pad(count: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(count, CHUNK_BYTES));
    for (let left = count; left > 0; left -= zeros.length) await this.push(zeros.subarray(0, left));
  }

  async end(): Promise<{ readonly sealedSize: number; readonly sha256: Uint8Array }> {
    await this.#flush(true);
    this.#chunk.fill(0);
    return { sealedSize: this.#written, sha256: this.#hash.digest() };
  }

  async #flush(last: boolean): Promise<void> {
    const sealed = this.#sealer.seal(this.#chunk.subarray(0, this.#filled), last);
    this.#filled = 0;
    await this.#write(sealed);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#written += bytes.length;
    await this.#sink.write(bytes);
  }
}
