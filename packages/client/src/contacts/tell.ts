import { accountId } from '@sotto/wire';
import type { ContentDraft } from '@sotto/wire';
import { StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import type { StoredAccount, StoredContact } from '@sotto/wire/stored';
import { composeControl } from '../conversations/compose.ts';
import { conversationWith } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { enqueue, removeOutbound } from '../outbox/rows.ts';
import type { MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { messageOf, messageRef } from '../store/refs.ts';
import { accounts, SELF } from '../store/tables.ts';

interface Telling {
  readonly audience: StoredOutbound_Audience;
  readonly until: StoredOutbound_Until;
  /** The own addresses are in it. */
  readonly granted: boolean;
  readonly urgent: boolean;
}

function tell(tx: Tx, core: Core, row: StoredContact, body: ContentDraft['body'], telling: Telling): MessageRef {
  const recipient = accountId(row.account);
  const { id, bytes } = composeControl(core, conversationWith(core, recipient), body);
  return enqueue(tx, core, {
    id,
    bytes,
    conversation: null,
    recipient,
    audience: telling.audience,
    until: telling.until,
    urgent: telling.urgent,
    ...(telling.granted && row.granted !== undefined ? { afterGrant: row.granted.revision } : {}),
  });
}

function introduction(
  tx: Tx,
  row: StoredContact,
): Pick<StoredAccount, 'accountName'> & {
  readonly profile?: NonNullable<StoredAccount['profile']>;
  readonly addresses?: NonNullable<StoredContact['granted']>;
} {
  const { profile, accountName } = accounts.need(tx.write, SELF);
  return {
    accountName,
    ...(profile === undefined ? {} : { profile }),
    ...(row.granted === undefined ? {} : { addresses: row.granted }),
  };
}

/** Asks the account to become a contact. The row remembers the request. */
export function sendRequest(tx: Tx, core: Core, row: StoredContact, greeting: string): void {
  const value = { ...introduction(tx, row), greeting };
  const ref = tell(
    tx,
    core,
    row,
    { kind: 'contactRequest', value },
    {
      audience: StoredOutbound_Audience.STRANGER,
      // Strangers send no receipts; the answer is one.
      until: StoredOutbound_Until.DELIVERED,
      granted: true,
      urgent: true,
    },
  );
  row.request = messageOf(ref);
}

/** The request was answered, or is answered by the other side's own. */
export function dropRequest(tx: Tx, row: StoredContact): void {
  if (row.request.length === 0) return;
  const ref = messageRef(row.request);
  removeOutbound(tx, ref);
  row.request = new Uint8Array(0);
  tx.ring('outbound', ref);
}

export function sendAnswer(tx: Tx, core: Core, row: StoredContact, accepted: boolean): void {
  const value = accepted ? { accepted, ...introduction(tx, row) } : { accepted };
  tell(
    tx,
    core,
    row,
    { kind: 'contactAnswer', value },
    {
      audience: StoredOutbound_Audience.RECIPIENT,
      // Who was declined sends no receipts either.
      until: accepted ? StoredOutbound_Until.DELIVERED : StoredOutbound_Until.ACCEPTED,
      granted: accepted,
      urgent: true,
    },
  );
}

/** Where the own devices receive from this contact from now on. */
export function sendAddresses(tx: Tx, core: Core, row: StoredContact): void {
  if (row.granted === undefined) return;
  tell(
    tx,
    core,
    row,
    { kind: 'addresses', value: row.granted },
    {
      audience: StoredOutbound_Audience.RECIPIENT,
      until: StoredOutbound_Until.DELIVERED,
      granted: true,
      urgent: false,
    },
  );
}

/** Nothing but a message: it starts a new session where there is none, and shows that this device is there. */
export function sendRefresh(tx: Tx, core: Core, row: StoredContact): void {
  tell(
    tx,
    core,
    row,
    { kind: 'sessionRefresh', value: {} },
    {
      audience: StoredOutbound_Audience.RECIPIENT,
      until: StoredOutbound_Until.DELIVERED,
      granted: false,
      urgent: false,
    },
  );
}

export function sendProfile(tx: Tx, core: Core, row: StoredContact): void {
  const { profile } = accounts.need(tx.write, SELF);
  if (profile === undefined) return;
  tell(
    tx,
    core,
    row,
    { kind: 'profile', value: profile },
    {
      audience: StoredOutbound_Audience.RECIPIENT,
      until: StoredOutbound_Until.DELIVERED,
      granted: false,
      urgent: false,
    },
  );
}
