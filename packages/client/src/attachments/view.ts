import type { VaultReader } from '@sotto/vault';
import type { Attachment } from '@sotto/wire';
import { StoredFile_State } from '@sotto/wire/stored';
import type { StoredFile } from '@sotto/wire/stored';
import type { MessageRef } from '../refs.ts';
import { safeName } from './names.ts';
import { filesOf } from './rows.ts';
import type { AttachmentInfo, AttachmentKind, AttachmentState } from './types.ts';

const states: ReadonlyMap<StoredFile_State, AttachmentState> = new Map([
  [StoredFile_State.UPLOADING, 'uploading'],
  [StoredFile_State.KEPT, 'here'],
  [StoredFile_State.FETCHING, 'partial'],
  [StoredFile_State.GONE, 'gone'],
]);

/** The attachments of a message as people see them. */
export function viewAttachments(
  read: VaultReader,
  message: MessageRef,
  attachments: readonly Attachment[],
): AttachmentInfo[] {
  if (attachments.length === 0) return [];
  const rows = filesOf(read, message);
  return attachments.map((attachment, index) => viewAttachment(attachment, index, rows));
}

/** One of them; `rows` are the files of its message. */
export function viewAttachment(attachment: Attachment, index: number, rows: readonly StoredFile[]): AttachmentInfo {
  const row = rows.find((each) => each.index === index);
  const { blob, contentType, name, thumbnail, media } = attachment;
  const seen = media.case === 'image' || media.case === 'video' ? media.value : null;
  const heard = media.case === 'audio' || media.case === 'video' ? media.value : null;
  const waveform = media.case === 'audio' ? media.value.waveform : EMPTY;
  return {
    index,
    kind: kindOf(attachment),
    contentType,
    name: safeName(name, contentType),
    size: Number(blob?.size ?? 0n),
    width: seen === null || seen.width === 0 ? null : seen.width,
    height: seen === null || seen.height === 0 ? null : seen.height,
    durationMs: heard === null || heard.durationMs === 0 ? null : heard.durationMs,
    waveform: waveform.length === 0 ? null : waveform,
    thumbnail: thumbnail.length === 0 ? null : thumbnail,
    state: row === undefined ? 'remote' : (states.get(row.state) ?? 'gone'),
    expiresAt: Number(blob?.expiresAt ?? 0n) * 1000,
  };
}

const EMPTY = new Uint8Array(0);

/** What its author says it is, unless that contradicts itself: then it is a file. */
function kindOf({ contentType, media }: Attachment): AttachmentKind {
  if (media.case === 'image' && contentType.startsWith('image/')) return 'image';
  if (media.case === 'video' && contentType.startsWith('video/')) return 'video';
  const isSound = contentType.startsWith('audio/') || contentType === 'video/webm';
  if (media.case === 'audio' && isSound) return media.value.voice ? 'voice' : 'audio';
  return 'file';
}
