import type { DeviceRef } from './types.ts';

/**
 * Sealed files. What a promise of this port says is on disk when it resolves. Who may do what with a blob is decided by
 * hashes of secrets before it gets here; the adapter keeps no note of the account that began one.
 */
export interface Blobs {
  /**
   * Makes room, and counts it against the account's day; a blob that is there with the same owner and length is found
   * again for nothing. Throws `Refused`: `TOO_LARGE`, `QUOTA`, `STORAGE_FULL`, `CONFLICT`.
   */
  begin(device: DeviceRef, order: BlobOrder): Promise<BlobState>;
  /** Null: unknown, or over. A part that is still being written is ended first, so that `offset` stands. */
  settled(blob: Uint8Array): Promise<BlobState | null>;
  /** The same without touching anything. */
  find(blob: Uint8Array): Promise<BlobState | null>;
  /**
   * Opens it for its next part, in place of whoever writes it now. Throws `Refused`: `NOT_FOUND`, `RANGE` unless it ends
   * at `offset` so far, `STORAGE_FULL`, `UNAVAILABLE`.
   */
  write(blob: Uint8Array, offset: number): Promise<BlobWriter>;
  /** Bytes of a complete blob, the last one included. Throws `Refused` `NOT_FOUND`. */
  read(blob: Uint8Array, first: number, last: number): Promise<AsyncIterable<Uint8Array>>;
  /** Gone from disk, whatever it was. */
  remove(blob: Uint8Array): Promise<void>;
}

export interface BlobOrder {
  /** BlobId, 32 bytes. */
  readonly blob: Uint8Array;
  /** Hash of the owner's secret, 32 bytes. */
  readonly owner: Uint8Array;
  readonly length: number;
}

export interface BlobState extends BlobOrder {
  /** Bytes on disk. */
  readonly offset: number;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** One part under way. One call at a time. */
export interface BlobWriter {
  /** Aborts when another writer takes this one's place, or the blob is removed. */
  readonly signal: AbortSignal;
  /** Bytes that still fit. */
  readonly room: number;
  /** Throws `Refused` `STORAGE_FULL`, `UNAVAILABLE`. Makes what was written durable now and then. */
  write(chunks: readonly Uint8Array[]): Promise<void>;
  /** Makes all of it durable and closes. Resolves to the blob's offset; must be called, also after a failure. */
  finish(): Promise<number>;
}
