import type { Refusal } from '@sotto/wire';
import { every } from '../clock.ts';
import type { Clock } from '../clock.ts';

/** An open stream, as far as its life is concerned. */
export interface MonitoredStream {
  /** Called every few seconds: the stream ends itself if it has been idle or stuck too long. */
  check(now: number): void;
  /** Memory is short: the stream lets go of what it holds for a peer that is stuck. */
  shed(): void;
  /** Ends the stream with a reason. */
  end(refusal: Refusal): void;
}

const CHECK_MS = 5000;

/** All open streams; one timer for all of them. */
export class StreamMonitor {
  readonly #streams = new Set<MonitoredStream>();
  readonly #stop: () => void;

  constructor(clock: Clock) {
    this.#stop = every(clock, CHECK_MS, () => {
      const now = clock.now();
      for (const stream of this.#streams) stream.check(now);
    });
  }

  get size(): number {
    return this.#streams.size;
  }

  add(stream: MonitoredStream): () => void {
    this.#streams.add(stream);
    return () => void this.#streams.delete(stream);
  }

  /** Memory is short. */
  shed(): void {
    for (const stream of this.#streams) stream.shed();
  }

  /** Tells every stream to end. */
  endAll(refusal: Refusal): void {
    for (const stream of this.#streams) stream.end(refusal);
  }

  stop(): void {
    this.#stop();
  }
}
