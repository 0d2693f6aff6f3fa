import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import type { AccountId, ConversationId, DeviceId, EnvelopeId, MessageId } from '@sotto/wire';
import { StoredWanted_Kind, StoredWantedSchema } from '@sotto/wire/stored';
import type { StoredWanted } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import type { EnvelopeRef, MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceRef, envelopeRef, messageRef } from '../store/refs.ts';
import { wanteds } from '../store/tables.ts';
import { freeOrdinal } from '../store/time-order.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { noteDown } from '../trail/store.ts';
import { placePlaceholder } from './placeholders.ts';

/** Wanted from one device at once: who breaks or invents more gains nothing by it. */
const MOST_WANTED_OF_DEVICE = 64;
/** Wanted from all together. */
const MOST_WANTED = 512;
/** Lines that stand for envelopes of one device. */
export const MOST_PLACEHOLDERS_OF_DEVICE = 16;

export interface UnreadableEnvelope {
  readonly envelope: EnvelopeId;
  /** Whose session the tag belongs to. */
  readonly account: AccountId;
  readonly device: DeviceId;
  readonly session: string;
  /** 8 bytes. */
  readonly tag: Uint8Array;
  readonly reason: ReasonCode;
  /** Where a line stands for it; null: it may hold anything, and nothing is shown. */
  readonly shownIn: ConversationId | null;
}

/** An envelope came in a known session and could not be opened: its sender is asked. */
export function wantEnvelope(tx: Tx, core: Core, unreadable: UnreadableEnvelope): void {
  const { envelope, account, device, session, tag, reason, shownIn } = unreadable;
  const key = envelopeRef(envelope);
  if (wanteds.get(tx.write, key) !== null || isFull(tx.write, device)) return;
  const isShown = shownIn !== null && linesOf(tx.write, device) < MOST_PLACEHOLDERS_OF_DEVICE;
  const now = core.clock.now();
  const row = create(StoredWantedSchema, {
    id: envelope,
    kind: StoredWanted_Kind.ENVELOPE,
    account,
    device,
    conversation: isShown ? shownIn : new Uint8Array(0),
    reason,
    since: BigInt(now),
    nextAt: BigInt(now + core.settings.askDelayMs),
    session,
    tag,
  });
  putWanted(tx, row);
  noteDown(tx, key, now, { code: reason });
  if (isShown) placePlaceholder(tx, row);
}

export interface MissingMessage {
  readonly id: MessageId;
  readonly conversation: ConversationId;
  /** Who named it as a parent. */
  readonly account: AccountId;
  readonly device: DeviceId;
}

/** A message is named as a parent and is not here: once its moment to come by itself is over, it is asked for. */
export function wantMessage(tx: Tx, core: Core, { id, conversation, account, device }: MissingMessage): void {
  if (isFull(tx.write, device) || wanteds.get(tx.write, messageRef(id)) !== null) return;
  const now = core.clock.now();
  putWanted(
    tx,
    create(StoredWantedSchema, {
      id,
      kind: StoredWanted_Kind.MESSAGE,
      account,
      device,
      conversation,
      reason: 'gap' satisfies ReasonCode,
      since: BigInt(now),
      nextAt: BigInt(now + core.settings.holdBackMs + core.settings.askDelayMs),
    }),
  );
}

/** Nothing more can be wanted from this device. */
function isFull(read: VaultReader, device: DeviceId): boolean {
  const { collection } = wanteds;
  return read.count(collection, deviceRef(device)) >= MOST_WANTED_OF_DEVICE || read.count(collection) >= MOST_WANTED;
}

/** Lines that stand for envelopes of a device. */
function linesOf(read: VaultReader, device: DeviceId): number {
  const rows = wanteds.list(read, { partition: deviceRef(device), limit: MOST_WANTED_OF_DEVICE });
  return rows.filter(({ row }) => row.kind === StoredWanted_Kind.ENVELOPE && row.conversation.length > 0).length;
}

export function putWanted(tx: Tx, row: StoredWanted): void {
  const lookups = row.message.length === 0 ? [] : ([['message', messageRef(row.message)]] as const);
  const partition = deviceRef(row.device);
  const order = { partition, ordinal: freeOrdinal(wanteds, tx.write, partition, Number(row.since)) };
  wanteds.put(tx.write, wantedKey(row), row, { lookups, order });
  if (row.nextAt > 0n) tx.ring('wanted', Number(row.nextAt));
}

export function dropWanted(tx: Tx, key: EnvelopeRef | MessageRef): void {
  if (wanteds.get(tx.write, key) !== null) wanteds.delete(tx.write, key);
}

export function wantedKey(row: StoredWanted): EnvelopeRef | MessageRef {
  return row.kind === StoredWanted_Kind.ENVELOPE ? envelopeRef(row.id) : messageRef(row.id);
}
