import { VaultError } from '../error.ts';
import type { VaultErrorCode } from '../error.ts';

/** Result codes of SQLite (https://sqlite.org/rescode.html): extended ones where they say more, else primary ones. */
const SQLITE: ReadonlyMap<number, readonly [VaultErrorCode, string]> = new Map([
  // SQLITE_IOERR_LOCK: the file could be opened for reading only, which takes no exclusive lock.
  [3850, ['read_only', 'the vault cannot be written']],
  [3, ['read_only', 'the vault cannot be written']],
  [5, ['locked', 'another process has the vault open']],
  [6, ['locked', 'another process has the vault open']],
  [8, ['read_only', 'the vault cannot be written']],
  [11, ['damaged', 'the vault file is damaged']],
  [13, ['full', 'there is no room for the vault to grow']],
  [14, ['read_only', 'the vault file cannot be opened for writing']],
  [18, ['misuse', 'a row is too large']],
  [19, ['damaged', 'the vault file contradicts itself']],
  [26, ['damaged', 'the vault file is not a database']],
]);

const SYSTEM: ReadonlyMap<string, readonly [VaultErrorCode, string]> = new Map([
  ['EACCES', ['read_only', 'the vault folder cannot be written']],
  ['EPERM', ['read_only', 'the vault folder cannot be written']],
  ['EROFS', ['read_only', 'the vault folder cannot be written']],
  ['ENOSPC', ['full', 'there is no room for the vault']],
  ['EDQUOT', ['full', 'there is no room for the vault']],
  ['EFBIG', ['full', 'there is no room for the vault']],
]);

/** Gives an error of SQLite or of the file system the vault's code; every other error comes back as it is. */
export function failureOf(cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof VaultError || !('code' in cause)) return cause;
  if (cause.code === 'ERR_SQLITE_ERROR' && 'errcode' in cause) {
    const result = Number(cause.errcode);
    const [code, message] = SQLITE.get(result) ??
      SQLITE.get(result & 0xff) ?? ['io', 'the vault file could not be used'];
    return new VaultError(code, message, { cause });
  }
  if (cause.code === 'ERR_OUT_OF_RANGE') {
    return new VaultError('damaged', 'a number in the vault file is out of range', { cause });
  }
  if ('syscall' in cause && typeof cause.code === 'string') {
    const [code, message] = SYSTEM.get(cause.code) ?? ['io', 'a file operation failed'];
    return new VaultError(code, message, { cause });
  }
  return cause;
}

/** Runs file operations under the vault's codes. */
export function coded<T>(run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw failureOf(cause);
  }
}

/** True for an error of the file system with this code (`ENOENT`, …). */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
