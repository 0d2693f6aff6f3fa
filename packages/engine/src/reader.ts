import type { RecordName, Records } from './engine.ts';
import { EngineError } from './error.ts';
import { skippedSlotOf } from './records.ts';

/** Thrown by `RecordReader` to end a call early; becomes the reply `need`. Not an error. */
export class NeedRecords {
  readonly names: readonly RecordName[];

  constructor(names: readonly RecordName[]) {
    this.names = names;
  }
}

/** The records a call was given. Reading one that was not given ends the call with `need`. */
export class RecordReader {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Null: the caller looked, and there is none. */
  find(name: RecordName): Uint8Array | null {
    const record = this.#records.get(name);
    if (record === undefined) throw new NeedRecords([name]);
    return record;
  }

  /** Throws `EngineError` `missing_record` where there is none. */
  get(name: RecordName): Uint8Array {
    const record = this.find(name);
    if (record === null) throw new EngineError('missing_record', 'a record that this call needs does not exist');
    return record;
  }

  /** Asks for all that were not given at once, so that one round is enough. */
  require(names: readonly RecordName[]): void {
    const missing = names.filter((name) => !this.#records.has(name));
    if (missing.length > 0) throw new NeedRecords(missing);
  }

  /** Skipped-key records of a session that were given, by slot. */
  skippedOf(sessionId: string): Map<number, Uint8Array | null> {
    const found = new Map<number, Uint8Array | null>();
    for (const [name, record] of this.#records) {
      const slot = skippedSlotOf(sessionId, name);
      if (slot !== null) found.set(slot, record);
    }
    return found;
  }
}
