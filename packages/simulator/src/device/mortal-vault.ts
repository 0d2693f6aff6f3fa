import { VaultError } from '@sotto/vault';
import type { Collection, Vault, VaultWriter } from '@sotto/vault';
import type { Process } from '../time/process.ts';
import type { CrashPoints } from './crash-points.ts';

export interface MortalVaultOptions {
  readonly process: Process;
  readonly points: CrashPoints;
  /** The disk is full at the moment. */
  readonly isFull: () => boolean;
  readonly onCommit: () => void;
  /** Every kind of row that is ever written. */
  readonly onCollection: (collection: Collection) => void;
}

/**
 * The vault of a process that may die before and after each commit, on a disk that may be full. What was committed stays;
 * afterwards nothing more gets in.
 */
export function mortalVault(vault: Vault, options: MortalVaultOptions): Vault {
  const { process, points, isFull, onCommit, onCollection } = options;
  const alive = <T>(work: () => T): T => {
    process.requireAlive();
    return work();
  };
  const watched = (write: VaultWriter): VaultWriter => ({
    get: (collection, key) => write.get(collection, key),
    find: (collection, lookup, value) => write.find(collection, lookup, value),
    list: (collection, range) => write.list(collection, range),
    all: (collection) => write.all(collection),
    count: (collection, partition) => write.count(collection, partition),
    put: (collection, key, value, placing) => {
      onCollection(collection);
      write.put(collection, key, value, placing);
    },
    delete: (collection, key) => write.delete(collection, key),
    index: (reference, text, scope) => write.index(reference, text, scope),
    unindex: (reference) => write.unindex(reference),
  });
  return {
    transaction(event) {
      points.reach('before-commit');
      if (isFull()) {
        // The event runs and fails where SQLite would say so: at the commit.
        vault.transaction((write) => {
          event(watched(write));
          throw new VaultError('full', 'the disk is full');
        });
      }
      const result = vault.transaction((write) => event(watched(write)));
      onCommit();
      points.reach('after-commit');
      return result;
    },
    read: (view) => alive(() => vault.read(view)),
    search: (query, given) => alive(() => vault.search(query, given)),
    maintain: () => alive(() => !isFull() && vault.maintain()),
    verify: () => alive(() => vault.verify()),
    verifySome: (rows) => alive(() => vault.verifySome(rows)),
    generation: () => alive(() => vault.generation()),
    rewrap: (keystore) => alive(() => vault.rewrap(keystore)),
    close: () => {
      if (process.alive) vault.close();
    },
  };
}
