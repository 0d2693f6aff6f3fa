import type { CallOptions } from './types.ts';

/** What transfers of blobs take. There is no deadline for the whole: `deadlineMs` is for each time nothing moves. */
export interface BlobCallOptions extends CallOptions {
  /** Told now and then how many bytes of the whole blob are over. */
  readonly onProgress?: (bytes: number) => void;
}

export interface BlobPart {
  /** BlobId, 32 bytes. */
  readonly blob: Uint8Array;
  /** The secret behind `BlobOrder.owner`, 32 bytes. */
  readonly owner: Uint8Array;
  /** Where this part begins: what the gateway last said it has. */
  readonly offset: number;
  /** Bytes in this part. */
  readonly length: number;
  /** Bytes from `offset` on. */
  readonly source: AsyncIterable<Uint8Array>;
}

export interface BlobRequest {
  /** BlobId, 32 bytes. */
  readonly blob: Uint8Array;
  /** The secret that fetches it, 32 bytes. */
  readonly secret: Uint8Array;
  /** First byte wanted; default 0. */
  readonly from?: number;
}

export interface BlobBody {
  /** Bytes of the whole blob. */
  readonly length: number;
  /** Bytes from `from` on. Throws `GatewayApiError` when the connection breaks; leaving it early ends the transfer. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * Bytes of blobs at one gateway, over connections of their own that never log in. Every call may throw
 * `GatewayApiError`: `unreachable`, `wrong-gateway`, `certificate`, `deadline`, `aborted`, `closed`, `protocol`,
 * `rate-limited`, `unavailable`, and `not-found`: no such blob, not any more, or the secret is not its secret.
 */
export interface BlobConnection {
  readonly address: string;
  /**
   * Sends a part; resolves to the bytes that are on the gateway's disk, from the beginning. A part that breaks off is
   * kept as far as it came: `beginBlob` or `offset` tells. `range`: the blob does not end at `offset`. `storage-full`.
   */
  append(part: BlobPart, options?: BlobCallOptions): Promise<number>;
  /** Bytes of an own blob that are on the gateway's disk. */
  offset(own: Pick<BlobPart, 'blob' | 'owner'>, options?: CallOptions): Promise<number>;
  /** Fetches a complete blob from a byte on. `range`: it has fewer bytes. */
  fetch(request: BlobRequest, options?: BlobCallOptions): Promise<BlobBody>;
  /** Removes an own blob; resolves once it is gone from disk. */
  remove(own: Pick<BlobPart, 'blob' | 'owner'>, options?: CallOptions): Promise<void>;
  /** Ends transfers under way with `closed`. */
  close(): Promise<void>;
}
