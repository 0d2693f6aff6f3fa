import { StoredMessage_State } from '@sotto/wire/stored';
import type { StoredMessage } from '@sotto/wire/stored';
import { equalBytes } from '@sotto/wire';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { MessageRef } from '../refs.ts';
import { conversationRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import type { SentMessage, WaitOptions } from './types.ts';

interface Wait {
  readonly state: Goal;
  readonly resolve: () => void;
  readonly reject: (error: MessengerError) => void;
}

type Goal = 'accepted' | 'delivered' | 'read';

const states: Record<Goal, readonly StoredMessage_State[]> = {
  accepted: [StoredMessage_State.ACCEPTED, StoredMessage_State.DELIVERED, StoredMessage_State.READ],
  delivered: [StoredMessage_State.DELIVERED, StoredMessage_State.READ],
  read: [StoredMessage_State.READ],
};

/** Waits for what becomes of sent messages; looks at the store whenever one has moved on. */
export class SentMessages {
  readonly #core: Core;
  readonly #waits = new Map<MessageRef, Set<Wait>>();

  constructor(core: Core) {
    this.#core = core;
    core.bells.on('progress', (message) => this.#check(message));
  }

  /** Throws `not_found`. */
  handle(id: MessageRef): SentMessage {
    const row = this.#row(id);
    if (row === null || !equalBytes(row.author, this.#core.self.account)) {
      throw new MessengerError('not_found', 'no own message of this id');
    }
    return {
      id,
      conversation: conversationRef(row.conversation),
      accepted: (options) => this.#wait(id, 'accepted', options),
      delivered: (options) => this.#wait(id, 'delivered', options),
      read: (options) => this.#wait(id, 'read', options),
    };
  }

  close(): void {
    for (const waits of this.#waits.values()) {
      for (const wait of waits) wait.reject(new MessengerError('closed', 'the messenger was closed'));
    }
    this.#waits.clear();
  }

  #row(id: MessageRef): StoredMessage | null {
    return this.#core.ledger.read((read) => messages.get(read, id));
  }

  async #wait(id: MessageRef, state: Goal, { signal }: WaitOptions = {}): Promise<void> {
    if (this.#core.background.closing) throw new MessengerError('closed', 'the messenger was closed');
    if (signal?.aborted === true) throw new MessengerError('aborted', 'the wait was aborted');
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => end(() => reject(new MessengerError('aborted', 'the wait was aborted')));
      const wait: Wait = { state, resolve: () => end(resolve), reject: (error) => end(() => reject(error)) };
      const waits = this.#waits.get(id) ?? new Set();
      const end = (settle: () => void): void => {
        waits.delete(wait);
        if (waits.size === 0) this.#waits.delete(id);
        signal?.removeEventListener('abort', abort);
        settle();
      };
      this.#waits.set(id, waits.add(wait));
      signal?.addEventListener('abort', abort, { once: true });
      this.#check(id);
    });
  }

  #check(id: MessageRef): void {
    const waits = this.#waits.get(id);
    if (waits === undefined) return;
    const state = this.#row(id)?.state;
    for (const wait of waits) {
      if (state !== undefined && states[wait.state].includes(state)) wait.resolve();
      else if (state === StoredMessage_State.EXPIRED) wait.reject(new MessengerError('expired', 'the message expired'));
      else if (state === StoredMessage_State.FAILED || state === undefined) {
        wait.reject(new MessengerError('undeliverable', 'the message cannot be delivered'));
      }
    }
  }
}
