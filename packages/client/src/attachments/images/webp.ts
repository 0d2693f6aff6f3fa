import { readOrientation, writeOrientation } from './orientation.ts';
import { pictureOf, PictureError, reads } from './picture.ts';
import type { Picture } from './picture.ts';

/** RFC 9649 §2.7. */
const KEPT: ReadonlySet<string> = new Set(['VP8 ', 'VP8L', 'VP8X', 'ANIM', 'ANMF', 'ALPH', 'ICCP']);
/** Bits of VP8X: there is EXIF, there is XMP. */
const HAS_EXIF = 0x08;
const HAS_XMP = 0x04;

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

/**
 * A WebP without EXIF (but for how to turn it), XMP, unknown chunks and whatever follows its end. Throws `PictureError`.
 */
export function cleanWebp(bytes: Uint8Array): Picture {
  const chunks = chunksOf(bytes);
  const exif = chunks.find(({ type }) => type === 'EXIF')?.data;
  const orientation = exif === undefined ? 1 : readOrientation(withoutPrefix(exif));
  const parts = chunks
    .filter(({ type }) => KEPT.has(type))
    .map(({ type, data }) => (type === 'VP8X' ? { type, data: flagged(data, orientation) } : { type, data }));
  if (orientation !== 1) parts.push({ type: 'EXIF', data: writeOrientation(orientation) });
  const [width, height] = sizeOf(chunks[0]);
  return pictureOf(assemble(parts), width, height, orientation);
}

function chunksOf(bytes: Uint8Array): Chunk[] {
  if (!reads(bytes, 0, 'RIFF') || !reads(bytes, 8, 'WEBP')) throw new PictureError('not a WebP');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = 8 + view.getUint32(4, true);
  if (end > bytes.length) throw new PictureError('a WebP that is cut off');
  const chunks: Chunk[] = [];
  for (let at = 12; at < end;) {
    if (at + 8 > end) throw new PictureError('a chunk that is none');
    const length = view.getUint32(at + 4, true);
    if (at + 8 + length > end) throw new PictureError('a chunk that is longer than the file');
    const type = Buffer.from(bytes.subarray(at, at + 4)).toString('latin1');
    chunks.push({ type, data: bytes.subarray(at + 8, at + 8 + length) });
    at += 8 + length + (length % 2);
  }
  return chunks;
}

/** Some programs put JPEG's prefix before it. */
function withoutPrefix(exif: Uint8Array): Uint8Array {
  return reads(exif, 0, 'Exif\0\0') ? exif.subarray(6) : exif;
}

function flagged(data: Uint8Array, orientation: number): Uint8Array {
  const copy = Uint8Array.from(data);
  copy[0] = ((copy[0] ?? 0) & ~(HAS_EXIF | HAS_XMP)) | (orientation === 1 ? 0 : HAS_EXIF);
  return copy;
}

function sizeOf(first: Chunk | undefined): readonly [width: number, height: number] {
  if (first === undefined || first.data.length < 10) {
    // A lossless picture may be smaller than the header of a lossy one.
    if (first?.type !== 'VP8L' || first.data.length < 5) throw new PictureError('a WebP without a picture');
  }
  const view = new DataView(first.data.buffer, first.data.byteOffset, first.data.byteLength);
  switch (first.type) {
    case 'VP8X':
      return [1 + (view.getUint32(3, true) >>> 8), 1 + (view.getUint32(6, true) >>> 8)];
    case 'VP8 ':
      return [view.getUint16(6, true) & 0x3fff, view.getUint16(8, true) & 0x3fff];
    case 'VP8L': {
      const bits = view.getUint32(1, true);
      return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
    }
    default:
      throw new PictureError('a WebP that begins with something else');
  }
}

function assemble(chunks: readonly Chunk[]): Uint8Array {
  const body = chunks.map(({ type, data }) => {
    const bytes = Buffer.alloc(8 + data.length + (data.length % 2));
    bytes.write(type, 0, 'latin1');
    bytes.writeUInt32LE(data.length, 4);
    bytes.set(data, 8);
    return bytes;
  });
  const head = Buffer.from('RIFF    WEBP', 'latin1');
  head.writeUInt32LE(4 + body.reduce((sum, { length }) => sum + length, 0), 4);
  return Buffer.concat([head, ...body]);
}
