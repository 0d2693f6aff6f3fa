import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { equalBytes } from '@sotto/wire';
import type { AccountId, Content, ConversationId, DeviceId, MessageId } from '@sotto/wire';
import {
  StoredDelivery_State,
  StoredDeliverySchema,
  StoredMessage_State,
  StoredOutbound_Audience,
  StoredOutbound_Until,
  StoredOutboundSchema,
} from '@sotto/wire/stored';
import type { StoredDelivery, StoredOutbound } from '@sotto/wire/stored';
import { tellUpdated } from '../conversations/tell.ts';
import { startCountdown } from '../conversations/start-countdown.ts';
import { writeMessage } from '../conversations/placing.ts';
import { forgetPost } from '../groups/rows.ts';
import type { Core } from '../core/core.ts';
import { logSent } from '../healing/sent-log.ts';
import type { DeviceRef, MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceRef, messageRef } from '../store/refs.ts';
import { deliveries, messages, outbounds, trails } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { noteDown } from '../trail/store.ts';

/** A content for the outbox. */
export interface Outgoing {
  readonly id: MessageId;
  readonly bytes: Uint8Array;
  /** Null: it belongs to no conversation that people see. */
  readonly conversation: ConversationId | null;
  /** Null: own devices only. */
  readonly recipient: AccountId | null;
  readonly audience: StoredOutbound_Audience;
  readonly device?: DeviceId;
  readonly until: StoredOutbound_Until;
  readonly urgent: boolean;
  readonly afterAcceptance?: boolean;
  /** Revision of the own addresses in it. */
  readonly afterGrant?: bigint;
  /** Its attachments are to be uploaded first. */
  readonly afterUpload?: boolean;
}

/** Stores a content for sending. A content that is there already stays as it is. */
export function enqueue(tx: Tx, core: Core, outgoing: Outgoing): MessageRef {
  const ref = messageRef(outgoing.id);
  if (outbounds.get(tx.write, ref) !== null) return ref;
  const now = core.clock.now();
  const row = create(StoredOutboundSchema, {
    id: outgoing.id,
    conversation: outgoing.conversation ?? new Uint8Array(0),
    recipient: outgoing.recipient ?? new Uint8Array(0),
    content: outgoing.bytes,
    createdAt: BigInt(now),
    expiresAt: BigInt(now + core.settings.messageLifetimeMs),
    audience: outgoing.audience,
    device: outgoing.device ?? new Uint8Array(0),
    until: outgoing.until,
    urgent: outgoing.urgent,
    afterAcceptance: outgoing.afterAcceptance ?? false,
    afterGrant: outgoing.afterGrant ?? 0n,
    afterUpload: outgoing.afterUpload ?? false,
    // Requests go before all others: what waits for an address may wait for their answer.
    number: outgoing.audience === StoredOutbound_Audience.STRANGER ? 0n : core.nextNumber(),
    reason: 'stored' satisfies ReasonCode,
  });
  outbounds.put(tx.write, ref, row);
  noteDown(tx, ref, now, { code: 'stored' });
  tx.last((last) => core.plan(last, ref));
  tx.ring('outbound', ref);
  return ref;
}

export const deliveryKey = (message: MessageRef, device: DeviceRef): string => `${message}/${device}`;

export function deliveriesOf(read: VaultReader, message: MessageRef): StoredDelivery[] {
  return deliveries.find(read, 'message', message).map((entry) => entry.row);
}

export function putDelivery(tx: Tx, row: StoredDelivery): void {
  const message = messageRef(row.message);
  deliveries.put(tx.write, deliveryKey(message, deviceRef(row.device)), row, { lookups: [['message', message]] });
}

export function newDelivery(message: MessageId, account: AccountId, device: DeviceId): StoredDelivery {
  return create(StoredDeliverySchema, {
    message,
    account,
    device,
    state: StoredDelivery_State.WAITING,
    reason: 'stored' satisfies ReasonCode,
  });
}

/** The same content once more, under a new message key: what was sealed before is thrown away. */
export function unseal(row: StoredDelivery, reason: ReasonCode): void {
  row.state = StoredDelivery_State.WAITING;
  row.envelope = new Uint8Array(0);
  row.envelopeExpiresAt = 0n;
  row.session = '';
  row.acceptedAt = 0n;
  row.reason = reason;
}

