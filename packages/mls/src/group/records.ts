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

/** The reader of a group that was never stored. */
export const NO_RECORDS: RecordReader = { read: () => null };

/**
 * Which records differ from what is stored. Holds no contents: they are encoded when the changes are taken, so that a
 * secret that was used up in between is in no change.
 */
export class RecordLog {
  #dirty = new Map<string, () => Uint8Array | null>();

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
