import { equalBytes } from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import { messageRef } from '../store/refs.ts';
import { outbounds } from '../store/tables.ts';
import { findContact, putContact, stateOf } from './rows.ts';
import { sendRequest } from './tell.ts';

/**
 * A contact's address is refused. If it had got new ones, it would have told; but when both sides replaced theirs at
 * the same time (each blocked the other and thought better of it, a gateway forgot both), neither can tell the other.
 * The way of strangers is open then: a request to an accepted contact brings its addresses in the answer. One at a
 * time. True: it was sent.
 */
export function reintroduce(tx: Tx, core: Core, account: AccountId): boolean {
  if (equalBytes(account, core.self.account)) return false;
  const row = findContact(tx.write, account);
  if (row === null || stateOf(row) !== 'accepted' || row.granted === undefined) return false;
  if (row.request.length > 0 && outbounds.get(tx.write, messageRef(row.request)) !== null) return false;
  sendRequest(tx, core, row, '');
  putContact(tx, core, row);
  return true;
}
