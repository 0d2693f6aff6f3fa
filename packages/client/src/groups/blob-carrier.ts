import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CryptoError, openStream, sealedStreamBytes, sealStream, STREAM_HEADER_BYTES } from '@sotto/crypto';
import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayTransport } from '@sotto/gateway-api';
import { asciiBytes, blobIdOf, blobOwnerOf, concatBytes, equalBytes, SealedBlobSchema } from '@sotto/wire';
import type { SealedBlob } from '@sotto/wire';
import { sha256 } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import type { Carrier } from './carrier.ts';

const STREAM_INFO = asciiBytes('sotto/v1/group-carried');
const FETCH_INFO = asciiBytes('sotto/v1/group-carried-fetch');
const KEY_BYTES = 32;
const CHUNK_BYTES = 256 * 1024;
const TAG_BYTES = 16;
/** Trees of far more members than a group can have. */
const MOST_BYTES = 64 * 2 ** 20;
const NONE = new Uint8Array(0);

/** What is too large for a content lies sealed at the own gateway; the key travels in the content. */
export class BlobCarrier implements Carrier {
  readonly #core: Core;
  readonly #transport: GatewayTransport;

  constructor(core: Core, transport: GatewayTransport) {
    this.#core = core;
    this.#transport = transport;
  }

  async carry(bytes: Uint8Array, inline: boolean, signal: AbortSignal): ReturnType<Carrier['carry']> {
    if (inline) return { inline: bytes };
    const { provider, own } = this.#core;
    const key = provider.random(KEY_BYTES);
    const owner = provider.random(KEY_BYTES);
    const sealed = this.#seal(key, bytes);
    const { blob } = this.#address(key);
    const order = { blob, owner: blobOwnerOf(owner, this.#hash), length: sealed.length };
    const { offset, expiresAt } = await this.#transport.device.beginBlob(order, { signal });
    const source = pieces(sealed.subarray(offset));
    const length = sealed.length - offset;
    await this.#transport.blobs(own.gateway).append({ blob, owner, offset, length, source }, { signal });
    const pointer = create(SealedBlobSchema, {
      key,
      gateway: own.gateway,
      size: BigInt(bytes.length),
      sealedSize: BigInt(sealed.length),
      sha256: sha256(this.#core, sealed),
      expiresAt: BigInt(expiresAt),
    });
    return { blob: toBinary(SealedBlobSchema, pointer) };
  }

  async fetch(pointer: Uint8Array, signal: AbortSignal): Promise<Uint8Array | null> {
    const at = read(pointer);
    if (at === null) return null;
    const { blob, secret } = this.#address(at.key);
    let body: Awaited<ReturnType<ReturnType<GatewayTransport['blobs']>['fetch']>>;
    try {
      body = await this.#transport.blobs(at.gateway).fetch({ blob, secret }, { signal });
    } catch (cause) {
      if (cause instanceof GatewayApiError && (cause.code === 'not-found' || cause.code === 'malformed')) return null;
      throw cause;
    }
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of body.bytes) {
      length += part.length;
      if (length > Number(at.sealedSize)) return null;
      parts.push(part);
    }
    const sealed = concatBytes(...parts);
    return equalBytes(sha256(this.#core, sealed), at.sha256) ? this.#open(at, sealed) : null;
  }

  readonly #hash = (...parts: readonly Uint8Array[]): Uint8Array => sha256(this.#core, ...parts);

  #address(key: Uint8Array): { readonly blob: Uint8Array; readonly secret: Uint8Array } {
    using derived = this.#core.provider.hkdf('sha256', key, NONE, FETCH_INFO, KEY_BYTES);
    const secret = Uint8Array.from(derived.reveal());
    return { secret, blob: blobIdOf(secret, this.#hash) };
  }

  #seal(key: Uint8Array, bytes: Uint8Array): Uint8Array {
    using sealer = sealStream(this.#core.provider, { key, info: STREAM_INFO, chunkBytes: CHUNK_BYTES });
    const parts = [sealer.header];
    for (let at = 0; ; at += CHUNK_BYTES) {
      const last = at + CHUNK_BYTES >= bytes.length;
      parts.push(sealer.seal(bytes.subarray(at, at + CHUNK_BYTES), last));
      if (last) return concatBytes(...parts);
    }
  }

  #open({ key, size }: SealedBlob, sealed: Uint8Array): Uint8Array | null {
    try {
      const header = sealed.subarray(0, STREAM_HEADER_BYTES);
      using opener = openStream(this.#core.provider, header, { key, info: STREAM_INFO });
      const piece = opener.chunkBytes + TAG_BYTES;
      const parts: Uint8Array[] = [];
      for (let at = STREAM_HEADER_BYTES; ; at += piece) {
        const last = at + piece >= sealed.length;
        const chunk = opener.open(sealed.subarray(at, at + piece), last);
        if (chunk === null) return null;
        parts.push(chunk);
        if (!last) continue;
        const bytes = concatBytes(...parts);
        return bytes.length === Number(size) ? bytes : null;
      }
    } catch (cause) {
      if (cause instanceof CryptoError) return null;
      throw cause;
    }
  }
}

/** Null: no pointer, or to more than anything that belongs to a group. */
function read(pointer: Uint8Array): SealedBlob | null {
  try {
    const at = fromBinary(SealedBlobSchema, pointer);
    const { key, size, sealedSize } = at;
    const most = Number(size) <= MOST_BYTES && Number(sealedSize) <= sealedStreamBytes(MOST_BYTES, CHUNK_BYTES);
    return key.length === KEY_BYTES && most ? at : null;
  } catch {
    return null;
  }
}

// oxlint-disable-next-line typescript/require-await -- what is at hand as what comes over time
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}
