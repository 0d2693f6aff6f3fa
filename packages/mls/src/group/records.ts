import { decodeWhole } from '../codec/reader.ts';
import type { Reader } from '../codec/reader.ts';
import { MlsError } from '../error.ts';

/** Reads what was stored. */
export interface RecordReader {
  /**
   * Null when there is none. Whatever this throws passes through the call that needed the record; nothing has changed
   * then, and the call can be made again. The bytes must not change while the group lives.
   */
  read(name: string): Uint8Array | null;
  /**
   * Called with names that are about to be read, some of which may not exist. A reader that was given only some records
   * can ask for all the others at once, by throwing; a call then takes a few rounds and not one for each record.
   */
  prepare?(names: readonly string[]): void;
}

/**
 * A record to write, or (`null`) to delete; deleting one that does not exist is nothing. Each name comes once in a list,
 * so their order does not matter. Records hold secrets: overwrite the bytes once they are stored.
 */
export interface RecordChange {
  readonly name: string;
  readonly bytes: Uint8Array | null;
}

const NOTHING_STORED: RecordReader = { read: () => null };

/**
 * What is stored, and which records differ from it. Holds no contents of those: they are encoded when the changes are
 * taken, so that a secret that was used up in between is in no change. What was marked is to be found in memory by those
 * who marked it, not here.
 */
export class Records {
  readonly #reader: RecordReader;
  #dirty = new Map<string, () => Uint8Array | null>();

  /** Without a reader, of a group that was never stored. */
  constructor(reader: RecordReader = NOTHING_STORED) {
    this.#reader = reader;
  }

  /** Says which records come next, before anything has changed. */
  prepare(names: readonly string[]): void {
    if (names.length > 0) this.#reader.prepare?.(names);
  }

  /** Null when there is none. */
  find<T>(name: string, decode: (reader: Reader) => T): T | null {
    const bytes = this.#reader.read(name);
    return bytes === null ? null : decodeWhole(bytes, decode);
  }

  /** Throws `record` when there is none. */
  get<T>(name: string, decode: (reader: Reader) => T): T {
    const bytes = this.#reader.read(name);
    if (bytes === null) throw new MlsError('record', 'a record of a group is missing');
    return decodeWhole(bytes, decode);
  }

  /** `encode` gives the record at the time it is taken; null deletes it. */
  mark(name: string, encode: () => Uint8Array | null): void {
    this.#dirty.set(name, encode);
  }

  delete(name: string): void {
    this.#dirty.set(name, nothing);
  }

  /** The changes since the last call. */
  take(): RecordChange[] {
    const changes = [...this.#dirty].map(([name, encode]) => ({ name, bytes: encode() }));
    this.#dirty = new Map();
    return changes;
  }
}

const nothing = (): null => null;
