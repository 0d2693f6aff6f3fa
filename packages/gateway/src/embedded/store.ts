import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nativeProvider } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import type { Clock } from '../clock.ts';
import { GatewayError } from '../error.ts';
import type { Limits } from '../limits.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Directory } from '../ports/directory.ts';
import type { GroupLogs } from '../ports/group-logs.ts';
import type { KeyPackages } from '../ports/key-packages.ts';
import type { Mailboxes } from '../ports/mailboxes.ts';
import { BlobFiles } from './blob-files.ts';
import { BlobRows } from './blob-rows.ts';
import { EmbeddedBlobs } from './blobs.ts';
import type { VerifySignature } from '../verify-signature.ts';
import { EmbeddedDirectory } from './directory.ts';
import { GroupCommit } from './group-commit.ts';
import { EmbeddedGroupLogs } from './group-logs.ts';
import { KeyPackageStore } from './key-package-store.ts';
import { Listeners } from './listeners.ts';
import { LogListeners } from './log-listeners.ts';
import { LogState } from './log-state.ts';
import { LogSweeper } from './log-sweeper.ts';
import { MailboxState } from './mailbox-state.ts';
import { EmbeddedMailboxes } from './mailboxes.ts';
import { migrate } from './migrations.ts';
import { Sql } from './sql.ts';
import { Sweeper } from './sweeper.ts';
import { TokenUses } from './token-uses.ts';

export interface EmbeddedStoreOptions {
  /** Path of the database file. */
  readonly file: string;
  /** Folder of the blobs, made with the first one; default: `blobs` beside the database. */
  readonly blobFolder?: string;
  readonly clock: Clock;
  readonly limits: Limits;
  /** Told when a transaction failed for a reason of ours (disk full, damaged file). */
  readonly onFailure: (error: unknown) => void;
  /** Runs a commit after all requests that are to share it; default: at the end of this turn of the event loop. */
  readonly endOfTurn?: (task: () => void) => void;
  /** Default: the native one. */
  readonly provider?: CryptoProvider;
  /** Checks signatures of log entries; default: the provider does, on this thread. */
  readonly verify?: VerifySignature;
}

/** The ports of a gateway on one SQLite file. */
export interface EmbeddedStore {
  readonly directory: Directory;
  readonly mailboxes: Mailboxes;
  readonly blobs: Blobs;
  readonly groupLogs: GroupLogs;
  readonly keyPackages: KeyPackages;
  readonly database: DatabaseSync;
  /** Removes what has expired; runs by itself every minute. */
  sweep(): Promise<void>;
  /** Commits what waits, then closes the file. */
  close(): void;
}

/** Opens or creates the file. Throws `GatewayError`: `data-in-use`, `data`. */
export function openEmbeddedStore(options: EmbeddedStoreOptions): EmbeddedStore {
  const { clock, limits, provider = nativeProvider() } = options;
  const database = open(options.file);
  const commits = new GroupCommit(database, options.onFailure, options.endOfTurn);
  const state = new MailboxState(database);
  const listeners = new Listeners();
  const tokenUses = new TokenUses(database);
  const logState = new LogState(database);
  const logListeners = new LogListeners();
  for (const participant of [state, listeners, logState, logListeners]) commits.join(participant);
  const sql = new Sql(database);
  const directory = new EmbeddedDirectory({
    sql,
    commits,
    state,
    listeners,
    tokenUses,
    clock,
  });
  const mailboxes = new EmbeddedMailboxes({ database, commits, state, listeners, tokenUses, clock, limits });
  const rows = new BlobRows(database, limits);
  commits.join(rows);
  const files = new BlobFiles(options.blobFolder ?? join(dirname(options.file), 'blobs'));
  const blobs = new EmbeddedBlobs({ rows, files, commits, clock, limits });
  const groupLogs = new EmbeddedGroupLogs({
    database,
    commits,
    state: logState,
    listeners: logListeners,
    clock,
    limits,
    sha256: (...parts) => provider.hash('sha256', ...parts),
    verify: options.verify ?? ((...signed) => provider.verify(...signed)),
  });
  const keyPackages = new KeyPackageStore({ sql, commits, state, tokenUses, clock });
  const { logRetentionSeconds: retentionSeconds } = limits;
  const logSweeper = new LogSweeper({ database, commits, state: logState, clock, retentionSeconds });
  const sweeper = new Sweeper({ database, commits, state, clock, others: [logSweeper] });
  return {
    directory,
    mailboxes,
    blobs,
    groupLogs,
    keyPackages,
    database,
    sweep: async () => {
      await sweeper.sweep();
      await blobs.sweep();
    },
    close: () => {
      sweeper.stop();
      blobs.stop();
      commits.close();
      database.close();
    },
  };
}

function open(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    // EXCLUSIVE: one gateway a folder, for as long as it runs. FULL: COMMIT returns after fsync of the log.
    // page_size: three messages of 2 KiB share a page instead of filling one each; measured against 4 and 16 KiB.
    // temp_store: savepoints keep copies of pages; in memory they cost half as much as in a temporary file.
    // fullfsync matters on macOS only, where fsync alone does not reach the disk.
    database.exec(`
      PRAGMA page_size = 8192;
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA busy_timeout = 2000;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA fullfsync = ON;
      PRAGMA checkpoint_fullfsync = ON;
      PRAGMA foreign_keys = ON;
      PRAGMA wal_autocheckpoint = 4000;
      PRAGMA temp_store = MEMORY;
      PRAGMA cache_size = -65536;
    `);
    migrate(database);
    return database;
  } catch (cause) {
    database?.close();
    if (cause instanceof GatewayError) throw cause;
    const busy = cause instanceof Error && /locked|busy/i.test(cause.message);
    if (busy) throw new GatewayError('data-in-use', 'another gateway uses this data folder', { cause });
    throw new GatewayError('data', `the gateway's database cannot be opened: ${String(cause)}`, { cause });
  }
}
