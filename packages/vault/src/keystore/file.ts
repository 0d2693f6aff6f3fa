import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CryptoProvider } from '@sotto/crypto';
import { Secret } from '@sotto/crypto';
import { VaultError } from '../error.ts';
import { coded, isSystemError } from '../file/failure.ts';
import { syncFolder } from '../file/folder.ts';
import { destroyFile } from '../file/key-file.ts';
import { ByteReader, ByteWriter, utf8 } from '../format/bytes.ts';
import { NONCE_SIZE, Sealer } from '../format/sealer.ts';
import { VAULT_KEY_SIZE } from '../keys.ts';
import type { Keystore } from '../vault.ts';

const VERSION = 1;
const LABEL = utf8('sotto/v1/vault-key-file');

export interface FileKeystoreOptions {
  readonly provider: CryptoProvider;
  /** The key file: 32 random bytes, made (0600) when a vault key is first wrapped. */
  readonly path: string;
}

/**
 * Wraps the vault key under a key that lies in a file: whoever can read the file can open the vault. For unattended
 * agents and trials. Refuses a key file that others than its owner can read, where the system knows file modes.
 */
export function fileKeystore({ provider, path }: FileKeystoreOptions): Keystore {
  const sealer = new Sealer(provider);
  return {
    kind: 'file',

    async wrap(vaultKey) {
      using key = readKey(path) ?? createKey(path, provider);
      const nonce = sealer.nonce();
      return new ByteWriter()
        .u8(VERSION)
        .raw(nonce)
        .raw(sealer.seal(key.reveal(), nonce, vaultKey.reveal(), LABEL))
        .copy();
    },

    async unwrap(wrapped) {
      const reader = new ByteReader(wrapped);
      if (reader.u8() > VERSION) {
        throw new VaultError('newer_version', 'the vault key was wrapped by a newer version of this program');
      }
      const nonce = reader.raw(NONCE_SIZE);
      const sealed = reader.raw(reader.left);
      using key = readKey(path);
      if (key === null) throw new VaultError('keystore_unavailable', 'the key file is missing');
      try {
        return Secret.take(sealer.open(key.reveal(), nonce, sealed, LABEL));
      } catch (cause) {
        if (!(cause instanceof VaultError)) throw cause;
        throw new VaultError('keystore_unavailable', 'the key file belongs to another vault', { cause });
      }
    },

    async forget() {
      destroyFile(path, provider);
    },
  };
}

function createKey(path: string, provider: CryptoProvider): Secret {
  const key = Secret.take(provider.random(VAULT_KEY_SIZE));
  coded(() => {
    const file = openSync(path, 'wx', 0o600);
    try {
      writeSync(file, key.reveal());
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    syncFolder(dirname(path));
  });
  return key;
}

/** Null: there is no such file. */
function readKey(path: string): Secret | null {
  return coded(() => {
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return null;
      if (isSystemError(error, 'EACCES')) {
        throw new VaultError('keystore_unavailable', 'the key file cannot be read', { cause: error });
      }
      throw error;
    }
    try {
      checkPermissions(file);
      const bytes = new Uint8Array(new ArrayBuffer(VAULT_KEY_SIZE + 1));
      const length = readSync(file, bytes, 0, bytes.length, 0);
      if (length !== VAULT_KEY_SIZE) throw new VaultError('damaged', 'the key file does not hold a key');
      using whole = Secret.take(bytes);
      return whole.slice(0, VAULT_KEY_SIZE);
    } finally {
      closeSync(file);
    }
  });
}

/** Windows has no owner and mode to look at; there the folder's access list protects the file. */
function checkPermissions(file: number): void {
  const { mode, uid } = fstatSync(file);
  const own = process.geteuid?.();
  if (own === undefined) return;
  if ((mode & 0o077) !== 0) {
    throw new VaultError('insecure_permissions', 'the key file can be read by others: chmod 600 it');
  }
  if (uid !== own && uid !== 0) {
    throw new VaultError('insecure_permissions', 'the key file belongs to another user');
  }
}
