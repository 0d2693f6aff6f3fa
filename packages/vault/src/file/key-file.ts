import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CryptoProvider } from '@sotto/crypto';
import { VaultError } from '../error.ts';
import { ByteReader, ByteWriter, utf8 } from '../format/bytes.ts';
import { VAULT_ID_SIZE } from '../format/head.ts';
import { coded, isSystemError } from './failure.ts';
import { syncFolder } from './folder.ts';

const MAGIC = utf8('SOTTOKEY');
const VERSION = 1;
const CHECKSUM_SIZE = 32;
/** bytes; what a keystore may need */
const MAX_WRAPPED_SIZE = 4096;
const MAX_KIND_LENGTH = 64;
const MAX_SIZE = MAX_WRAPPED_SIZE + 512;

/** `vault.key`: the wrapped vault key, and in the clear which kind of keystore wrapped it. */
export interface KeyFile {
  readonly vaultId: Uint8Array;
  readonly kind: string;
  readonly wrapped: Uint8Array;
}

/** Throws `keystore_unavailable` (missing), `damaged`, `newer_version`. The checksum tells damage from a wrong passphrase. */
export function readKeyFile(path: string, provider: CryptoProvider): KeyFile {
  const bytes = readSmall(path);
  if (bytes === null) throw new VaultError('keystore_unavailable', 'the wrapped vault key (vault.key) is missing');
  const reader = new ByteReader(bytes);
  if (!provider.equal(reader.raw(MAGIC.length), MAGIC)) {
    throw new VaultError('damaged', 'the key file was written by something else');
  }
  if (reader.u8() > VERSION) {
    throw new VaultError('newer_version', 'the vault was written by a newer version of this program');
  }
  const covered = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_SIZE));
  if (!provider.equal(provider.hash('sha256', covered), bytes.subarray(covered.length))) {
    throw new VaultError('damaged', 'the key file is damaged');
  }
  const vaultId = reader.raw(VAULT_ID_SIZE);
  const kind = reader.text();
  const wrapped = reader.blob();
  reader.raw(CHECKSUM_SIZE);
  reader.end();
  return { vaultId, kind, wrapped };
}

/**
 * Replaces the key file atomically, and then overwrites what the old one held. A crash leaves the old or the new one,
 * and perhaps the other beside it until the next open.
 */
export function writeKeyFile(path: string, file: KeyFile, provider: CryptoProvider): void {
  if (file.kind.length > MAX_KIND_LENGTH || file.wrapped.length > MAX_WRAPPED_SIZE) {
    throw new VaultError('misuse', 'a keystore returned too much');
  }
  const writer = new ByteWriter().raw(MAGIC).u8(VERSION).raw(file.vaultId).text(file.kind).blob(file.wrapped);
  writer.raw(provider.hash('sha256', writer.view()));
  coded(() => {
    const next = openSync(temporary(path), 'w', 0o600);
    try {
      writeSync(next, writer.view());
      fsyncSync(next);
    } finally {
      closeSync(next);
    }
    const old = openIfThere(path);
    try {
      renameSync(temporary(path), path);
      syncFolder(dirname(path));
      if (old !== null) overwrite(old, provider);
    } finally {
      if (old !== null) closeSync(old);
    }
  });
}

/** Removes what a crash during `writeKeyFile` may have left. */
export function removeUnfinishedKeyFile(path: string, provider: CryptoProvider): void {
  destroyFile(temporary(path), provider);
}

/** Overwrites a small file with random bytes, then removes it; nothing happens if there is none. */
export function destroyFile(path: string, provider: CryptoProvider): void {
  coded(() => {
    const file = openIfThere(path);
    if (file === null) return;
    try {
      overwrite(file, provider);
    } finally {
      closeSync(file);
    }
    unlinkSync(path);
    syncFolder(dirname(path));
  });
}

const temporary = (path: string) => `${path}.new`;

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  }
}

function overwrite(file: number, provider: CryptoProvider): void {
  const { size } = fstatSync(file);
  if (size > 0) writeSync(file, provider.random(Math.min(size, 65_536)), 0, null, 0);
  fsyncSync(file);
}

function readSmall(path: string): Uint8Array | null {
  return coded(() => {
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return null;
      throw error;
    }
    try {
      const bytes = new Uint8Array(new ArrayBuffer(MAX_SIZE + 1));
      const length = readSync(file, bytes, 0, bytes.length, 0);
      if (length > MAX_SIZE) throw new VaultError('damaged', 'the key file is too long');
      return bytes.subarray(0, length);
    } finally {
      closeSync(file);
    }
  });
}
