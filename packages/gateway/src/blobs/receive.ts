import type { Readable } from 'node:stream';
import { Refusal } from '@sotto/wire';
import type { Clock } from '../clock.ts';
import { BLOB_GATHER_BYTES, SLOW_CONSUMER_MS } from '../limits.ts';
import type { BlobWriter } from '../ports/blobs.ts';
import { Refused } from '../refused.ts';
import { batches } from './batches.ts';

/**
 * Writes a body as it comes, a megabyte at a time, and reads no faster than the disk writes. Ends early when the sender
 * says nothing for a minute, hangs up, or `signal` aborts; what came until then is kept by `writer.finish`.
 */
export async function receive(body: Readable, writer: BlobWriter, clock: Clock, signal: AbortSignal): Promise<void> {
  const ending = AbortSignal.any([signal, writer.signal]);
  const idle = new Idle(clock, () => body.destroy(new Refused(Refusal.SLOW_CONSUMER, 'nothing came for a minute')));
  const onAbort = (): void => void body.destroy(ending.reason as Error);
  ending.addEventListener('abort', onAbort, { once: true });
  let left: readonly Uint8Array[] = [];
  try {
    if (ending.aborted) throw ending.reason;
    const bytes = BLOB_GATHER_BYTES;
    const parts = batches(body, { bytes, moved: () => idle.moved(), rest: (rest) => (left = rest) });
    for await (const part of parts) await writer.write(part);
  } catch (error) {
    // A connection that breaks loses nothing of what it brought.
    if (left.length > 0) await writer.write(left);
    throw ending.aborted ? ending.reason : error;
  } finally {
    idle.stop();
    ending.removeEventListener('abort', onAbort);
  }
}

/** Runs `task` when nothing has moved for a minute. */
export class Idle {
  readonly #clock: Clock;
  readonly #task: () => void;
  #last: number;
  #cancel: () => void;

  constructor(clock: Clock, task: () => void) {
    this.#clock = clock;
    this.#task = task;
    this.#last = clock.now();
    this.#cancel = clock.after(SLOW_CONSUMER_MS, () => this.#check());
  }

  /** Cheap: called for every piece. */
  moved(): void {
    this.#last = this.#clock.now();
  }

  stop(): void {
    this.#cancel();
  }

  #check(): void {
    const left = this.#last + SLOW_CONSUMER_MS - this.#clock.now();
    if (left <= 0) this.#task();
    else this.#cancel = this.#clock.after(left, () => this.#check());
  }
}
