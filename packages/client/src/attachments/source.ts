import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { MessengerError } from '../error.ts';
import { SNIFF_BYTES } from './sniff.ts';
import type { OutgoingAttachment } from './types.ts';

/** Bytes read from a file at once. */
const READ_BYTES = 1024 * 1024;

/** A file to be sent, opened. */
export interface OpenSource {
  /** What it was called; empty: nothing. */
  readonly name: string;
  /** Its first bytes, at least `SNIFF_BYTES` if it has as many. */
  readonly head: Uint8Array;
  /** All of it, the first bytes too; to be read once. A piece is good until the next one is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Opens what is to be sent. Throws `attachment_unreadable`. */
export async function openSource({ source, name }: OutgoingAttachment): Promise<OpenSource> {
  const pieces = coded(await piecesOf(source));
  // Copies: a source may use its buffers again.
  const heads: Uint8Array[] = [];
  let length = 0;
  while (length < SNIFF_BYTES) {
    const { value, done } = await pieces.next();
    if (done === true) break;
    heads.push(Uint8Array.from(value));
    length += value.length;
  }
  const known = name ?? (typeof source === 'string' ? basename(source) : '');
  return {
    name: known,
    head: heads.length === 1 ? (heads[0] ?? EMPTY) : Buffer.concat(heads),
    bytes: from(heads, pieces),
  };
}

const EMPTY = new Uint8Array(0);

async function piecesOf(source: OutgoingAttachment['source']): Promise<AsyncIterable<Uint8Array>> {
  if (source instanceof Uint8Array) return inPieces(source);
  if (typeof source !== 'string') return source;
  // A pipe or device would never end, a folder is none.
  const isFile = await stat(source).then(
    (found) => found.isFile(),
    (cause: unknown) => {
      throw unreadable(cause);
    },
  );
  if (!isFile) throw unreadable();
  return readFile(source);
}

/** One buffer for all pieces: each is sealed before the next is read. */
async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const piece = new Uint8Array(READ_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, READ_BYTES);
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += READ_BYTES) yield bytes.subarray(at, at + READ_BYTES);
}

async function* from(heads: readonly Uint8Array[], rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* heads;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

/** What reading throws is about the file, whatever it is. */
async function* coded(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of pieces) {
      if (!(piece instanceof Uint8Array)) throw new TypeError('a stream of something else than bytes');
      yield piece;
    }
  } catch (cause) {
    throw unreadable(cause);
  }
}

function unreadable(cause?: unknown): MessengerError {
  return new MessengerError('attachment_unreadable', 'a file to be sent cannot be read', { cause });
}
