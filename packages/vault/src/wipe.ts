import { existsSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CryptoProvider } from '@sotto/crypto';
import { coded, isSystemError } from './file/failure.ts';
import { pathsOf, syncFolder } from './file/folder.ts';
import { destroyFile } from './file/key-file.ts';
import type { Keystore } from './vault.ts';

export interface WipeOptions {
  /** The vault's folder. */
  readonly path: string;
  readonly provider: CryptoProvider;
  /** What guards the vault, if it keeps something outside the folder. */
  readonly keystore?: Keystore;
}

/**
 * Destroys a vault: first the wrapped vault key and key files in the folder are overwritten and removed, which takes
 * milliseconds and makes everything else unreadable; then the rest of the vault's files, and the folder if nothing else
 * is in it. Needs no passphrase and no lock, works on damaged vaults and while a vault is open (whose process then still
 * holds keys in memory: close it). Every step is tried; the first failure is thrown at the end.
 */
export async function wipeVault({ path, provider, keystore }: WipeOptions): Promise<void> {
  const { folder, database, key, attachments } = pathsOf(path);
  const failures: unknown[] = [];
  const attempt = (step: () => void) => {
    try {
      coded(step);
    } catch (error) {
      failures.push(error);
    }
  };
  for (const file of [key, `${key}.new`, join(folder, 'unlock.key')]) attempt(() => destroyFile(file, provider));
  try {
    await keystore?.forget?.();
  } catch (error) {
    failures.push(error);
  }
  for (const suffix of ['-wal', '-shm', '-journal', '']) {
    attempt(() => rmSync(`${database}${suffix}`, { force: true }));
  }
  attempt(() => rmSync(attachments, { recursive: true, force: true }));
  if (existsSync(folder)) {
    attempt(() => syncFolder(folder));
    attempt(() => removeIfEmpty(folder));
  }
  if (failures.length > 0) throw failures[0];
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!isSystemError(error, 'ENOTEMPTY') && !isSystemError(error, 'EEXIST')) throw error;
  }
}
