import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { accountId, equalBytes } from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import { StoredReceiptSchema } from '@sotto/wire/stored';
import type { StoredMessage, StoredReceipt } from '@sotto/wire/stored';
import { eachMember } from '../groups/rows.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, conversationRef, messageOf, messageRef } from '../store/refs.ts';
import { messages, receipts } from '../store/tables.ts';
import { isLine } from './placing.ts';
import { requireConversation } from './rows.ts';
import type { MemberDelivery } from './types.ts';
import { messageState } from './view.ts';

/** What a member's receipt says of an own message. */
export interface MemberReceipt {
  readonly message: MessageRef;
  readonly account: AccountId;
  readonly kind: 'delivered' | 'read';
}

/** Notes when a member got or saw an own message; the first receipt of each kind counts. */
export function noteReceipt(tx: Tx, core: Core, { message, account, kind }: MemberReceipt): void {
  const row = messages.get(tx.write, message);
  if (row === null || !isLine(row)) return;
  const key = receiptKey(message, account);
  const known = receipts.get(tx.write, key) ?? create(StoredReceiptSchema, { message: messageOf(message), account });
  const now = BigInt(core.clock.now());
  const before = { deliveredAt: known.deliveredAt, readAt: known.readAt };
  // Who has read it has got it, also where that receipt was lost.
  if (known.deliveredAt === 0n) known.deliveredAt = now;
  if (kind === 'read' && known.readAt === 0n) known.readAt = now;
  if (before.deliveredAt === known.deliveredAt && before.readAt === known.readAt) return;
  receipts.put(tx.write, key, known, { lookups: [['message', message]] });
  tx.emit({ type: 'delivery-changed', message, delivery: viewReceipt(row, account, known) });
}

const receiptKey = (message: MessageRef, account: AccountId): string => `${message}/${accountRef(account)}`;

/** How far an own message has come with each member. Throws `not_found`. */
export function deliveryOf(core: Core, message: MessageRef): MemberDelivery[] {
  return core.ledger.read((read) => {
    const row = messages.get(read, message);
    if (row === null || !isLine(row) || !equalBytes(row.author, core.self.account)) {
      throw new MessengerError('not_found', 'no own message of this id');
    }
    const said = receipts.find(read, 'message', messageRef(row.id)).map((entry) => entry.row);
    // Who has left since may have got it all the same.
    const accounts = [...membersOf(read, row), ...said.map((receipt) => accountId(receipt.account))];
    const unique = new Map(accounts.map((account) => [accountRef(account), account]));
    unique.delete(core.self.accountRef);
    const byAccount = new Map(said.map((receipt) => [accountRef(receipt.account), receipt]));
    return [...unique].map(([ref, account]) => viewReceipt(row, account, byAccount.get(ref) ?? null));
  });
}

/** Other accounts in a message's conversation. */
function membersOf(read: VaultReader, { conversation }: StoredMessage): AccountId[] {
  const ref = conversationRef(conversation);
  const { contact, group } = requireConversation(read, ref);
  if (group) return [...eachMember(read, ref)].map((member) => accountId(member.account));
  return contact.length === 0 ? [] : [accountId(contact)];
}

function viewReceipt(row: StoredMessage, account: AccountId, receipt: StoredReceipt | null): MemberDelivery {
  const deliveredAt = receipt === null || receipt.deliveredAt === 0n ? null : Number(receipt.deliveredAt);
  const readAt = receipt === null || receipt.readAt === 0n ? null : Number(receipt.readAt);
  return { account: accountRef(account), state: memberState(row, deliveredAt, readAt), deliveredAt, readAt };
}

/** Without a receipt of this member it has come as far as the gateway at most. */
function memberState(row: StoredMessage, deliveredAt: number | null, readAt: number | null): MemberDelivery['state'] {
  if (readAt !== null) return 'read';
  if (deliveredAt !== null) return 'delivered';
  const state = messageState(row);
  return state === 'delivered' || state === 'read' || state === 'received' ? 'accepted' : state;
}
