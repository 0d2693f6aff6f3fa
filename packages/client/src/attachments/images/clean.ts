import { cleanJpeg } from './jpeg.ts';
import type { Picture } from './picture.ts';
import { cleanPng } from './png.ts';
import { cleanWebp } from './webp.ts';

const CLEANERS: Readonly<Record<string, (bytes: Uint8Array) => Picture>> = {
  'image/jpeg': cleanJpeg,
  'image/png': cleanPng,
  'image/webp': cleanWebp,
};

/**
 * What takes a picture of this media type to what it shows and nothing else; null: there is none. It throws
 * `PictureError`. Own filters of segments and chunks: pixels are not touched, and nothing is decoded.
 */
export function cleanerOf(contentType: string): ((bytes: Uint8Array) => Picture) | null {
  return CLEANERS[contentType] ?? null;
}
