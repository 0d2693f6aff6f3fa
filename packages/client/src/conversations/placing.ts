import type { VaultReader } from '@sotto/vault';
import { decodeContent, equalBytes, messageId } from '@sotto/wire';
import type { ContentBody } from '@sotto/wire';
import { StoredMessage_State } from '@sotto/wire/stored';
import type { StoredMessage } from '@sotto/wire/stored';
import type { ConversationRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef, deviceRef, messageRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import { ordinalOf, settleOrdinals } from './order.ts';
import type { Place } from './order.ts';
import { counterKey } from './rows.ts';

/** All messages held back share one lookup value: there are few, and all are wanted at once. */
export const HELD = 'held';

export type AnnotationBody = Extract<ContentBody, { kind: 'edit' | 'delete' | 'reaction' | 'pin' }>;

/** Says something about another message and has no line of its own. */
export function isAnnotation(body: ContentBody): body is AnnotationBody {
  return body.kind === 'edit' || body.kind === 'delete' || body.kind === 'reaction' || body.kind === 'pin';
}

/** Received, with a line of its own, and not seen. */
export function isUnread(row: StoredMessage): boolean {
  return row.state === StoredMessage_State.RECEIVED && isLine(row) && !row.deleted;
}

/** Has a line in the conversation that shows a message. */
export function isLine(row: StoredMessage): boolean {
  return hasLine(row) && !row.placeholder && row.notice === undefined;
}

/** Has a line in the conversation, which may only say that a message is awaited, or what became of a group. */
function hasLine(row: StoredMessage): boolean {
  return !row.annotation && !row.absent && !row.gone;
}

export function placeOf(row: StoredMessage): Place {
  return { height: Number(row.height), id: messageId(row.id) };
}

/** Writes a row where it stands, with everything it can be found by. */
export function writeMessage(tx: Tx, row: StoredMessage): void {
  const conversation = conversationRef(row.conversation);
  const lookups: [string, string][] = [];
  if (row.counter > 0n) {
    lookups.push(['counter', counterKey(conversation, deviceRef(row.device), Number(row.counter))]);
  }
  const target = targetOf(row);
  if (target !== null) lookups.push(['target', target]);
  if (isUnread(row)) lookups.push(['unread', conversation]);
  if (row.heldUntil > 0n) lookups.push(['held', HELD]);
  if (row.pin?.pinned === true && isLine(row)) lookups.push(['pinned', conversation]);
  const order = hasLine(row) ? { order: { partition: conversation, ordinal: Number(row.ordinal) } } : {};
  messages.put(tx.write, messageRef(row.id), row, { lookups, ...order });
}

/** Writes a new line into its place, and moves on those with nearly the same place that are in its way. */
export function insertLine(tx: Tx, row: StoredMessage): void {
  const place = placeOf(row);
  const first = ordinalOf(place);
  const inTheWay = runFrom(tx.write, conversationRef(row.conversation), first);
  const settled = settleOrdinals([place, ...inTheWay.map(placeOf)], first);
  // From the last on, so that no two rows ever claim the same ordinal.
  for (const { place: each, ordinal } of settled.toReversed()) {
    const moved = equalBytes(each.id, place.id) ? row : inTheWay.find((other) => equalBytes(other.id, each.id));
    if (moved === undefined || (moved !== row && Number(moved.ordinal) === ordinal)) continue;
    moved.ordinal = BigInt(ordinal);
    writeMessage(tx, moved);
  }
}

const CHUNK = 8;

/** The lines that stand without a gap from an ordinal on. */
function runFrom(read: VaultReader, partition: ConversationRef, first: number): StoredMessage[] {
  const run: StoredMessage[] = [];
  for (;;) {
    const chunk = messages.list(read, { partition, after: first + run.length - 1, limit: CHUNK });
    for (const { row, ordinal } of chunk) {
      if (ordinal !== first + run.length) return run;
      run.push(row);
    }
    if (chunk.length < CHUNK) return run;
  }
}

/** The message that an edit, deletion, reaction or pin is about; null: it is none of these. */
function targetOf(row: StoredMessage): string | null {
  if (!row.annotation || row.content.length === 0) return null;
  const { body } = decodeContent(row.content);
  return isAnnotation(body) ? messageRef(body.value.message) : null;
}
