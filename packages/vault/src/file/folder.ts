import { closeSync, fsyncSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from './failure.ts';

/** Files of a vault folder. */
export interface VaultPaths {
  readonly folder: string;
  /** The sealed rows. SQLite keeps its write-ahead log beside it. */
  readonly database: string;
  /** The vault key, wrapped by the keystore. */
  readonly key: string;
  /** Sealed files of whoever uses the vault; their keys are in its rows. */
  readonly attachments: string;
}

export function pathsOf(folder: string): VaultPaths {
  return {
    folder,
    database: join(folder, 'vault.db'),
    key: join(folder, 'vault.key'),
    attachments: join(folder, 'attachments'),
  };
}

/** Makes the names in a folder durable. Not everywhere possible (Windows): there the file system's journal does it. */
export function syncFolder(folder: string): void {
  let file: number;
  try {
    file = openSync(folder, 'r');
  } catch (error) {
    if (isSystemError(error, 'EISDIR') || isSystemError(error, 'EPERM') || isSystemError(error, 'EACCES')) return;
    throw error;
  }
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
