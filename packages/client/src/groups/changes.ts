import { idText } from '@sotto/wire';
import type { StoredGroupIntent } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { WaitOptions } from '../outbox/types.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef } from '../store/refs.ts';
import { explainGroupReason } from './reasons.ts';
import type { GroupReason } from './reasons.ts';
import { deleteIntent, putIntent } from './rows.ts';
import type { GroupChange, GroupChangeRef } from './types.ts';

type Outcome = { readonly kind: 'done' | 'already' } | { readonly kind: 'refused'; readonly reason: GroupReason };

interface Awaited {
  outcome: Outcome | MessengerError | null;
  readonly waits: Set<(outcome: Outcome | MessengerError) => void>;
}

export const changeRef = (id: Uint8Array): GroupChangeRef => idText(id) as GroupChangeRef;

/** Asked-for changes as whoever asked sees them: stored as intents, and told how they end. */
export class Changes {
  readonly #core: Core;
  readonly #awaited = new Map<GroupChangeRef, Awaited>();
  #closed = false;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Stores an intent. */
  ask(tx: Tx, intent: StoredGroupIntent): GroupChange {
    putIntent(tx, intent);
    const group = conversationRef(intent.group);
    tx.ring('group', group);
    const id = changeRef(intent.id);
    const awaited: Awaited = { outcome: null, waits: new Set() };
    this.#awaited.set(id, awaited);
    return { id, group, done: (options) => this.#done(awaited, options) };
  }

  /** It waits for another reason; told once. */
  wait(tx: Tx, intent: StoredGroupIntent, reason: GroupReason, notBefore: number): void {
    const isNews = intent.reason !== reason;
    intent.reason = reason;
    intent.notBefore = BigInt(notBefore);
    putIntent(tx, intent);
    if (!isNews || !intent.asked) return;
    const change = changeRef(intent.id);
    tx.emit({ type: 'group-change-moved', group: conversationRef(intent.group), change, outcome: 'waiting', reason });
  }

  /** It is over. */
  end(tx: Tx, intent: StoredGroupIntent, outcome: Outcome): void {
    deleteIntent(tx, intent);
    const change = changeRef(intent.id);
    const reason = outcome.kind === 'refused' ? outcome.reason : 'stored';
    if (intent.asked) {
      tx.emit({
        type: 'group-change-moved',
        group: conversationRef(intent.group),
        change,
        outcome: outcome.kind,
        reason,
      });
    }
    tx.after(() => this.#settle(change, outcome));
  }

  close(): void {
    this.#closed = true;
    for (const change of this.#awaited.keys()) {
      this.#settle(change, new MessengerError('closed', 'the messenger was closed'));
    }
  }

  #settle(change: GroupChangeRef, outcome: Outcome | MessengerError): void {
    const awaited = this.#awaited.get(change);
    this.#awaited.delete(change);
    if (awaited === undefined) return;
    awaited.outcome = outcome;
    for (const wait of awaited.waits) wait(outcome);
    awaited.waits.clear();
  }

  async #done(awaited: Awaited, { signal }: WaitOptions = {}): Promise<'done' | 'already'> {
    if (signal?.aborted === true) throw new MessengerError('aborted', 'the wait was aborted');
    if (awaited.outcome === null && (this.#closed || this.#core.background.closing)) {
      throw new MessengerError('closed', 'the messenger was closed');
    }
    const outcome =
      awaited.outcome ??
      (await new Promise<Outcome | MessengerError>((resolve) => {
        const abort = (): void => resolve(new MessengerError('aborted', 'the wait was aborted'));
        signal?.addEventListener('abort', abort, { once: true });
        awaited.waits.add((each) => {
          signal?.removeEventListener('abort', abort);
          resolve(each);
        });
      }));
    if (outcome instanceof MessengerError) throw outcome;
    if (outcome.kind === 'refused') throw new MessengerError('group_refused', explainGroupReason(outcome.reason));
    return outcome.kind;
  }
}
