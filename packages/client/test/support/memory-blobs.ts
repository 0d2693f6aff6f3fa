import { GatewayApiError } from '@sotto/gateway-api';
import type { BlobBody, BlobConnection, BlobOrder, BlobPart, BlobProgress, BlobRequest } from '@sotto/gateway-api';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const month = 30 * 86_400;

/** Blobs of one gateway in memory. */
export class MemoryBlobs {
  readonly #blobs = new Map<string, { readonly length: number; bytes: Buffer }>();

  begin({ blob, length }: BlobOrder, now: number): BlobProgress {
    const known = this.#blobs.get(hex(blob)) ?? { length, bytes: Buffer.alloc(0) };
    this.#blobs.set(hex(blob), known);
    return { offset: known.bytes.length, expiresAt: Math.floor(now / 1000) + month };
  }

  /** A connection; `arrive` throws when its device is cut off. */
  connect(address: string, arrive: () => void): BlobConnection {
    const get = (blob: Uint8Array) => {
      arrive();
      const known = this.#blobs.get(hex(blob));
      if (known === undefined) throw new GatewayApiError('not-found', 'no such blob in memory');
      return known;
    };
    return {
      address,
      async append({ blob, offset, source }: BlobPart): Promise<number> {
        const known = get(blob);
        if (known.bytes.length !== offset) throw new GatewayApiError('range', 'it does not end there');
        for await (const chunk of source) {
          arrive();
          known.bytes = Buffer.concat([known.bytes, chunk]);
        }
        return known.bytes.length;
      },
      offset: async ({ blob }) => get(blob).bytes.length,
      async fetch({ blob, from = 0 }: BlobRequest): Promise<BlobBody> {
        const { bytes, length } = get(blob);
        const pieces = async function* () {
          yield bytes.subarray(from);
        };
        return { length, bytes: pieces() };
      },
      remove: async ({ blob }) => {
        get(blob);
        this.#blobs.delete(hex(blob));
      },
      close: () => Promise.resolve(),
    };
  }
}
