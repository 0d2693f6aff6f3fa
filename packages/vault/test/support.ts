import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { createVault, fileKeystore, openVault, VaultError } from '@sotto/vault';
import type { Collection, Keystore, Vault, VaultErrorCode } from '@sotto/vault';

export const provider = nativeProvider();
export const DAY = 86_400_000;

export const contacts: Collection = { name: 'contacts', purpose: 'state', version: 1 };
export const sessions: Collection = { name: 'sessions', purpose: 'ratchet', version: 1 };
export const messages: Collection = { name: 'messages', purpose: 'history', version: 1 };

/** Memory where there is such a folder: nothing here can tell, and syncing a busy disk takes long. */
const TEMPORARY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A folder of the test file's own, removed after it. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(TEMPORARY, 'vault-test-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export class TestClock {
  #now = Date.UTC(2030, 0, 15, 12);

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}

/** A vault in a folder with a key file inside. */
export class TestVault {
  readonly path = join(tempFolder(), 'vault');
  readonly clock = new TestClock();
  readonly keystore: Keystore = fileKeystore({ provider, path: join(this.path, 'unlock.key') });

  create(maxBytes?: number): Promise<Vault> {
    return createVault({ ...this.#options, ...(maxBytes === undefined ? {} : { maxBytes }) });
  }

  open(): Promise<Vault> {
    return openVault(this.#options);
  }

  get #options() {
    return { path: this.path, keystore: this.keystore, provider, clock: this.clock };
  }

  get file(): string {
    return join(this.path, 'vault.db');
  }

  /** What somebody with the file and SQLite can do, while the vault is closed. */
  tamper(change: (sqlite: DatabaseSync) => void): void {
    const sqlite = new DatabaseSync(this.file);
    try {
      change(sqlite);
    } finally {
      sqlite.close();
    }
  }
}

/** For `assert.throws` and `assert.rejects`. */
export function coded(...codes: VaultErrorCode[]): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof VaultError)) throw error;
    if (!codes.includes(error.code))
      throw new Error(`expected ${codes.join(' or ')}, got ${error.code}`, { cause: error });
    return true;
  };
}

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function text(value: Uint8Array | null): string | null {
  return value === null ? null : new TextDecoder().decode(value);
}
