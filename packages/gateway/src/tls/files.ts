import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { GatewayError } from '../error.ts';

/** Only the gateway's own user may look inside. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** Creates the data folder, or closes it to others. Throws `GatewayError` `data`. */
export function prepareFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    chmodSync(path, FOLDER_MODE);
  } catch (cause) {
    throw new GatewayError('data', `the data folder ${path} cannot be created or is not ours`, { cause });
  }
}

/** Null: there is no such file. Throws `GatewayError` `data`. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new GatewayError('data', `${path} cannot be read`, { cause });
  }
}

/** Throws `GatewayError` `data`, also when the file is missing. */
export function readNeeded(path: string): string {
  const text = readIfThere(path);
  if (text === null) throw new GatewayError('data', `${path} is missing`);
  return text;
}

/** Replaces a file as a whole: readers see the old or the new one. Throws `GatewayError` `data`. */
export function writeWhole(path: string, text: string): void {
  try {
    const temporary = `${path}.new`;
    writeFileSync(temporary, text, { mode: FILE_MODE, flush: true });
    renameSync(temporary, path);
  } catch (cause) {
    throw new GatewayError('data', `${path} cannot be written`, { cause });
  }
}
