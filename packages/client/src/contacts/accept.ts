import { ContactDecision_State } from '@sotto/wire';
import type { StoredContact } from '@sotto/wire/stored';
import type { Chains } from '../chains/chains.ts';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import { grant } from './grants.ts';
import { decide, putContact, tellContact } from './rows.ts';
import { syncContact } from './sync.ts';
import { dropRequest, sendAnswer } from './tell.ts';

interface Accepting {
  readonly tx: Tx;
  readonly core: Core;
  readonly chains: Chains;
}

/** Accepts a contact that asked: gives it addresses, answers, and tells own devices. Stores the row. */
export function acceptIn({ tx, core, chains }: Accepting, row: StoredContact): void {
  decide(row, ContactDecision_State.ACCEPTED, core.clock.now());
  row.declinedHere = false;
  dropRequest(tx, row);
  grant(tx, core, row);
  sendAnswer(tx, core, row, true);
  putContact(tx, core, row);
  tellContact(tx, core, row);
  syncContact(tx, core, chains, row);
  tx.ring('parked', null);
}
