import { Refusal } from '@sotto/wire';
import type { LogBatch } from '@sotto/wire';
import { extentOf, recordOf } from './logs.ts';
import type { LogExtent, LogRecord, LogSink } from './log-types.ts';

type Step =
  | { readonly kind: 'record'; readonly record: LogRecord }
  | { readonly kind: 'gap'; readonly extent: LogExtent }
  | { readonly kind: 'caught-up' };

export interface LogReaderParts {
  readonly log: Uint8Array;
  readonly after: number;
  readonly sink: LogSink;
  /** So many records are done with, or were not taken. */
  readonly onDone: (records: number) => void;
  /** The sink could not take a record. */
  readonly onFailure: () => void;
}

/** Hands the entries of one log over, one after the other. */
export class LogReader {
  readonly log: Uint8Array;
  readonly #parts: LogReaderParts;
  /** Position of the last record taken in; where the next stream begins. */
  #received: number;
  /** Position of the last record that the sink is done with. */
  #cursor: number;
  #steps: Step[] = [];
  #working: Promise<void> | undefined;
  #over = false;
  /** The sink failed; nothing is taken in until `again`. */
  #failed = false;
  #failures = 0;

  constructor(parts: LogReaderParts) {
    this.log = parts.log;
    this.#parts = parts;
    this.#received = parts.after;
    this.#cursor = parts.after;
  }

  /** Where a stream has to begin. */
  get received(): number {
    return this.#received;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Failures of the sink in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Records that are with the sink or wait for it. */
  get held(): number {
    let held = 0;
    for (const step of this.#steps) if (step.kind === 'record') held++;
    return held;
  }

  /** Resolves when the sink's call under way is done. */
  get idle(): Promise<void> {
    return this.#working ?? Promise.resolve();
  }

  /** Takes in what a stream brings. Records out of turn (of a stream that began elsewhere) are passed over. */
  take(batch: LogBatch): void {
    if (batch.extent !== undefined) this.#look(extentOf(batch.extent));
    let passedOver = 0;
    for (const message of batch.records) {
      const record = recordOf(message);
      if (this.#over || this.#failed || record.position !== this.#received + 1) {
        passedOver++;
        continue;
      }
      this.#received = record.position;
      this.#steps.push({ kind: 'record', record });
    }
    if (passedOver > 0) this.#parts.onDone(passedOver);
    if (batch.caughtUp && !this.#failed) this.#steps.push({ kind: 'caught-up' });
    this.#work();
  }

  refused(refusal: Refusal): void {
    this.#parts.sink.onRefused?.(this.log, refusal === Refusal.QUOTA ? 'quota' : 'not-found');
  }

  /** Takes records in again, from the one after the last that the sink is done with. */
  again(): void {
    this.#failed = false;
  }

  /** Hands nothing more over. */
  stop(): void {
    this.#over = true;
    this.#drop();
  }

  #look(extent: LogExtent): void {
    if (this.#failed) return;
    const setBack = extent.head < this.#received;
    const expired = extent.oldest > this.#received + 1;
    if (setBack) this.#received = extent.head;
    if (expired) this.#received = extent.oldest - 1;
    if (setBack || expired) this.#steps.push({ kind: 'gap', extent });
  }

  #work(): void {
    if (this.#working !== undefined || this.#steps.length === 0) return;
    this.#working = this.#run().finally(() => {
      this.#working = undefined;
      this.#work();
    });
  }

  async #run(): Promise<void> {
    const { sink } = this.#parts;
    for (let [step] = this.#steps; step !== undefined; [step] = this.#steps) {
      if (step.kind === 'record' && !(await this.#hand(step.record))) return;
      if (this.#over) return;
      this.#steps.shift();
      if (step.kind === 'record') this.#parts.onDone(1);
      else if (step.kind === 'caught-up') sink.onCaughtUp?.(this.log);
      else {
        this.#cursor = Math.min(step.extent.head, Math.max(this.#cursor, step.extent.oldest - 1));
        sink.onGap?.(this.log, step.extent);
      }
    }
  }

  /** False: the sink did not take it. */
  async #hand(record: LogRecord): Promise<boolean> {
    try {
      await this.#parts.sink.onRecord(this.log, record);
      this.#cursor = record.position;
      this.#failures = 0;
      return true;
    } catch {
      this.#failures++;
      this.#failed = true;
      this.#received = this.#cursor;
      this.#drop();
      if (!this.#over) this.#parts.onFailure();
      return false;
    }
  }

  #drop(): void {
    const { held } = this;
    this.#steps = [];
    if (held > 0) this.#parts.onDone(held);
  }
}
