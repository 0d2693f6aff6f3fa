import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileSink, SealedFiles } from './files.ts';

const EMPTY = new Uint8Array(0);
const MODE_FILE = 0o600;
const MODE_FOLDER = 0o700;
/** What this program calls its files; others in the folder are none of its business. */
const NAME = /^[0-9a-f]{32}$/;

/** Files in a folder, which is made when the first one is. Only this account's user can read it. */
export function folderFiles(folder: string): SealedFiles {
  const path = (name: string): string => {
    if (!NAME.test(name)) throw new TypeError('not a name of a sealed file');
    return join(folder, name);
  };
  return {
    async create(name) {
      await mkdir(folder, { recursive: true, mode: MODE_FOLDER });
      return sinkOf(await open(path(name), 'wx', MODE_FILE), 0, folder);
    },
    async append(name, at) {
      const file = await open(path(name), 'r+', MODE_FILE);
      try {
        await file.truncate(at);
      } catch (error) {
        await file.close();
        throw error;
      }
      return sinkOf(file, at, folder);
    },
    async *read(name, from, pieceBytes, lent) {
      const file = await open(path(name), 'r');
      try {
        const shared = lent === undefined ? null : new Uint8Array(pieceBytes);
        for (let at = from; ; at += pieceBytes) {
          const piece = shared ?? new Uint8Array(pieceBytes);
          const { bytesRead } = await file.read(piece, 0, pieceBytes, at);
          const filled = bytesRead === pieceBytes ? bytesRead : await fill(file, piece, bytesRead, at);
          if (filled > 0) yield piece.subarray(0, filled);
          if (filled < pieceBytes) return;
        }
      } finally {
        await file.close();
      }
    },
    async size(name) {
      try {
        return (await stat(path(name))).size;
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return null;
        throw error;
      }
    },
    remove: (name) => rm(path(name), { force: true }),
    async list() {
      try {
        return (await readdir(folder)).filter((name) => NAME.test(name));
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return [];
        throw error;
      }
    },
  };
}

function sinkOf(file: FileHandle, from: number, folder: string): FileSink {
  let at = from;
  return {
    async write(...parts) {
      const bytes = parts.reduce((sum, part) => sum + part.length, 0);
      const { bytesWritten } = await file.writev(parts, at);
      at += bytesWritten;
      // A short write is how a full disk announces itself; the next one says so.
      const rest = bytesWritten === bytes ? EMPTY : Buffer.concat(parts).subarray(bytesWritten);
      for (let done = 0; done < rest.length;) {
        const written = await file.write(rest, done, rest.length - done, at);
        done += written.bytesWritten;
        at += written.bytesWritten;
      }
    },
    async finish() {
      try {
        await file.sync();
      } finally {
        await file.close();
      }
      await syncFolder(folder);
    },
    leave: () => file.close(),
  };
}

/** A read may be short in the middle of a file; only none at all is its end. */
async function fill(file: FileHandle, piece: Uint8Array, from: number, at: number): Promise<number> {
  for (let filled = from; ;) {
    if (filled === piece.length) return filled;
    const { bytesRead } = await file.read(piece, filled, piece.length - filled, at + filled);
    if (bytesRead === 0) return filled;
    filled += bytesRead;
  }
}

/** Makes the names in a folder durable; where that is not possible (Windows) the file system's journal does it. */
export async function syncFolder(folder: string): Promise<void> {
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
