import { chmodSync, closeSync, existsSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CryptoProvider } from '@sotto/crypto';
import { Secret } from '@sotto/crypto';
import { VaultError } from './error.ts';
import { Database } from './file/database.ts';
import { coded } from './file/failure.ts';
import { pathsOf, syncFolder } from './file/folder.ts';
import type { VaultPaths } from './file/folder.ts';
import { destroyFile, readKeyFile, removeUnfinishedKeyFile, writeKeyFile } from './file/key-file.ts';
import { checkSchema, migrate, MIGRATIONS, schemaVersion } from './file/schema.ts';
import { VAULT_ID_SIZE } from './format/head.ts';
import { Sealer } from './format/sealer.ts';
import { HeadKeeper } from './head-keeper.ts';
import { VAULT_KEY_SIZE, VaultKeys } from './keys.ts';
import { SealedVault } from './sealed-vault.ts';
import type { Keystore, Vault, VaultClock } from './vault.ts';

export interface VaultOptions {
  /** The vault's folder. */
  readonly path: string;
  readonly keystore: Keystore;
  readonly provider: CryptoProvider;
  readonly clock: VaultClock;
  /** The main file never grows beyond this; events that need more fail with `full`. bytes */
  readonly maxBytes?: number;
}

/**
 * Makes a vault and opens it. The folder (0700) is made if it is missing; it may hold a key file already, but no vault
 * (`exists`). Throws also `locked`, `read_only`, `full`, and what the keystore throws. A failure leaves no vault.
 */
export function createVault(options: VaultOptions): Promise<Vault> {
  return createWith(options, MIGRATIONS);
}

/**
 * Opens a vault, brings its file up to date, and checks its live rows against the sealed head; history is checked by
 * `verify`. Throws `not_found`, `locked` (at once, before any passphrase work), `wrong_passphrase`, `wrong_keystore`,
 * `keystore_unavailable`, `insecure_permissions`, `tampered`, `damaged`, `newer_version`, `read_only`, `full`, `io`.
 */
export function openVault(options: VaultOptions): Promise<Vault> {
  return openWith(options, MIGRATIONS);
}

/** What can be said about a vault without opening it. */
export interface VaultInfo {
  /** Which kind of keystore opens it: `passphrase`, `file`, … */
  readonly keystore: string;
}

/** Null: there is no vault in this folder. Throws `damaged`, `newer_version`, `keystore_unavailable`. */
export function inspectVault({ path, provider }: Pick<VaultOptions, 'path' | 'provider'>): VaultInfo | null {
  const paths = pathsOf(path);
  if (!existsSync(paths.key) && isUnfinished(paths.database)) return null;
  return { keystore: readKeyFile(paths.key, provider).kind };
}

/** `createVault` for a given history of the schema. */
export async function createWith(options: VaultOptions, migrations: readonly string[]): Promise<SealedVault> {
  const { keystore, provider, clock } = options;
  const paths = pathsOf(options.path);
  coded(() => makeFolder(paths));
  const database = new Database(paths.database, options.maxBytes);
  try {
    if (schemaVersion(database, migrations) > 0) throw new VaultError('exists', 'there is a vault in this folder');
  } catch (error) {
    database.close();
    throw error;
  }
  const keys = new VaultKeys(provider, Secret.take(provider.random(VAULT_KEY_SIZE)));
  try {
    const vaultId = provider.random(VAULT_ID_SIZE);
    const wrapped = await keystore.wrap(keys.vaultKey);
    writeKeyFile(paths.key, { vaultId, kind: keystore.kind, wrapped }, provider);
    database.begin();
    migrate(database, migrations, 0);
    const sealer = new Sealer(provider);
    const empty = { vaultId, schema: 0, generation: 0, counter: 0, dayKeys: [], collections: new Map() };
    const head = new HeadKeeper({ database, sealer, keys }, empty);
    const vault = new SealedVault({ paths, provider, clock, keystore, database, sealer, keys, head });
    vault.initialise(migrations.length);
    coded(() => syncFolder(paths.folder));
    return vault;
  } catch (error) {
    abandon(paths, provider, database, keys);
    throw error;
  }
}

/** `openVault` for a given history of the schema. */
export async function openWith(options: VaultOptions, migrations: readonly string[]): Promise<SealedVault> {
  const { keystore, provider, clock } = options;
  const paths = pathsOf(options.path);
  if (!existsSync(paths.database)) {
    if (existsSync(paths.key)) throw new VaultError('damaged', 'the vault file (vault.db) is missing');
    throw new VaultError('not_found', 'there is no vault in this folder');
  }
  const database = new Database(paths.database, options.maxBytes);
  let keys: VaultKeys | undefined;
  try {
    const version = schemaVersion(database, migrations);
    if (version === 0) throw new VaultError('not_found', 'making this vault was never finished');
    checkSchema(database, migrations, version);
    const file = readKeyFile(paths.key, provider);
    if (file.kind !== keystore.kind) throw new VaultError('wrong_keystore', `the vault is guarded by: ${file.kind}`);
    keys = new VaultKeys(provider, await unwrap(keystore, file.wrapped));
    coded(() => {
      removeUnfinishedKeyFile(paths.key, provider);
      closeToOthers(paths);
    });
    const sealer = new Sealer(provider);
    const head = HeadKeeper.load({ database, sealer, keys }, file.vaultId);
    if (head.current.schema !== version) throw new VaultError('tampered', 'the version of the vault file was changed');
    if (version < migrations.length) {
      database.begin();
      migrate(database, migrations, version);
      head.setSchema(migrations.length);
      head.save();
      database.commit();
      head.committed();
    }
    const vault = new SealedVault({ paths, provider, clock, keystore, database, sealer, keys, head });
    vault.resume();
    return vault;
  } catch (error) {
    keys?.[Symbol.dispose]();
    database.close();
    throw error;
  }
}

async function unwrap(keystore: Keystore, wrapped: Uint8Array): Promise<Secret> {
  const key = await keystore.unwrap(wrapped);
  if (key.length === VAULT_KEY_SIZE) return key;
  key.dispose();
  throw new VaultError('damaged', 'the keystore returned something that is no vault key');
}

function makeFolder(paths: VaultPaths): void {
  if (!existsSync(paths.folder)) {
    mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
    if (existsSync(dirname(paths.folder))) syncFolder(dirname(paths.folder));
  }
  // SQLite would make its file readable by all. An existing one is left alone: it is opened and locked first.
  if (!existsSync(paths.database)) closeSync(openSync(paths.database, 'wx', 0o600));
}

/** True before `createVault` has put anything in: a finished vault's main file has many pages. */
function isUnfinished(database: string): boolean {
  return (statSync(database, { throwIfNoEntry: false })?.size ?? 0) <= 4096;
}

/** Takes away what others may do with the files, where the system knows such a thing. */
function closeToOthers(paths: VaultPaths): void {
  if (process.platform === 'win32') return;
  for (const path of [paths.database, paths.key]) {
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  }
}

/** Removes what an unfinished `createVault` made. It holds the lock, so nobody else's vault is touched. */
function abandon(paths: VaultPaths, provider: CryptoProvider, database: Database, keys: VaultKeys): void {
  keys[Symbol.dispose]();
  try {
    database.close();
    destroyFile(paths.key, provider);
    for (const suffix of ['', '-wal', '-journal']) rmSync(`${paths.database}${suffix}`, { force: true });
  } catch {
    // The error that led here is the one to report; an unfinished vault counts as none.
  }
}
