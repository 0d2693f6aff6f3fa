import type { Engine, EngineCalls, EngineRequest, RecordChange, RecordName, Records, RequestKind } from '@sotto/engine';
import { recordStore } from '@sotto/vault';
import { MessengerError } from '../error.ts';
import type { Ledger, Tx } from '../store/ledger.ts';

/** Rounds of `need` in one call: an engine asks for what it can name at once. */
const MOST_ROUNDS = 16;
/** Runs of one call whose records keep changing under it: each loss means that another call has won. */
const MOST_RUNS = 100;

export interface Performance<Kind extends RequestKind, T> {
  readonly request: EngineRequest<Kind>;
  /** Records it will need for certain; others are added as it asks. */
  readonly records: readonly RecordName[];
  /** Runs in the transaction that writes the changed records. If it throws, nothing has changed. */
  readonly commit: (tx: Tx, result: EngineCalls[Kind]['result'], changed: readonly RecordChange[]) => T;
}

export type Outcome<Kind extends RequestKind, T> =
  | { readonly kind: 'committed'; readonly value: T }
  | { readonly kind: 'left'; readonly result: EngineCalls[Kind]['result'] };

interface Run {
  readonly names: Set<RecordName>;
  stale: boolean;
}

/**
 * Engine calls over the vault's records. Calls are asynchronous and take no locks: a result whose records were changed
 * by another call in the meantime is thrown away and made anew, so no state is ever written over a newer one.
 */
export class EngineRoom {
  readonly #engine: Engine;
  readonly #ledger: Ledger;
  readonly #running = new Set<Run>();

  constructor(engine: Engine, ledger: Ledger) {
    this.#engine = engine;
    this.#ledger = ledger;
  }

  /** Runs a call, and commits its changes together with whatever `commit` writes. Throws `EngineError`. */
  async perform<Kind extends RequestKind, T>(performance: Performance<Kind, T>): Promise<T> {
    const outcome = await this.performIf(performance, () => true);
    if (outcome.kind === 'left') throw new MessengerError('internal', 'a call was neither committed nor refused');
    return outcome.value;
  }

  /** The same, for results of which only some are worth a commit; the others have changed nothing. */
  async performIf<Kind extends RequestKind, T>(
    performance: Performance<Kind, T>,
    worth: (result: EngineCalls[Kind]['result']) => boolean,
  ): Promise<Outcome<Kind, T>> {
    for (let runs = 0; runs < MOST_RUNS; runs++) {
      const run: Run = { names: new Set(), stale: false };
      this.#running.add(run);
      try {
        const { result, changed, records } = await this.#call(performance.request, performance.records, run);
        if (!worth(result)) return { kind: 'left', result };
        if (run.stale) continue;
        const value = this.#ledger.commit((tx) => {
          const store = recordStore(tx.write);
          for (const { name, bytes } of changed) store.put(name, bytes);
          tx.after(() => {
            this.#outdate(changed, run);
            wipe(records, changed);
          });
          return performance.commit(tx, result, changed);
        });
        return { kind: 'committed', value };
      } finally {
        this.#running.delete(run);
      }
    }
    throw new MessengerError('internal', 'the records of a call kept changing');
  }

  /** The result of a call that changes nothing. Throws `EngineError`. */
  async ask<Kind extends RequestKind>(
    request: EngineRequest<Kind>,
    records: readonly RecordName[],
  ): Promise<EngineCalls[Kind]['result']> {
    const { result } = await this.#call(request, records, { names: new Set(), stale: false });
    return result;
  }

  async #call<Kind extends RequestKind>(request: EngineRequest<Kind>, names: readonly RecordName[], run: Run) {
    const records = new Map<RecordName, Uint8Array | null>();
    this.#load(names, records, run);
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const reply = await this.#engine.call<Kind>(request, records);
      if (reply.kind === 'done') return { ...reply, records };
      this.#load(reply.names, records, run);
    }
    throw new MessengerError('internal', 'the engine kept asking for records');
  }

  #load(names: readonly RecordName[], records: Map<RecordName, Uint8Array | null>, run: Run): void {
    this.#ledger.read((read) => {
      const store = recordStore(read);
      for (const name of names) {
        records.set(name, store.get(name));
        run.names.add(name);
      }
    });
  }

  #outdate(changed: readonly RecordChange[], by: Run): void {
    for (const run of this.#running) {
      if (run !== by && changed.some(({ name }) => run.names.has(name))) run.stale = true;
    }
  }
}

/** The old state and the copy of the new one; what the engine caches it keeps apart. */
function wipe(records: Records, changed: readonly RecordChange[]): void {
  for (const { name, bytes } of changed) {
    records.get(name)?.fill(0);
    bytes?.fill(0);
  }
}
