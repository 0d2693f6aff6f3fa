import { CryptoError, openStream, STREAM_HEADER_BYTES } from '@sotto/crypto';
import type { CryptoProvider, StreamOpener } from '@sotto/crypto';
import { MessengerError } from '../error.ts';
import { codeOf } from './folder-files.ts';
import type { SealedFiles } from './files.ts';
import { STREAM_INFO } from './keys.ts';

const TAG_BYTES = 16;

export interface OpenJob {
  readonly files: SealedFiles;
  readonly name: string;
  readonly key: Uint8Array;
  /** Bytes of the file and of what was sealed, as the message says. */
  readonly size: number;
  readonly sealedSize: number;
}

/**
 * The file's bytes, chunk by chunk, each verified before it is given out, the padding left away. Throws
 * `attachment_damaged` for anything that is not, in this place, what was sealed.
 */
export async function* openFile(provider: CryptoProvider, job: OpenJob): AsyncGenerator<Uint8Array> {
  const { files, name, size, sealedSize } = job;
  const header = await headerOf(files, name);
  using opener = begin(provider, header, job.key);
  const pieceBytes = opener.chunkBytes + TAG_BYTES;
  let at = STREAM_HEADER_BYTES;
  let left = size;
  for await (const piece of files.read(name, STREAM_HEADER_BYTES, pieceBytes, 'lent')) {
    at += piece.length;
    const chunk = openPiece(opener, piece, at >= sealedSize);
    if (at > sealedSize || chunk === null) throw damaged();
    const wanted = chunk.subarray(0, left);
    left -= wanted.length;
    if (wanted.length > 0) yield wanted;
  }
  if (at !== sealedSize || left > 0) throw damaged();
}

async function headerOf(files: SealedFiles, name: string): Promise<Uint8Array> {
  try {
    for await (const piece of files.read(name, 0, STREAM_HEADER_BYTES)) return piece;
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') throw new MessengerError('attachment_damaged', 'its file is gone', { cause });
    throw cause;
  }
  throw damaged();
}

function begin(provider: CryptoProvider, header: Uint8Array, key: Uint8Array): StreamOpener {
  try {
    return openStream(provider, header, { key, info: STREAM_INFO });
  } catch (cause) {
    if (cause instanceof CryptoError) throw damaged(cause);
    throw cause;
  }
}

function openPiece(opener: StreamOpener, piece: Uint8Array, last: boolean): Uint8Array | null {
  try {
    return opener.open(piece, last);
  } catch (cause) {
    if (cause instanceof CryptoError) throw damaged(cause);
    throw cause;
  }
}

export function damaged(cause?: unknown): MessengerError {
  return new MessengerError('attachment_damaged', 'the attachment is not what was sent', { cause });
}
