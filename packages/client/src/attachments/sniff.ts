/** Bytes that `sniff` looks at. */
export const SNIFF_BYTES = 4096;

/** What is not recognised. */
const UNKNOWN_TYPE = 'application/octet-stream';

type Signature = readonly [
  type: string,
  ...marks: readonly (readonly [at: number, bytes: string | readonly number[]])[],
];

// Own and small on purpose: a library that knows hundreds of formats parses containers to tell them apart, and that is
// run on bytes that strangers chose. These are the kinds that are shown, or that people send most.
const SIGNATURES: readonly Signature[] = [
  ['image/jpeg', [0, [0xff, 0xd8, 0xff]]],
  ['image/png', [0, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]]],
  ['image/gif', [0, 'GIF87a']],
  ['image/gif', [0, 'GIF89a']],
  ['image/webp', [0, 'RIFF'], [8, 'WEBP']],
  ['audio/wav', [0, 'RIFF'], [8, 'WAVE']],
  ['image/bmp', [0, 'BM'], [6, [0, 0, 0, 0]]],
  ['image/tiff', [0, [0x49, 0x49, 0x2a, 0x00]]],
  ['image/tiff', [0, [0x4d, 0x4d, 0x00, 0x2a]]],
  ['image/avif', [4, 'ftypavif']],
  ['image/heic', [4, 'ftypheic']],
  ['image/heic', [4, 'ftypheix']],
  ['image/heic', [4, 'ftypmif1']],
  ['audio/mp4', [4, 'ftypM4A ']],
  ['video/quicktime', [4, 'ftypqt  ']],
  ['video/mp4', [4, 'ftyp']],
  ['audio/ogg', [0, 'OggS'], [28, 'OpusHead']],
  ['audio/ogg', [0, 'OggS'], [29, 'vorbis']],
  ['audio/flac', [0, 'fLaC']],
  ['audio/mpeg', [0, 'ID3']],
  ['audio/aac', [0, [0xff, 0xf1]]],
  ['audio/aac', [0, [0xff, 0xf9]]],
  ['audio/mpeg', [0, [0xff, 0xfb]]],
  ['audio/mpeg', [0, [0xff, 0xf3]]],
  ['audio/mpeg', [0, [0xff, 0xf2]]],
  ['application/pdf', [0, '%PDF-']],
  ['application/zip', [0, [0x50, 0x4b, 0x03, 0x04]]],
  ['application/gzip', [0, [0x1f, 0x8b]]],
  ['application/x-7z-compressed', [0, [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]]],
];

/** Kinds that may be shown or played without asking: nothing in them runs. */
const SHOWN: ReadonlySet<string> = new Set([
  'image/jpeg',
  'image/png',
  'image/gif',
  'image/webp',
  'image/avif',
  'audio/ogg',
  'audio/mpeg',
  'audio/mp4',
  'audio/aac',
  'audio/wav',
  'audio/flac',
  'audio/webm',
  'video/mp4',
  'video/webm',
  'video/quicktime',
  'text/plain',
]);

/** Whether a file is what it is said to be, by its first bytes, and of a kind that may be shown. */
export function mayBeShown(head: Uint8Array, contentType: string): boolean {
  return SHOWN.has(contentType) && sniff(head) === contentType;
}

/**
 * The media type of a file by its first bytes (`SNIFF_BYTES`, or all of a shorter one); `application/octet-stream` for
 * anything else. Markup is plain text here, whatever it says it is. Names and claims play no part.
 */
export function sniff(head: Uint8Array): string {
  for (const [type, ...marks] of SIGNATURES) if (marks.every(([at, bytes]) => startsAt(head, at, bytes))) return type;
  if (startsAt(head, 0, [0x1a, 0x45, 0xdf, 0xa3])) return matroska(head);
  return isText(head) ? 'text/plain' : UNKNOWN_TYPE;
}

function startsAt(head: Uint8Array, at: number, bytes: string | readonly number[]): boolean {
  for (let i = 0; i < bytes.length; i++) {
    const wanted = typeof bytes === 'string' ? bytes.charCodeAt(i) : bytes[i];
    if (head[at + i] !== wanted) return false;
  }
  return true;
}

/** WebM says so in its DocType, near the beginning. */
function matroska(head: Uint8Array): string {
  const text = Buffer.from(head.subarray(0, 64)).toString('latin1');
  return text.includes('webm') ? 'video/webm' : 'video/x-matroska';
}

/** UTF-8 without control characters; a character cut off at the end is nobody's fault. */
function isText(head: Uint8Array): boolean {
  if (head.length === 0) return false;
  for (const byte of head) {
    if (byte === 0x7f || (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)) return false;
  }
  const whole = head.length < SNIFF_BYTES;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: !whole });
    return true;
  } catch {
    return false;
  }
}
