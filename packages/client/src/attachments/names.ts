import { MAX_FILE_NAME_BYTES, utf8Length } from '@sotto/wire';

/**
 * What has no place in a name: control and format characters (direction overrides turn `gpj.exe` around), separators of
 * lines, code points that mean nothing everywhere, and what paths and shells are made of.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}/\\:*?"<>|]/gu;
/** Names that Windows keeps for devices, whatever follows the dot. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/gif': 'gif',
  'image/webp': 'webp',
  'image/heic': 'heic',
  'audio/ogg': 'ogg',
  'audio/mpeg': 'mp3',
  'audio/mp4': 'm4a',
  'video/mp4': 'mp4',
  'video/webm': 'webm',
  'application/pdf': 'pdf',
  'text/plain': 'txt',
};

/**
 * A name that is safe to show and to give to a file in any folder: no path, no control or direction characters, no name
 * that a system keeps for itself, at most 255 bytes, never empty. What is left of a hostile name is still readable.
 */
export function safeName(claimed: string, contentType: string): string {
  const last = claimed.split(/[/\\]/).at(-1) ?? '';
  const cleaned = last.normalize('NFC').replaceAll(UNSAFE, '_').trim();
  // Hidden files, and `.` and `..` themselves; trailing dots and spaces vanish on Windows.
  const bare = cleaned.replace(/^[. ]+/, '').replace(/[. ]+$/, '');
  if (bare === '' || /^_+$/.test(bare)) return `attachment.${EXTENSIONS[contentType] ?? 'bin'}`;
  return shorten(RESERVED.test(bare) ? `_${bare}` : bare);
}

/** Cut at a character, the extension kept. */
function shorten(name: string): string {
  if (utf8Length(name) <= MAX_FILE_NAME_BYTES) return name;
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 && name.length - dot <= 16 ? name.slice(dot) : '';
  let stem = '';
  let room = MAX_FILE_NAME_BYTES - utf8Length(extension);
  for (const character of name.slice(0, name.length - extension.length)) {
    room -= utf8Length(character);
    if (room < 0) break;
    stem += character;
  }
  return `${stem.trimEnd()}${extension}`.replace(/[. ]+$/, '');
}

/** The same name with a number, for a folder where it is taken. */
export function numbered(name: string, number: number): string {
  const dot = name.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  return shorten(`${stem} (${number})${extension}`);
}
