import type { GatewayTransport } from '@sotto/gateway-api';
import { renewed, readInventory, writeInventory } from '@sotto/vault';
import { accountId } from '@sotto/wire';
import { StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import { sendAddresses, sendRefresh } from '../contacts/tell.ts';
import { putContact, stateOf } from '../contacts/rows.ts';
import { composeControl } from '../conversations/compose.ts';
import { conversationWith } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { resyncAll } from '../groups/begin-resync.ts';
import { noteIncident } from '../incidents.ts';
import { resendVia, resendSealed } from '../outbox/resend.ts';
import { enqueue } from '../outbox/rows.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Tx } from '../store/ledger.ts';
import { contacts, conversations, ownDevices } from '../store/tables.ts';
import { calling } from './register.ts';
import { forgetWitness } from './witness.ts';

/** Prekey ids that a copy of this vault may have used: as many as it can make in 20 years. */
const SKIPPED_IDS = 2 ** 18;
/** Revisions and counters that a copy may have used. */
const SKIPPED_NUMBERS = 2n ** 24n;

/**
 * Asks the gateway to register this device, which it may have forgotten, with the whole chain. Gives what is to be
 * written once it has answered. Throws what `register` throws: `revoked` when this device is out by a chain it knows.
 */
export async function registerAnew(
  core: Core,
  transport: GatewayTransport,
  signal: AbortSignal,
): Promise<{ readonly isForgotten: boolean; readonly follow: (tx: Tx) => void }> {
  const { chain, registrationCode: code, mailbox: before } = core.own.row();
  const registration = { statements: chain, ...(code === '' ? {} : { code }) };
  const mailbox = await calling(() => transport.device.register(registration, { signal }));
  const isForgotten = Buffer.compare(mailbox, before) !== 0;
  return {
    isForgotten,
    follow: (tx) => {
      core.own.update(tx, (row) => {
        row.mailbox = mailbox;
        row.registered = true;
        row.unpublished = 0;
      });
      afterLoss(tx, core, isForgotten ? 'device-forgotten' : 'set-back');
    },
  };
}

/** The gateway knows less than it did: everything that it should know is given to it again. */
function afterLoss(tx: Tx, core: Core, kind: 'device-forgotten' | 'set-back'): void {
  noteIncident(tx, core, kind === 'set-back' ? 'gateway-set-back' : 'gateway-forgot-device');
  core.own.update(tx, (row) => {
    row.prekeysStale = true;
    if (row.accountName !== '') row.wantedName = row.accountName;
  });
  writeInventory(tx.write, renewed(readInventory(tx.write), 0));
  for (const { key, row } of ownDevices.all(tx.write)) {
    ownDevices.put(tx.write, key, { ...row, opened: false, introduced: false });
  }
  if (kind === 'device-forgotten') forgetWitness(tx);
  // Whoever hears from this device again sends what it has not confirmed; with a new mailbox the addresses do that.
  else for (const { row } of contacts.all(tx.write)) if (stateOf(row) === 'accepted') sendRefresh(tx, core, row);
  resendVia(tx, core, core.own.gateway, 'gateway-lost-data');
  tx.emit({ type: 'gateway-lost-data', address: core.own.gateway, kind });
  tx.ring('prekeys', null);
  tx.ring('devices', null);
}

/** This vault was set back, or has a twin: nothing that it shares with others is to be trusted to be its own alone. */
export function afterRollback(tx: Tx, core: Core, sessions: Sessions): void {
  noteIncident(tx, core, 'rollback-detected');
  sessions.retireAll(tx);
  resendSealed(tx, core, 'session-replaced');
  resyncAll(tx, core);
  core.own.update(tx, (row) => {
    row.prekeysStale = true;
    if (row.profile !== undefined) row.profile.revision += SKIPPED_NUMBERS;
  });
  writeInventory(tx.write, renewed(readInventory(tx.write), SKIPPED_IDS));
  for (const { key, row } of conversations.all(tx.write)) {
    conversations.put(tx.write, key, { ...row, counter: row.counter + SKIPPED_NUMBERS });
  }
  for (const { row } of contacts.all(tx.write)) {
    if (stateOf(row) !== 'accepted') continue;
    // A first message in a new session to everybody: from then on they use it too.
    if (row.granted === undefined) {
      sendRefresh(tx, core, row);
      continue;
    }
    row.granted.revision += SKIPPED_NUMBERS;
    sendAddresses(tx, core, row);
    putContact(tx, core, row);
  }
  tx.ring('grants', null);
  if (core.own.otherDevices().length > 0) refreshOwn(tx, core);
  tx.emit({ type: 'rollback-detected', at: core.clock.now() });
  tx.ring('rollback', null);
  tx.ring('prekeys', null);
}

function refreshOwn(tx: Tx, core: Core): void {
  const conversation = conversationWith(core, accountId(core.self.account));
  const { id, bytes } = composeControl(core, conversation, { kind: 'sessionRefresh', value: {} });
  enqueue(tx, core, {
    id,
    bytes,
    conversation: null,
    recipient: null,
    audience: StoredOutbound_Audience.OWN,
    until: StoredOutbound_Until.DELIVERED,
    urgent: false,
  });
}
