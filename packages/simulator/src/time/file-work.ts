import { createHook } from 'node:async_hooks';

/** Kinds of asynchronous work that other threads do on files. */
const KINDS = /^(?:FSREQ|FILEHANDLE\w*REQ)/;

/**
 * What other threads do on files at the moment: attachments are read and written there, by calls that nobody could wrap
 * one by one. Simulated time waits for it.
 */
class FileWork {
  readonly #running = new Set<number>();

  constructor() {
    createHook({
      init: (id, kind) => {
        if (KINDS.test(kind)) this.#running.add(id);
      },
      after: (id) => void this.#running.delete(id),
      trackPromises: false,
    }).enable();
  }

  get isBusy(): boolean {
    return this.#running.size > 0;
  }
}

export const fileWork = new FileWork();
