/** Reads what was stored. */
export interface RecordReader {
  /** Null when there is none. Whatever this throws passes through the call that needed it, which then changes nothing. */
  read(name: string): Uint8Array | null;
}

/** A change to a group's records. Records hold secrets: overwrite the bytes once they are stored. */
export type RecordChange =
  | { readonly kind: 'put'; readonly name: string; readonly bytes: Uint8Array }
  | { readonly kind: 'delete'; readonly name: string }
  /** Every record whose name begins with `prefix`; comes before the puts of the same list. */
  | { readonly kind: 'delete-below'; readonly prefix: string };

/** The reader of a group that was never stored. */
export const NO_RECORDS: RecordReader = { read: () => null };

/**
 * Which records differ from what is stored. Holds no contents: they are encoded when the changes are taken, so that a
 * secret that was used up in between is in no change.
 */
export class RecordLog {
  #dirty = new Map<string, () => Uint8Array | null>();
  #deletedBelow: string[] = [];

  /** `encode` gives the record at the time it is taken; null deletes it. */
  mark(name: string, encode: () => Uint8Array | null): void {
    this.#dirty.set(name, encode);
  }

  delete(name: string): void {
    this.#dirty.set(name, nothing);
  }

  deleteBelow(prefix: string): void {
    for (const name of this.#dirty.keys()) if (name.startsWith(prefix)) this.#dirty.delete(name);
    this.#deletedBelow.push(prefix);
  }

  /** The changes since the last call. */
  take(): RecordChange[] {
    const changes: RecordChange[] = this.#deletedBelow.map((prefix) => ({ kind: 'delete-below', prefix }));
    for (const [name, encode] of this.#dirty) {
      const bytes = encode();
      changes.push(bytes === null ? { kind: 'delete', name } : { kind: 'put', name, bytes });
    }
    this.#dirty = new Map();
    this.#deletedBelow = [];
    return changes;
  }
}

const nothing = (): null => null;
