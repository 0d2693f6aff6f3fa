import type { CryptoProvider } from '@sotto/crypto';
import { DayKeys } from './day-keys.ts';
import { VaultError } from './error.ts';
import { EventWriter, ViewReader } from './event.ts';
import type { Database } from './file/database.ts';
import type { VaultPaths } from './file/folder.ts';
import { writeKeyFile } from './file/key-file.ts';
import type { Sealer } from './format/sealer.ts';
import type { HeadKeeper } from './head-keeper.ts';
import type { VaultKeys } from './keys.ts';
import { Rows } from './rows/rows.ts';
import { SearchIndex } from './search/search-index.ts';
import { TableVerification } from './verification.ts';
import type { Keystore, SearchHit, SearchOptions, Vault, VaultClock, VaultReader, VaultWriter } from './vault.ts';

const DAY = 86_400_000;
/** Ratchet rows sealed anew in one transaction: some 20 ms. */
const RESEAL_SLICE = 500;
/** Daily keys that may wait for their rows to be sealed anew. */
const MAX_DAY_KEYS = 8;

export interface SealedVaultParts {
  readonly paths: VaultPaths;
  readonly provider: CryptoProvider;
  readonly clock: VaultClock;
  readonly keystore: Keystore;
  readonly database: Database;
  readonly sealer: Sealer;
  readonly keys: VaultKeys;
  readonly head: HeadKeeper;
}

/** The vault over its parts. Made by `createVault` and `openVault`. */
export class SealedVault implements Vault {
  readonly #parts: SealedVaultParts;
  readonly #dayKeys: DayKeys;
  readonly #rows: Rows;
  readonly #search: SearchIndex;
  readonly #reader: ViewReader;
  #keystore: Keystore;
  #state: 'idle' | 'busy' | 'closed' = 'idle';
  #views = 0;
  /** After a commit whose outcome is unknown. */
  #failure: VaultError | null = null;
  #verification: Generator<number, undefined> | null = null;
  /** The write-ahead log may hold what rows no longer do. */
  #unscrubbed = false;

  constructor(parts: SealedVaultParts) {
    this.#parts = parts;
    this.#keystore = parts.keystore;
    this.#dayKeys = new DayKeys(parts);
    this.#rows = new Rows({ ...parts, dayKeys: this.#dayKeys });
    this.#search = new SearchIndex({ ...parts, rows: this.#rows });
    this.#reader = new ViewReader(this.#rows, () => this.#requireOpen());
  }

  /** Finishes the transaction in which a new vault's tables were made. */
  initialise(schema: number): void {
    const { database, head } = this.#parts;
    head.setSchema(schema);
    this.#dayKeys.roll(this.#today());
    head.save();
    database.commit();
    head.committed();
    this.#scrub();
  }

