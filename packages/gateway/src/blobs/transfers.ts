import type { Socket } from 'node:net';
import { Refusal } from '@sotto/wire';
import { BLOB_TRANSFERS, BLOB_TRANSFERS_PER_CALLER } from '../limits.ts';
import { Refused } from '../refused.ts';

interface Running {
  readonly controller: AbortController;
  readonly done: Promise<unknown>;
}

/** Transfers under way: counted, because each takes memory, and ended when the gateway stops. */
export class Transfers {
  readonly #running = new Set<Running>();
  readonly #byCaller = new Map<string, number>();
  /** HTTP/1.1 connections, which stay open for a next transfer. */
  readonly #sockets = new Set<Socket>();

  /** Throws `Refused` `UNAVAILABLE` when there are too many. */
  async run<T>(caller: string, transfer: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const ofCaller = this.#byCaller.get(caller) ?? 0;
    if (this.#running.size >= BLOB_TRANSFERS || ofCaller >= BLOB_TRANSFERS_PER_CALLER) {
      throw new Refused(Refusal.UNAVAILABLE, 'too many transfers at once', { retryAfterMs: 5000 });
    }
    const controller = new AbortController();
    const done = transfer(controller.signal);
    const running = { controller, done };
    this.#running.add(running);
    this.#byCaller.set(caller, ofCaller + 1);
    try {
      return await done;
    } finally {
      this.#running.delete(running);
      const left = (this.#byCaller.get(caller) ?? 1) - 1;
      if (left === 0) this.#byCaller.delete(caller);
      else this.#byCaller.set(caller, left);
    }
  }

  /** A connection on which transfers follow one another. */
  uses(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** What has arrived by now is kept; the rest comes again after the restart. Resolves when all of it is on disk. */
  async endAll(): Promise<void> {
    const why = new Refused(Refusal.UNAVAILABLE, 'the gateway is stopping');
    const running = [...this.#running];
    for (const { controller } of running) controller.abort(why);
    await Promise.allSettled(running.map(({ done }) => done));
    for (const socket of this.#sockets) socket.end();
  }
}
