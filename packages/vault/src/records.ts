import type { Collection, VaultReader, VaultWriter } from './vault.ts';

/** Long-lived keys. */
const KEYS: Collection = { name: 'engine-keys', purpose: 'state', version: 1 };
/** Everything that forward secrecy is about: sessions, skipped keys, prekeys, and whatever is not known to be a long-lived key. */
const RATCHETS: Collection = { name: 'engine-ratchets', purpose: 'ratchet', version: 1 };
/** Nodes of groups' trees: public keys, thousands in a large group, which nobody needs to seal anew each day. */
const TREES: Collection = { name: 'engine-trees', purpose: 'state', version: 1 };
const LONG_LIVED = /^(?:account|device)\//;
const TREE_NODE = /^mls\/[0-9a-f]+\/node\//;

/** The engine's records, by name. The bytes returned are alone in their ArrayBuffer, for the caller to wipe. */
export interface RecordReader {
  /** Null: there is no such record. */
  get(name: string): Uint8Array | null;
}

export interface RecordStore extends RecordReader {
  /** Null deletes. */
  put(name: string, bytes: Uint8Array | null): void;
}

/** The engine's records as an event or a view sees them. */
export function recordStore(write: VaultWriter): RecordStore;
export function recordStore(read: VaultReader): RecordReader;
export function recordStore(access: VaultWriter | VaultReader): RecordStore | RecordReader {
  const reader: RecordReader = { get: (name) => access.get(collectionOf(name), name) };
  if (!('put' in access)) return reader;
  return {
    ...reader,
    put(name, bytes) {
      if (bytes === null) access.delete(collectionOf(name), name);
      else access.put(collectionOf(name), name, bytes);
    },
  };
}

function collectionOf(name: string): Collection {
  if (LONG_LIVED.test(name)) return KEYS;
  return TREE_NODE.test(name) ? TREES : RATCHETS;
}
