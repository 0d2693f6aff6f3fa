import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { equalBytes, idHex } from '@sotto/wire';
import type { AccountId, ConversationId, DeviceId, MessageId } from '@sotto/wire';
import { StoredMessage_State, StoredOutbound_Until, StoredSentSchema } from '@sotto/wire/stored';
import type { StoredDelivery, StoredOutbound, StoredSent, StoredSentTo } from '@sotto/wire/stored';
import type { MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceRef, messageRef } from '../store/refs.ts';
import { deliveries, messages, outbounds, sentLog } from '../store/tables.ts';
import { freeOrdinal } from '../store/time-order.ts';

const PARTITION = 'sent';
const DAY_MS = 86_400_000;
/** How long a device may ask for what was sent to it. */
export const SENT_LOG_MS = 14 * DAY_MS;
/** Of one content for one device: more were sealed only in a long bad week. */
export const MOST_ENVELOPES = 8;
/** Rows swept in one go. */
const SWEEP = 500;

/** A content that was sent, wherever its rows are today. */
export interface SentContent {
  readonly id: Uint8Array;
  /** Null: own devices only. */
  readonly recipient: Uint8Array | null;
  /** Devices it was meant for when it was sent. */
  readonly devices: readonly StoredSentTo[];
  /** It takes no place in a conversation. */
  readonly control: boolean;
  /** Null: deleted, disappeared or expired. */
  readonly bytes: Uint8Array | null;
}

/**
 * Remembers a content that leaves the outbox: which devices it was for, and in which envelopes. The text itself stays
 * where it is shown, so that deleting it there deletes it for this too; only what is shown nowhere is kept here.
 */
export function logSent(tx: Tx, outbound: StoredOutbound, ways: readonly StoredDelivery[]): void {
  // Receipts and the like are never asked for again; strangers have no session to ask in.
  if (outbound.until !== StoredOutbound_Until.DELIVERED || outbound.number === 0n || ways.length === 0) return;
  const message = messageRef(outbound.id);
  const shown = messages.get(tx.write, message);
  if (shown !== null && shown.content.length === 0) return;
  const known = sentLog.get(tx.write, message);
  const row =
    known ??
    create(StoredSentSchema, {
      id: outbound.id,
      conversation: outbound.conversation,
      recipient: outbound.recipient,
      content: shown === null ? outbound.content : new Uint8Array(0),
      sentAt: outbound.createdAt,
      control: shown === null,
    });
  for (const way of ways) addDevice(row, way);
  putSent(tx, row);
}

/** The same for a message written on another own device: what this one knows of whom it was for. */
export function logSentElsewhere(
  tx: Tx,
  sent: {
    readonly id: MessageId;
    readonly conversation: ConversationId;
    readonly recipient: AccountId;
    readonly devices: readonly DeviceId[];
    readonly now: number;
  },
): void {
  const { id, conversation, recipient, devices, now } = sent;
  const row = create(StoredSentSchema, { id, conversation, recipient, sentAt: BigInt(now) });
  for (const device of devices) {
    addDevice(row, { account: recipient, device, envelopes: [], tags: [], resent: 0, resentAt: 0n });
  }
  putSent(tx, row);
}

type Added = Pick<StoredDelivery, 'account' | 'device' | 'envelopes' | 'tags' | 'resent' | 'resentAt'>;

function addDevice(row: StoredSent, { account, device, envelopes, tags, resent, resentAt }: Added): void {
  const known = row.devices.find((each) => equalBytes(each.device, device));
  if (known === undefined) {
    row.devices.push({
      $typeName: 'sotto.client.v1.StoredSentTo',
      account,
      device,
      envelopes: [...envelopes],
      tags: [...tags],
      resent,
      resentAt,
    });
    return;
  }
  envelopes.forEach((envelope, i) => {
    const tag = tags[i];
    if (tag === undefined || known.envelopes.some((each) => equalBytes(each, envelope))) return;
    known.envelopes = [...known.envelopes, envelope].slice(-MOST_ENVELOPES);
    known.tags = [...known.tags, tag].slice(-MOST_ENVELOPES);
  });
  known.resent = Math.max(known.resent, resent);
  if (resentAt > known.resentAt) known.resentAt = resentAt;
}