  /** Loads daily keys and checks the live rows (state and ratchet) against the head. Throws `tampered` or `damaged`. */
  resume(): void {
    this.#dayKeys.sync();
    for (const name of ['state', 'ratchet'] as const) {
      const steps = new TableVerification(name, this.#rows, this.#parts.head).steps(false);
      while (steps.next().done !== true);
    }
    const [newest] = this.#rows.table('history').newestCounter.get() ?? [null];
    if (newest !== null && newest > this.#parts.head.current.counter) {
      throw new VaultError('tampered', 'the head of the vault is older than its rows');
    }
    this.#scrub();
    if (this.#isRollDue()) this.#rollSlice();
  }

  transaction<T>(event: (write: VaultWriter) => T): T {
    this.#requireIdle();
    this.#roll();
    const writer = new EventWriter(this.#rows, this.#search);
    return this.#atomically(() => {
      try {
        const result = event(writer);
        if (isThenable(result)) throw new VaultError('misuse', 'an event must be synchronous');
        writer.requireSound();
        return result;
      } finally {
        writer.end();
      }
    });
  }

  read<T>(view: (read: VaultReader) => T): T {
    this.#requireOpen();
    if (this.#state === 'busy') throw new VaultError('misuse', 'inside an event its writer reads');
    this.#views++;
    try {
      return view(this.#reader);
    } finally {
      this.#views--;
    }
  }

  search(query: string, options: SearchOptions): SearchHit[] {
    this.#requireOpen();
    if (this.#state === 'busy') throw new VaultError('misuse', 'a search sees committed events only');
    return this.#search.search(query, options);
  }

  maintain(): boolean {
    this.#requireIdle();
    if (this.#isRollDue()) {
      this.#rollSlice();
      return true;
    }
    if (this.#atomically(() => this.#search.maintain(this.#today()))) return true;
    if (this.#unscrubbed) this.#scrub();
    return false;
  }

  verify(): void {
    this.#requireIdle();
    this.#endVerification();
    while (this.verifySome(Number.MAX_SAFE_INTEGER));
    this.#parts.database.checkStructure();
  }

  verifySome(rows: number): boolean {
    this.#requireIdle();
    this.#verification ??= this.#verifyAll();
    try {
      for (let done = 0; done < rows;) {
        const step = this.#verification.next();
        if (step.done === true) {
          this.#endVerification();
          return false;
        }
        done += step.value;
      }
      return true;
    } catch (error) {
      this.#endVerification();
      throw error;
    }
  }

  generation(): number {
    this.#requireOpen();
    return this.#parts.head.current.generation;
  }

  async rewrap(keystore: Keystore): Promise<void> {
    this.#requireIdle();
    const { paths, provider, keys, head } = this.#parts;
    const wrapped = await keystore.wrap(keys.vaultKey);
    this.#requireOpen();
    const { vaultId } = head.current;
    writeKeyFile(paths.key, { vaultId, kind: keystore.kind, wrapped }, provider);
    const previous = this.#keystore;
    this.#keystore = keystore;
    if (previous.kind !== keystore.kind) await previous.forget?.();
  }

  close(): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'busy' || this.#views > 0) throw new VaultError('misuse', 'the vault is in use');
    this.#state = 'closed';
    const { database, keys } = this.#parts;
    try {
      if (this.#failure === null && this.#unscrubbed) database.scrub();
    } finally {
      this.#endVerification();
      this.#search.reset();
      this.#dayKeys[Symbol.dispose]();
      keys[Symbol.dispose]();
      database.close();
    }
  }

  #today(): number {
    return Math.max(0, Math.floor(this.#parts.clock.now() / DAY));
  }

  #requireOpen(): void {
    if (this.#state === 'closed') throw new VaultError('closed', 'the vault is closed');
    if (this.#failure !== null) {
      throw new VaultError('io', 'a commit failed; the vault must be opened again', { cause: this.#failure });
    }
  }

  #requireIdle(): void {
    this.#requireOpen();
    if (this.#state === 'busy' || this.#views > 0) {
      throw new VaultError('misuse', 'events do not nest, and views do not write');
    }
  }

  /** Runs `work` as one transaction. Whatever fails leaves file and memory as they were. */
  #atomically<T>(work: () => T): T {
    const { database, head } = this.#parts;
    this.#state = 'busy';
    let committing = false;
    try {
      database.begin();
      const result = work();
      this.#search.save();
      const changed = head.save();
      committing = true;
      database.commit();
      head.committed();
      this.#unscrubbed ||= changed;
      return result;
    } catch (error) {
      this.#undo(committing && !(error instanceof VaultError && error.code === 'full') ? error : null);
      throw error;
    } finally {
      this.#state = 'idle';
    }
  }

  /** `unknown`: why it cannot be said whether the commit reached the disk. */
  #undo(unknown: unknown): void {
    const { database, head } = this.#parts;
    head.discard();
    this.#search.reset();
    this.#rows.order.forget();
    this.#endVerification();
    try {
      database.rollback();
      this.#dayKeys.sync();
      if (unknown === null) return;
      this.#failure = new VaultError('io', 'the outcome of a commit is unknown', { cause: unknown });
    } catch (cause) {
      this.#failure = new VaultError('io', 'a rollback failed', { cause });
    }
  }

  #isRollDue(): boolean {
    return this.#dayKeys.isDue(this.#today()) || this.#dayKeys.hasOld;
  }

  #roll(): void {
    if (!this.#isRollDue()) return;
    do this.#rollSlice();
    while (this.#parts.head.current.dayKeys.length > MAX_DAY_KEYS);
  }

  /** Makes today's key if it is missing and seals some rows anew; with the last of them the older keys go. */
  #rollSlice(): void {
    const finished = this.#atomically(() => {
      const today = this.#today();
      if (this.#dayKeys.isDue(today)) this.#dayKeys.roll(today);
      const rows = this.#rows.table('ratchet').oldest.all(this.#dayKeys.firstCounter, RESEAL_SLICE);
      for (const row of rows) this.#rows.reseal(row);
      if (rows.length === RESEAL_SLICE) return false;
      this.#dayKeys.retireOld();
      return true;
    });
    this.#dayKeys.sync();
    if (finished) this.#scrub();
  }

  #scrub(): void {
    this.#parts.database.scrub();
    this.#unscrubbed = false;
  }

  *#verifyAll(): Generator<number, undefined> {
    for (const name of ['state', 'ratchet', 'history'] as const) {
      const table = new TableVerification(name, this.#rows, this.#parts.head);
      this.#rows.watcher = table;
      yield* table.steps(true);
    }
    this.#rows.watcher = null;
    yield* this.#search.verification();
  }

  #endVerification(): void {
    this.#verification?.return(undefined);
    this.#verification = null;
    this.#rows.watcher = null;
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
