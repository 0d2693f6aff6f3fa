import type { MessageRef } from '../refs.ts';

/** A file to be sent with a message. */
export interface OutgoingAttachment {
  /** Path of a file, its bytes, or a stream that is read once. */
  readonly source: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Shown to the recipient; default: the path's last part, or none. */
  readonly name?: string;
  /**
   * Whether what a picture (JPEG, PNG, WebP) says of place, time and camera is taken out, without touching the pixels.
   * Default `strip`; a picture that cannot be read is then refused. Other kinds of file are sent as they are.
   */
  readonly metadata?: 'strip' | 'keep';
  /** Milliseconds of a recording or film, where the application knows. */
  readonly durationMs?: number;
  /** A recording spoken for this conversation. */
  readonly voice?: boolean;
  /** Loudness over a recording's length, 0 to 255 each, at most 64 bytes. */
  readonly waveform?: Uint8Array;
}

/** How an attachment is to be shown. Names and types come from its author: `show` looks at the bytes before it agrees. */
export type AttachmentKind = 'image' | 'video' | 'audio' | 'voice' | 'file';

/** An attachment as its message describes it. */
export interface AttachmentInfo {
  /** Its place in the message, from 0. */
  readonly index: number;
  readonly kind: AttachmentKind;
  /** Media type found in the first bytes by the author's device. */
  readonly contentType: string;
  /** A name for a file, made safe: no path, no control or direction characters; never empty. */
  readonly name: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Pixels; null: not known. */
  readonly width: number | null;
  readonly height: number | null;
  /** Null: not known. */
  readonly durationMs: number | null;
  /** Null: none. */
  readonly waveform: Uint8Array | null;
  /** A small JPEG or PNG; null: none. */
  readonly thumbnail: Uint8Array | null;
  readonly state: AttachmentState;
  /** Unix milliseconds until which the gateway keeps it, as far as its author knew. */
  readonly expiresAt: number;
}

/**
 * `uploading`: whole here, not yet at the gateway; the message waits for it. `here`: whole on this device, sealed.
 * `partial`: begun. `remote`: at the gateway. `gone`: the gateway has it no more.
 */
export type AttachmentState = 'uploading' | 'here' | 'partial' | 'remote' | 'gone';

export interface TransferOptions {
  /** Rejects with `aborted`; what came until then is kept and the next call goes on there. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: AttachmentProgress) => void;
}

export interface AttachmentProgress {
  /** Bytes over the network so far, sealed. */
  readonly bytes: number;
  readonly total: number;
}

export interface DownloadOptions extends TransferOptions {
  /** Whether a file that is there already is replaced. Default false: then it is left alone. */
  readonly overwrite?: boolean;
}

/** A file written for a person. */
export interface SavedAttachment {
  readonly path: string;
  /** Media type found in its first bytes here. */
  readonly contentType: string;
  /** False: the author's device called it something else. Do not open it by itself. */
  readonly asDescribed: boolean;
}

/**
 * One attachment of a message. All methods throw `MessengerError`: `not_found` (no such message or attachment),
 * `attachment_gone` (expired at the gateway or taken back), `attachment_damaged` (what the gateway has is not what was
 * sent), `unreachable`, `refused`, `storage`, `aborted`.
 */
export interface AttachmentHandle {
  readonly message: MessageRef;
  readonly index: number;
  info(): Promise<AttachmentInfo>;
  /** Brings it to this device, sealed as it travelled; nothing readable is on disk. Resumes what was begun. */
  fetch(options?: TransferOptions): Promise<void>;
  /**
   * Saves it for a person: into the folder `to`, under a safe name that is free there, or as the file `to`. It appears
   * whole, after every byte was verified, or not at all. `invalid_argument`: there is a file of that name.
   */
  download(to: string, options?: DownloadOptions): Promise<SavedAttachment>;
  /** The file's bytes, each piece verified before it comes; fetched first where needed. */
  read(options?: TransferOptions): AsyncIterable<Uint8Array>;
  /**
   * The same for showing or playing: throws `attachment_mismatch` before the first byte unless it is what its message
   * says, and of a kind that is safe to show (pictures, films, sound, plain text).
   */
  show(options?: TransferOptions): AsyncIterable<Uint8Array>;
}
