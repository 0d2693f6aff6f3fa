import { Refusal } from '@sotto/wire';
import type { MailboxListener } from '../ports/mailboxes.ts';
import type { PrekeyStock, StoredDelivery } from '../ports/types.ts';
import type { Participant } from './group-commit.ts';

type Notice =
  | { readonly kind: 'stored'; readonly deviceNo: number; readonly delivery: StoredDelivery }
  | { readonly kind: 'prekeys-low'; readonly deviceNo: number; readonly stock: PrekeyStock }
  | { readonly kind: 'closing'; readonly deviceNo: number; readonly refusal: Refusal };

/** Who listens to which mailbox; tells them what a transaction did once it is on disk, and nothing if it is void. */
export class Listeners implements Participant {
  readonly #listeners = new Map<number, MailboxListener>();
  #notices: Notice[] = [];

  listen(deviceNo: number, listener: MailboxListener): () => void {
    this.#listeners.get(deviceNo)?.closing(Refusal.REPLACED);
    this.#listeners.set(deviceNo, listener);
    return () => {
      if (this.#listeners.get(deviceNo) === listener) this.#listeners.delete(deviceNo);
    };
  }

  /** To be told after the commit. */
  announce(notice: Notice): void {
    if (this.#listeners.has(notice.deviceNo)) this.#notices.push(notice);
  }

  beforeCommit(): void {}

  afterCommit(): void {
    if (this.#notices.length === 0) return;
    const notices = this.#notices;
    this.#notices = [];
    for (const notice of notices) {
      const listener = this.#listeners.get(notice.deviceNo);
      if (listener === undefined) continue;
      switch (notice.kind) {
        case 'stored':
          listener.stored(notice.delivery);
          break;
        case 'prekeys-low':
          listener.prekeysLow(notice.stock);
          break;
        case 'closing':
          listener.closing(notice.refusal);
          break;
      }
    }
  }

  afterRollback(): void {
    this.#notices = [];
  }
}
