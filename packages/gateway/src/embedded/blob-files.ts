import { createReadStream } from 'node:fs';
import { mkdir, open, rm, stat, statfs } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Bytes read at once for a download. */
const READ_BYTES = 256 * 1024;
const MODE_FILE = 0o600;
const MODE_FOLDER = 0o700;

/** Files of blobs: `ab/cdef…` for the blob abcdef…, 256 folders in all. */
export class BlobFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens for writing from `offset` on; what lies beyond, of a part that never became durable, is cut off. */
  async openAt(blob: Uint8Array, offset: number): Promise<FileHandle> {
    const path = this.#path(blob);
    if (offset === 0) await this.#makeFolder(dirname(path));
    const file = await open(path, offset === 0 ? 'w' : 'r+', MODE_FILE);
    try {
      if (offset === 0) await syncFolder(dirname(path));
      else await file.truncate(offset);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes from `first` to `last`. Null: there is no such file, or it has lost its end. */
  async read(blob: Uint8Array, first: number, last: number): Promise<AsyncIterable<Uint8Array> | null> {
    try {
      const file = await open(this.#path(blob), 'r');
      if ((await file.stat()).size <= last) {
        await file.close();
        return null;
      }
      return createReadStream('', { fd: file, start: first, end: last, highWaterMark: READ_BYTES });
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  async remove(blob: Uint8Array): Promise<void> {
    await rm(this.#path(blob), { force: true });
  }

  /** Bytes that the file system still has for programs. */
  async free(): Promise<number> {
    for (let folder = this.#folder; ; folder = dirname(folder)) {
      try {
        const { bavail, bsize } = await statfs(folder);
        return bavail * bsize;
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || dirname(folder) === folder) throw error;
      }
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    const isThere = await stat(folder).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await mkdir(folder, { recursive: true, mode: MODE_FOLDER });
    await syncFolder(this.#folder);
    await syncFolder(dirname(this.#folder));
  }

  #path(blob: Uint8Array): string {
    const name = Buffer.from(blob).toString('hex');
    return join(this.#folder, name.slice(0, 2), name.slice(2));
  }
}

/** Makes the names in a folder durable; where that is not possible (Windows) the file system's journal does it. */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(folder, 'r');
  } catch (error) {
    if (['EISDIR', 'EPERM', 'EACCES'].includes(codeOf(error))) return;
    throw error;
  }
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Code of a system error; empty: none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