function putSent(tx: Tx, row: StoredSent): void {
  const lookups = row.devices.flatMap((each) => each.tags.map((tag) => ['tag', tagKey(each.device, tag)] as const));
  const order = { partition: PARTITION, ordinal: freeOrdinal(sentLog, tx.write, PARTITION, Number(row.sentAt)) };
  sentLog.put(tx.write, messageRef(row.id), row, { lookups, order });
}

/** Tags are random: those of different devices may be alike. */
const tagKey = (device: Uint8Array, tag: Uint8Array): string => `${deviceRef(device)}/${idHex(tag)}`;

/** What an envelope held that was sealed here for a device; null: not known (any more), or sealed for another one. */
export function findByTag(read: VaultReader, device: DeviceId, tag: Uint8Array): SentContent | null {
  const [logged] = sentLog.find(read, 'tag', tagKey(device, tag));
  if (logged !== undefined) return findByMessage(read, messageRef(logged.row.id));
  // What is still on its way is not many, and questions are rationed.
  const way = deliveries
    .all(read)
    .find(({ row }) => equalBytes(row.device, device) && row.tags.some((each) => equalBytes(each, tag)));
  return way === undefined ? null : findByMessage(read, messageRef(way.row.message));
}

/** A content that was sent from here, or from another own device; null: not known (any more). */
export function findByMessage(read: VaultReader, message: MessageRef): SentContent | null {
  const outbound = outbounds.get(read, message);
  const logged = sentLog.get(read, message);
  const row = logged ?? (outbound === null ? null : create(StoredSentSchema, { id: outbound.id }));
  if (row === null) return null;
  if (outbound !== null) {
    for (const way of deliveries.find(read, 'message', message)) addDevice(row, way.row);
  }
  const shown = messages.get(read, message);
  const recipient = outbound?.recipient ?? row.recipient;
  return {
    id: row.id,
    recipient: recipient.length === 0 ? null : recipient,
    devices: row.devices,
    control: shown === null,
    bytes: shown === null ? nonEmpty(outbound?.content ?? row.content) : isOver(shown) ? null : nonEmpty(shown.content),
  };
}

function isOver({ gone, deleted, state }: NonNullable<ReturnType<typeof messages.get>>): boolean {
  return gone || deleted || state === StoredMessage_State.EXPIRED || state === StoredMessage_State.FAILED;
}

function nonEmpty(bytes: Uint8Array): Uint8Array | null {
  return bytes.length === 0 ? null : bytes;
}

/** Counts one more time that a device was given a content, where the log has it. */
export function noteResent(tx: Tx, message: MessageRef, device: DeviceId, now: number): void {
  const row = sentLog.get(tx.write, message);
  const to = row?.devices.find((each) => equalBytes(each.device, device));
  if (row === null || to === undefined) return;
  to.resent++;
  to.resentAt = BigInt(now);
  putSent(tx, row);
}

/** It was taken back, or its time is over: nobody gets it again. */
export function forgetSent(tx: Tx, message: MessageRef): void {
  if (sentLog.get(tx.write, message) !== null) sentLog.delete(tx.write, message);
}

/** Forgets what nobody may ask for any more. True: there may be more. */
export function sweepSent(tx: Tx, now: number): boolean {
  const oldest = sentLog.list(tx.write, { partition: PARTITION, limit: SWEEP });
  const over = oldest.filter(({ row }) => Number(row.sentAt) + SENT_LOG_MS <= now);
  for (const { key } of over) sentLog.delete(tx.write, key);
  return over.length === SWEEP;
}
