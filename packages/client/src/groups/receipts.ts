import { create } from '@bufbuild/protobuf';
import { equalBytes, MAX_RECEIPT_MESSAGES, Receipt_Kind } from '@sotto/wire';
import { StoredGroup_State, StoredGroupReceiptsSchema } from '@sotto/wire/stored';
import type { StoredGroup } from '@sotto/wire/stored';
import { Alarm } from '../core/alarm.ts';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef } from '../store/refs.ts';
import { groupReceipts, groups } from '../store/tables.ts';
import { enqueueControl } from './enqueue.ts';

/** In larger groups nobody says what became of messages: every receipt would go to all. */
export const MOST_RECEIPTED = 32;
/** After this time nobody wonders any more. */
const LIFE_MS = 7 * 86_400_000;

/** Notes that a group is owed a receipt, if it is small enough for any. */
export function oweGroup(tx: Tx, group: StoredGroup, kind: 'delivered' | 'read', ids: readonly Uint8Array[]): void {
  if (ids.length === 0 || group.accounts > MOST_RECEIPTED || group.state !== StoredGroup_State.JOINED) return;
  const ref = conversationRef(group.id);
  const row = groupReceipts.get(tx.write, ref) ?? create(StoredGroupReceiptsSchema, { group: group.id });
  const list = kind === 'delivered' ? row.delivered : row.read;
  for (const id of ids) if (!list.some((each) => equalBytes(each, id))) list.push(id);
  groupReceipts.put(tx.write, ref, row);
  tx.ring('groupReceipts', null);
}

/** Puts owed receipts into the groups' logs: a little later and many in one entry, as all members read each. */
export class GroupReceipts {
  readonly #core: Core;
  readonly #alarm: Alarm;

  constructor(core: Core) {
    this.#core = core;
    this.#alarm = new Alarm(core, () => this.#flush());
    core.bells.on('groupReceipts', () => this.#schedule());
  }

  open(): void {
    if (this.#core.ledger.read((read) => groupReceipts.all(read).length > 0)) this.#schedule();
  }

  close(): void {
    this.#alarm.clear();
  }

  #schedule(): void {
    const [least, most] = this.#core.settings.groupReceiptDelayMs;
    this.#alarm.set(this.#core.clock.now() + Math.round(least + (most - least) * this.#core.random()));
  }

  #flush(): void {
    if (this.#core.background.closing) return;
    this.#core.ledger.commit((tx) => {
      for (const { key, row } of groupReceipts.all(tx.write)) {
        groupReceipts.delete(tx.write, key);
        // Who has read it has got it.
        const delivered = row.delivered.filter((id) => !row.read.some((each) => equalBytes(each, id)));
        for (const [kind, ids] of [
          [Receipt_Kind.DELIVERED, delivered],
          [Receipt_Kind.READ, row.read],
        ] as const) {
          for (let i = 0; i < ids.length; i += MAX_RECEIPT_MESSAGES) {
            const group = groups.get(tx.write, key);
            if (group === null || group.state !== StoredGroup_State.JOINED) continue;
            const value = { kind, messages: ids.slice(i, i + MAX_RECEIPT_MESSAGES) };
            enqueueControl(tx, this.#core, group, { kind: 'receipt', value }, LIFE_MS);
          }
        }
      }
    });
  }
}
