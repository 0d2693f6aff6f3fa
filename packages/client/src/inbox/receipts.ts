import { create } from '@bufbuild/protobuf';
import { accountId, equalBytes, MAX_RECEIPT_MESSAGES, Receipt_Kind } from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import { StoredOutbound_Audience, StoredOutbound_Until, StoredReceiptsSchema } from '@sotto/wire/stored';
import { composeControl } from '../conversations/compose.ts';
import { conversationWith } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { Alarm } from '../core/alarm.ts';
import { enqueue } from '../outbox/rows.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef } from '../store/refs.ts';
import { dueReceipts } from '../store/tables.ts';

/** Notes that an account is owed a receipt; it leaves with the next batch. */
export function owe(tx: Tx, account: AccountId, kind: 'delivered' | 'read', ids: readonly Uint8Array[]): void {
  if (ids.length === 0) return;
  const ref = accountRef(account);
  const row = dueReceipts.get(tx.write, ref) ?? create(StoredReceiptsSchema, { account });
  const list = kind === 'delivered' ? row.delivered : row.read;
  for (const id of ids) if (!list.some((each) => equalBytes(each, id))) list.push(id);
  dueReceipts.put(tx.write, ref, row);
  tx.ring('receipts', null);
}

/** Hands owed receipts to the outbox: a little later and several at once, so that their time tells less. */
export class Receipts {
  readonly #core: Core;
  readonly #alarm: Alarm;

  constructor(core: Core) {
    this.#core = core;
    this.#alarm = new Alarm(core, () => this.flush());
    core.bells.on('receipts', () => this.#schedule());
  }

  open(): void {
    if (this.#core.ledger.read((read) => dueReceipts.all(read).length > 0)) this.#schedule();
  }

  flush(): void {
    if (this.#core.background.closing) return;
    this.#core.ledger.commit((tx) => {
      for (const { key, row } of dueReceipts.all(tx.write)) {
        const account = accountId(row.account);
        send(tx, this.#core, account, Receipt_Kind.DELIVERED, row.delivered);
        send(tx, this.#core, account, Receipt_Kind.READ, row.read);
        dueReceipts.delete(tx.write, key);
      }
    });
  }

  close(): void {
    this.#alarm.clear();
  }

  #schedule(): void {
    const [least, most] = this.#core.settings.receiptDelayMs;
    this.#alarm.set(this.#core.clock.now() + Math.round(least + (most - least) * this.#core.random()));
  }
}

function send(tx: Tx, core: Core, account: AccountId, kind: Receipt_Kind, ids: readonly Uint8Array[]): void {
  const own = equalBytes(account, core.self.account);
  if (own && core.own.otherDevices().length === 0) return;
  for (let i = 0; i < ids.length; i += MAX_RECEIPT_MESSAGES) {
    const value = { kind, messages: ids.slice(i, i + MAX_RECEIPT_MESSAGES) };
    const { id, bytes } = composeControl(core, conversationWith(core, account), { kind: 'receipt', value });
    enqueue(tx, core, {
      id,
      bytes,
      conversation: null,
      recipient: own ? null : account,
      audience: own ? StoredOutbound_Audience.OWN : StoredOutbound_Audience.RECIPIENT,
      until: StoredOutbound_Until.ACCEPTED,
      urgent: false,
    });
  }
}
