import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  AttachmentSchema,
  MAX_ATTACHMENTS,
  MAX_CONTENT_BYTES,
  MAX_THUMBNAIL_BYTES,
  MAX_WAVEFORM_BYTES,
  utf8Length,
} from '@sotto/wire';
import type { Attachment } from '@sotto/wire';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { SealedFiles } from './files.ts';
import { cleanerOf } from './images/clean.ts';
import { PictureError } from './images/picture.ts';
import type { Picture } from './images/picture.ts';
import { addressOf, KEY_BYTES } from './keys.ts';
import { safeName } from './names.ts';
import { sealFile } from './seal-file.ts';
import { sniff, SNIFF_BYTES } from './sniff.ts';
import { openSource } from './source.ts';
import type { OpenSource } from './source.ts';
import { ThumbnailMaker } from './thumbnail.ts';
import type { OutgoingAttachment } from './types.ts';

/** Pictures beyond this are held in memory for nobody; as files (`metadata: 'keep'`) they may be larger. */
const PICTURE_BYTES = 64 * 1024 * 1024;
const NAME_BYTES = 16;
/** What a content has around its text, mentions of many people included, and what describes one attachment. */
const FRAME_BYTES = 4096;
const DESCRIPTION_BYTES = 768;
/** Seconds that gateways keep blobs by default; what the author's says is known only when it is there. */
const KEPT_SECONDS = 30 * 86_400;

/** A file that lies sealed in the vault's folder and is described, but in no message yet. */
export interface StagedFile {
  readonly name: string;
  readonly attachment: Attachment;
  readonly blob: Uint8Array;
  readonly owner: Uint8Array;
}

export type StagingParts = Pick<Core, 'provider' | 'clock' | 'settings' | 'own'>;

/**
 * Copies files, sealed, into the vault's folder, so that the originals may vanish; looks at what they are, and strips
 * pictures. Nothing of them is kept if one cannot be. Throws `invalid_argument`, `attachment_unreadable`, `storage`.
 */
export async function stageFiles(
  core: StagingParts,
  files: SealedFiles,
  { attachments, text }: { readonly attachments: readonly OutgoingAttachment[]; readonly text: string },
  signal: AbortSignal,
): Promise<StagedFile[]> {
  if (attachments.length > MAX_ATTACHMENTS) {
    throw new MessengerError('invalid_argument', `a message has at most ${MAX_ATTACHMENTS} attachments`);
  }
  const thumbnailBytes = roomFor(attachments.length, text);
  using thumbnails = new ThumbnailMaker();
  const staged: StagedFile[] = [];
  try {
    for (const attachment of attachments) {
      staged.push(await stage(core, files, { ...attachment, thumbnails, thumbnailBytes }, signal));
    }
    return staged;
  } catch (cause) {
    await dropStaged(files, staged);
    throw cause;
  }
}

/** Bytes that a thumbnail may have, so that all of them and everything else fit into one content. */
function roomFor(count: number, text: string): number {
  const room = MAX_CONTENT_BYTES - FRAME_BYTES - utf8Length(text) - count * DESCRIPTION_BYTES;
  return Math.min(MAX_THUMBNAIL_BYTES, Math.max(0, Math.floor(room / Math.max(1, count))));
}

export async function dropStaged(files: SealedFiles, staged: readonly StagedFile[]): Promise<void> {
  await Promise.all(staged.map(({ name }) => files.remove(name)));
}

async function stage(
  core: StagingParts,
  files: SealedFiles,
  wanted: OutgoingAttachment & { readonly thumbnails: ThumbnailMaker; readonly thumbnailBytes: number },
  signal: AbortSignal,
): Promise<StagedFile> {
  const { provider } = core;
  const media = mediaOf(wanted);
  const opened = await openSource(wanted);
  const contentType = sniff(opened.head.subarray(0, SNIFF_BYTES));
  const picture = wanted.metadata === 'keep' ? null : await cleaned(opened, contentType);
  const key = provider.random(KEY_BYTES);
  const name = Buffer.from(provider.random(NAME_BYTES)).toString('hex');
  const sealed = await storing(async () => {
    const sink = await files.create(name);
    try {
      const result = await sealFile(provider, {
        source: picture === null ? opened.bytes : once(picture.bytes),
        key,
        sink,
        mostBytes: core.settings.attachmentBytes,
        tooLarge: () => new MessengerError('invalid_argument', 'the file is larger than attachments may be'),
        signal,
      });
      await sink.finish();
      return result;
    } catch (cause) {
      await sink.leave().catch(() => undefined);
      await files.remove(name);
      throw cause;
    }
  });
  const mostBytes = wanted.thumbnailBytes;
  const thumbnail = picture === null ? null : await wanted.thumbnails.make({ ...picture, contentType, mostBytes });
  const attachment = create(AttachmentSchema, {
    contentType,
    name: opened.name === '' ? '' : safeName(opened.name, contentType),
    thumbnail: thumbnail ?? new Uint8Array(0),
    media: media(contentType, picture),
    blob: {
      key,
      gateway: core.own.gateway,
      size: BigInt(sealed.size),
      sealedSize: BigInt(sealed.sealedSize),
      sha256: sealed.sha256,
      expiresAt: BigInt(Math.floor(core.clock.now() / 1000) + KEPT_SECONDS),
    },
  });
  return { name, attachment, blob: addressOf(provider, key).blob, owner: provider.random(KEY_BYTES) };
}

type Media = NonNullable<MessageInitShape<typeof AttachmentSchema>['media']>;

/** What the application says of it, checked before anything is read. */
function mediaOf(wanted: OutgoingAttachment): (contentType: string, picture: Picture | null) => Media {
  const { durationMs = 0, voice = false, waveform = new Uint8Array(0) } = wanted;
  if (!Number.isInteger(durationMs) || durationMs < 0 || durationMs >= 2 ** 32) {
    throw new MessengerError('invalid_argument', 'a duration is a whole number of milliseconds');
  }
  if (waveform.length > MAX_WAVEFORM_BYTES) {
    throw new MessengerError('invalid_argument', `a waveform has at most ${MAX_WAVEFORM_BYTES} steps`);
  }
  return (contentType, picture) => {
    if (contentType.startsWith('audio/') || (voice && contentType === 'video/webm')) {
      return { case: 'audio', value: { durationMs, voice, waveform } };
    }
    if (contentType.startsWith('video/')) return { case: 'video', value: { durationMs } };
    if (picture !== null) return { case: 'image', value: { width: picture.width, height: picture.height } };
    if (contentType.startsWith('image/')) return { case: 'image', value: {} };
    return { case: undefined };
  };
}

/** A picture without its metadata; null: it is none that has any that we know. */
async function cleaned({ bytes }: OpenSource, contentType: string): Promise<Picture | null> {
  const clean = cleanerOf(contentType);
  if (clean === null) return null;
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of bytes) {
    pieces.push(Uint8Array.from(piece));
    length += piece.length;
    if (length > PICTURE_BYTES) {
      throw new MessengerError(
        'invalid_argument',
        'a picture this large can only be sent with its metadata, as a file',
      );
    }
  }
  try {
    return clean(Buffer.concat(pieces));
  } catch (cause) {
    if (!(cause instanceof PictureError)) throw cause;
    throw new MessengerError('attachment_unreadable', 'the picture is damaged, so its metadata cannot be removed', {
      cause,
    });
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What the folder throws becomes `storage`. */
export async function storing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof Error && 'syscall' in cause) {
      throw new MessengerError('storage', 'the folder of attachments failed', { cause });
    }
    throw cause;
  }
}