/** Still to be handed over. */
export function isPending({ state }: StoredDelivery): boolean {
  return state === StoredDelivery_State.WAITING || state === StoredDelivery_State.SEALED;
}

const isDone = (outbound: StoredOutbound, { state }: StoredDelivery): boolean =>
  state === StoredDelivery_State.DELIVERED ||
  state === StoredDelivery_State.FAILED ||
  (state === StoredDelivery_State.ACCEPTED && outbound.until === StoredOutbound_Until.ACCEPTED);

/**
 * Takes a content out of the outbox once no device is owed it any more. True: it is out. A message that no device of
 * the recipient can ever take has failed.
 */
export function settle(tx: Tx, core: Core, message: MessageRef): boolean {
  const outbound = outbounds.get(tx.write, message);
  if (outbound === null) return true;
  const ways = deliveriesOf(tx.write, message);
  if (!outbound.planned || !ways.every((way) => isDone(outbound, way))) return false;
  const toRecipient = ways.filter((way) => equalBytes(way.account, outbound.recipient));
  const failed = toRecipient.length > 0 && toRecipient.every((way) => way.state === StoredDelivery_State.FAILED);
  const needsRecipient = outbound.recipient.length > 0 && outbound.audience !== StoredOutbound_Audience.OWN;
  if (needsRecipient && toRecipient.length === 0) return false;
  if (failed) setState(tx, core, message, StoredMessage_State.FAILED);
  else logSent(tx, outbound, ways);
  removeOutbound(tx, message);
  return true;
}

/** Takes a content out of the outbox, whatever is still owed. */
export function removeOutbound(tx: Tx, message: MessageRef): void {
  for (const way of deliveriesOf(tx.write, message)) {
    deliveries.delete(tx.write, deliveryKey(message, deviceRef(way.device)));
  }
  outbounds.delete(tx.write, message);
  forgetPost(tx, message);
  // What people cannot ask about leaves nothing behind.
  if (messages.get(tx.write, message) === null) trails.delete(tx.write, message);
}

/** A message that was taken back is not sent (again) to anyone; only that it was taken back is. */
export function cancelDeleted(tx: Tx, core: Core, content: Content): void {
  if (content.body.kind !== 'delete') return;
  const ref = messageRef(content.body.value.message);
  const row = messages.get(tx.write, ref);
  if (row === null || !row.deleted || !equalBytes(row.author, core.self.account)) return;
  removeOutbound(tx, ref);
  tx.ring('outbound', ref);
}

const rank: ReadonlyMap<StoredMessage_State, number> = new Map([
  [StoredMessage_State.WAITING, 0],
  [StoredMessage_State.FAILED, 1],
  [StoredMessage_State.EXPIRED, 1],
  [StoredMessage_State.ACCEPTED, 2],
  [StoredMessage_State.DELIVERED, 3],
  [StoredMessage_State.READ, 4],
]);

/** Moves an own message on; never back. A receipt that comes after all wins over an expiry. */
export function setState(tx: Tx, core: Core, message: MessageRef, state: StoredMessage_State): void {
  const row = messages.get(tx.write, message);
  if (row === null || !equalBytes(row.author, core.self.account)) return;
  const ended = state === StoredMessage_State.FAILED || state === StoredMessage_State.EXPIRED;
  const from = rank.get(row.state) ?? 0;
  const to = rank.get(state) ?? 0;
  // Accepted and then given up or expired is expired: acceptance promised nothing more.
  const given = ended && row.state === StoredMessage_State.ACCEPTED;
  if (to <= from && !given) return;
  row.state = state;
  // It is on its way, or never will be: either way its time runs.
  startCountdown(tx, row, core.clock.now());
  writeMessage(tx, row);
  tellUpdated(tx, core, row);
  tx.ring('progress', message);
}

/** Adds to the trail of a content in the outbox, and tells listeners. */
export function note(tx: Tx, core: Core, message: MessageRef, reason: ReasonCode, device?: DeviceRef): void {
  noteDown(tx, message, core.clock.now(), device === undefined ? { code: reason } : { code: reason, device });
  tx.emit({ type: 'outbox-changed', message, reason });
}
