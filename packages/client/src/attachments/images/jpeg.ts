import { readOrientation, writeOrientation } from './orientation.ts';
import { pictureOf, PictureError, reads } from './picture.ts';
import type { Picture } from './picture.ts';

// Markers of ITU-T T.81 table B.1.
const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const APP0 = 0xe0;
const APP1 = 0xe1;
const APP2 = 0xe2;
const APP14 = 0xee;
const COM = 0xfe;

const EXIF = 'Exif\0\0';
/** Bytes of a JFIF segment without its thumbnail, length included. */
const JFIF_BYTES = 16;

/** Frame headers: C0 to CF without DHT, JPG and DAC. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** Tables, frames, scans and their like: what the pixels are made of. */
const isNeeded = (marker: number): boolean => (marker >= 0xc0 && marker <= 0xcf) || (marker >= 0xda && marker <= 0xdf);

interface Segment {
  readonly marker: number;
  /** Of its marker, and behind it. */
  readonly start: number;
  readonly end: number;
}

/**
 * A JPEG without EXIF (but for how to turn it), XMP, IPTC, comments, embedded thumbnails and whatever follows its end
 * (second pictures, films); colour profiles stay. Scans are copied as they are. Throws `PictureError`.
 */
export function cleanJpeg(bytes: Uint8Array): Picture {
  if (bytes[0] !== 0xff || bytes[1] !== SOI) throw new PictureError('not a JPEG');
  const parts: Uint8Array[] = [];
  let orientation = 1;
  let size: readonly [width: number, height: number] | null = null;
  let hasScan = false;
  for (let at = 2; ;) {
    const segment = segmentAt(bytes, at);
    const { marker, start, end } = segment;
    if (marker === EOI) break;
    if (marker === APP1 && reads(bytes, start + 4, EXIF) && orientation === 1) {
      orientation = readOrientation(bytes.subarray(start + 10, end));
    }
    if (isFrame(marker)) size = frameSize(bytes, segment);
    parts.push(...kept(bytes, segment));
    at = end;
    if (marker === SOS) {
      hasScan = true;
      at = endOfScan(bytes, end);
      parts.push(bytes.subarray(end, at));
    }
  }
  if (size === null || !hasScan) throw new PictureError('a JPEG without a picture');
  const turn = orientation === 1 ? [] : [exifSegment(orientation)];
  const clean = Buffer.concat([Uint8Array.of(0xff, SOI), ...turn, ...parts, Uint8Array.of(0xff, EOI)]);
  return pictureOf(clean, size[0], size[1], orientation);
}

function segmentAt(bytes: Uint8Array, at: number): Segment {
  if (bytes[at] !== 0xff) throw new PictureError('no marker where one has to be');
  let start = at;
  // Any number of FF may stand before a marker.
  while (bytes[start + 1] === 0xff) start++;
  const marker = bytes[start + 1];
  if (marker === undefined) throw new PictureError('a JPEG that is cut off');
  if (marker === EOI) return { marker, start, end: start + 2 };
  const length = ((bytes[start + 2] ?? 0) << 8) | (bytes[start + 3] ?? 0);
  const end = start + 2 + length;
  if (length < 2 || end > bytes.length) throw new PictureError('a segment that is longer than the file');
  return { marker, start, end };
}

function kept(bytes: Uint8Array, { marker, start, end }: Segment): Uint8Array[] {
  const whole = bytes.subarray(start, end);
  if (isNeeded(marker)) return [whole];
  switch (marker) {
    case APP0:
      return reads(bytes, start + 4, 'JFIF\0') && whole.length >= JFIF_BYTES + 2 ? [jfif(whole)] : [];
    case APP2:
      return reads(bytes, start + 4, 'ICC_PROFILE\0') ? [whole] : [];
    case APP14:
      return reads(bytes, start + 4, 'Adobe') ? [whole] : [];
    default:
      if ((marker >= APP0 && marker <= 0xef) || marker === COM) return [];
      throw new PictureError('a marker that no JPEG has');
  }
}

/** Density and version, without the thumbnail. */
function jfif(segment: Uint8Array): Uint8Array {
  const short = Uint8Array.from(segment.subarray(0, JFIF_BYTES + 2));
  short.set([0, JFIF_BYTES], 2);
  short.set([0, 0], JFIF_BYTES);
  return short;
}

function frameSize(bytes: Uint8Array, { start, end }: Segment): readonly [number, number] {
  if (end - start < 9) throw new PictureError('a frame without a size');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [view.getUint16(start + 7), view.getUint16(start + 5)];
}

/** The first marker after a scan: FF that is followed by neither 00 (a byte FF) nor a restart marker. */
function endOfScan(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1];
    if (next === undefined) break;
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  throw new PictureError('a JPEG that is cut off');
}

function exifSegment(orientation: number): Uint8Array {
  const tiff = writeOrientation(orientation);
  const length = 2 + EXIF.length + tiff.length;
  return Buffer.concat([Uint8Array.of(0xff, APP1, length >> 8, length & 0xff), Buffer.from(EXIF, 'latin1'), tiff]);
}
