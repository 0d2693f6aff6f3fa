import { crc32 } from 'node:zlib';
import { readOrientation, writeOrientation } from './orientation.ts';
import { pictureOf, PictureError } from './picture.ts';
import type { Picture } from './picture.ts';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Length, type and check of a chunk. */
const FRAME_BYTES = 12;

/** Pixels, colours, density and movement (PNG third edition, with APNG). */
const KEPT: ReadonlySet<string> = new Set(
  'IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD hIST pHYs acTL fcTL fdAT'.split(' '),
);

/**
 * A PNG without texts, times, EXIF (but for how to turn it), private chunks, and whatever follows its end (the rest of a
 * larger picture that a careless program cropped). Throws `PictureError`.
 */
export function cleanPng(bytes: Uint8Array): Picture {
  if (!SIGNATURE.every((byte, at) => bytes[at] === byte)) throw new PictureError('not a PNG');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const before: Uint8Array[] = [];
  const after: Uint8Array[] = [];
  let orientation = 1;
  for (let at = SIGNATURE.length; ;) {
    if (at + FRAME_BYTES > bytes.length) throw new PictureError('a PNG that is cut off');
    const length = view.getUint32(at);
    const end = at + FRAME_BYTES + length;
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString('latin1');
    if (end > bytes.length || !/^[A-Za-z]{4}$/.test(type)) throw new PictureError('a chunk that is none');
    if (at === SIGNATURE.length && (type !== 'IHDR' || length !== 13)) throw new PictureError('a PNG without a size');
    if (type === 'eXIf') orientation = readOrientation(bytes.subarray(at + 8, at + 8 + length));
    if (KEPT.has(type)) (type === 'IHDR' ? before : after).push(bytes.subarray(at, end));
    // An upper-case first letter: it cannot be understood without.
    else if (/^[A-Z]/.test(type)) throw new PictureError('a chunk that no PNG has');
    at = end;
    if (type === 'IEND') break;
  }
  const turn = orientation === 1 ? [] : [chunk('eXIf', writeOrientation(orientation))];
  const clean = Buffer.concat([SIGNATURE, ...before, ...turn, ...after]);
  return pictureOf(clean, view.getUint32(16), view.getUint32(20), orientation);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(FRAME_BYTES + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}
