import { VaultError } from '../error.ts';
import type { VaultErrorCode } from '../error.ts';

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const SQLITE: ReadonlyMap<number, readonly [VaultErrorCode, string]> = new Map([
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
    const [code, message] = SQLITE.get(Number(cause.errcode) & 0xff) ?? ['io', 'the vault file could not be used'];
    return new VaultError(code, message, { cause });
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
