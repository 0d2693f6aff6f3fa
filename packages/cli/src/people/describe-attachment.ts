import type { AttachmentInfo } from '@sotto/client';
import { cleanName } from '../output/clean.ts';

/** What a list shows of an attachment: `[picture holiday.jpg, 1.2 MB]`. */
export function attachmentText({ kind, name, size, state }: AttachmentInfo): string {
  const gone = state === 'gone' ? ', not available any more' : '';
  return `[${KINDS[kind]} ${cleanName(name)}, ${sizeText(size)}${gone}]`;
}

const KINDS: Readonly<Record<AttachmentInfo['kind'], string>> = {
  image: 'picture',
  video: 'film',
  audio: 'sound',
  voice: 'voice note',
  file: 'file',
};

const UNITS = ['kB', 'MB', 'GB', 'TB'];

/** Bytes as people read them: `1.2 MB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  let size = bytes / 1000;
  let unit = 0;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${size.toFixed(size < 10 ? 1 : 0)} ${UNITS[unit] ?? ''}`;
}
