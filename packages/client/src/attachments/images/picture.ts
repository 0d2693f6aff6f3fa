/** What a picture is, as far as showing it goes. */
export interface Picture {
  /** The same pixels without what was said about them. */
  readonly bytes: Uint8Array;
  /** Pixels as they are shown, turned if they are to be turned. */
  readonly width: number;
  readonly height: number;
  /** How to turn it, EXIF's 1 to 8; 1: as it is. */
  readonly orientation: number;
}

/** The bytes do not follow their format, so nothing can be said of what is in them. */
export class PictureError extends Error {
  override readonly name = 'PictureError';
}

/** A picture whose sides change places when it is turned says so from here on. */
const TURNED = 5;

export function pictureOf(bytes: Uint8Array, width: number, height: number, orientation: number): Picture {
  if (width === 0 || height === 0) throw new PictureError('a picture without pixels');
  return orientation < TURNED
    ? { bytes, width, height, orientation }
    : { bytes, width: height, height: width, orientation };
}

/** True when the bytes at `at` are this ASCII text. */
export function reads(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
