import { link, open, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { MessengerError } from '../error.ts';
import { codeOf, syncFolder } from './folder-files.ts';
import { numbered } from './names.ts';

const MODE_FILE = 0o600;
/** Names tried in a folder before giving up. */
const MOST_NAMES = 1000;

export interface SaveJob {
  /** A folder, or a file in one. */
  readonly to: string;
  /** Safe; used in a folder. */
  readonly name: string;
  readonly overwrite: boolean;
  /** Sixteen hexadecimal digits for the file that is being written. */
  readonly token: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * Writes a file for a person: under another name first, whole and on disk, then under its own, which nobody else's file
 * loses. Resolves to its path. Throws `invalid_argument` when there is a file of that name, and what `bytes` throws.
 */
export async function saveFile(job: SaveJob): Promise<string> {
  const to = resolve(job.to);
  const isFolder = await stat(to).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const folder = isFolder ? to : dirname(to);
  const part = join(folder, `.${job.token}.part`);
  try {
    const file = await open(part, 'wx', MODE_FILE);
    try {
      for await (const piece of job.bytes) await writeAll(file, piece);
      await file.sync();
    } finally {
      await file.close();
    }
    const path = await publish(part, folder, isFolder ? job.name : basename(to), job.overwrite, isFolder);
    await syncFolder(folder);
    return path;
  } catch (cause) {
    await rm(part, { force: true });
    throw cause;
  }
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let done = 0; done < piece.length;) done += (await file.write(piece, done)).bytesWritten;
}

async function publish(
  part: string,
  folder: string,
  name: string,
  overwrite: boolean,
  mayRename: boolean,
): Promise<string> {
  if (overwrite) {
    const path = join(folder, name);
    await rename(part, path);
    return path;
  }
  for (let number = 1; number <= (mayRename ? MOST_NAMES : 1); number++) {
    const path = join(folder, number === 1 ? name : numbered(name, number));
    if (await take(part, path)) return path;
  }
  throw new MessengerError('invalid_argument', 'there is a file of that name');
}

/** Gives a file its name unless that is taken: a second name that fails if there is one, in one step. */
async function take(part: string, path: string): Promise<boolean> {
  try {
    await link(part, path);
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(cause))) throw cause;
    // A file system without second names (FAT): the name is taken first, then filled.
    if (!(await reserve(path))) return false;
    await rename(part, path);
    return true;
  }
  await rm(part);
  return true;
}

async function reserve(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx', MODE_FILE)).close();
    return true;
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false;
    throw cause;
  }
}
