import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { accountId, decodeContent, equalBytes, messageId } from '@sotto/wire';
import type { AccountId, Content, DeviceId, MessageId } from '@sotto/wire';
import { StoredMessageSchema } from '@sotto/wire/stored';
import type { StoredConversation, StoredMessage, StoredMessage_State } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import type { MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef, deviceRef, messageOf, messageRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { noteDown } from '../trail/store.ts';
import { annotate } from './annotate.ts';
import type { Annotation } from './annotate.ts';
import { endsAfter } from './ends.ts';
import { heightTaken } from './order.ts';
import { insertLine, isLine, isUnread, placeOf, writeMessage } from './placing.ts';
import { conversationRow, counterKey, endsOf, putConversation, setEnds } from './rows.ts';
import { annotationsOf, setAnnotations, viewBody, viewMessage } from './view.ts';

/** A content that belongs into a conversation: text, edit, deletion, reaction, or a kind of a newer version. */
export interface Absorbed {
  readonly content: Content;
  readonly bytes: Uint8Array;
  readonly id: MessageId;
  readonly author: AccountId;
  readonly device: DeviceId;
  /** The other account of the conversation, where it is known. */
  readonly contact: AccountId | null;
  /** State it starts with. */
  readonly state: StoredMessage_State;
  /** Given for what this device has just made: its row as counted on. It cannot have been here, nor be spoken of. */
  readonly made?: StoredConversation;
}

export type Absorption =
  /** It was here already. */
  { readonly kind: 'duplicate' } | { readonly kind: 'stored'; readonly line: boolean; readonly held: boolean };

/**
 * Puts a content into its conversation, whatever has arrived before it: takes its place in the order, applies edits and
 * the like (or waits for their message), and decides whether it is held back for an earlier one.
 */
export function absorb(tx: Tx, core: Core, absorbed: Absorbed): Absorption {
  const { content, id, made } = absorbed;
  const known = made === undefined ? messages.get(tx.write, messageRef(id)) : null;
  if (known !== null && !known.absent) return { kind: 'duplicate' };

  const conversation = made ?? conversationRow(tx.write, content.conversation, absorbed.contact);
  const parents = findParents(tx.write, content.parents);
  const isNew = conversation.highest === 0n;
  const height = heightTaken({
    claimed: content.height,
    parents: parents.here.map((parent) => Number(parent.height)),
    // What was taken back before it came is no gap, and its place is not known either.
    missing: parents.missing.length + parents.here.filter((parent) => parent.height === 0n).length,
    highest: Number(conversation.highest),
  });
  const own = equalBytes(absorbed.author, core.self.account);
  const now = core.clock.now();
  const awaited = [...parents.missing, ...parents.here.filter((parent) => parent.heldUntil > 0n)].length > 0;
  const line = !isAnnotation(content);
  const held = line && !own && awaited && !isNew;
  const row = create(StoredMessageSchema, {
    id,
    conversation: content.conversation,
    author: absorbed.author,
    device: absorbed.device,
    content: absorbed.bytes,
    height: BigInt(height),
    storedAt: BigInt(now),
    state: absorbed.state,
    heldUntil: held ? BigInt(now + core.settings.holdBackMs) : 0n,
    annotation: !line,
    counter: BigInt(content.counter),
  });

  const waited = conversation.missing.some((each) => equalBytes(each, id));
  advance(conversation, row, content, parents.missing, now);
  if (made === undefined) noteCounter(tx, row, now);
  if (made === undefined && line) annotateWaiting(tx, row);
  if (line) storeLine(tx, conversation, row);
  else storeAnnotation(tx, core, conversation, row);
  putConversation(tx, conversation);
  if (held || waited) tx.ring('held', conversationRef(content.conversation));
  if (line && !held) tellNew(tx, core, row);
  return { kind: 'stored', line, held };
}

/** Tells listeners of a message that took its place, as it is at the end of the event. */
export function tellNew(tx: Tx, core: Core, row: StoredMessage): void {
  tx.last(({ write }) => {
    const message = viewMessage(write, core.self, row);
    tx.emit(message.own ? { type: 'message-sent', message } : { type: 'message-received', message });
  });
}

export function tellUpdated(tx: Tx, core: Core, row: StoredMessage): void {
  if (!isLine(row) || row.heldUntil > 0n) return;
  tx.last(({ write }) => tx.emit({ type: 'message-updated', message: viewMessage(write, core.self, row) }));
}

function isAnnotation(content: Content): boolean {
  const { kind } = content.body;
  return kind === 'edit' || kind === 'delete' || kind === 'reaction';
}

function findParents(
  read: VaultReader,
  ids: readonly MessageId[],
): { readonly here: StoredMessage[]; readonly missing: MessageId[] } {
  const here: StoredMessage[] = [];
  const missing: MessageId[] = [];
  for (const id of ids) {
    const row = messages.get(read, messageRef(id));
    if (row === null) missing.push(id);
    else here.push(row);
  }
  return { here, missing };
}

function advance(
  conversation: StoredConversation,
  row: StoredMessage,
  content: Content,
  missing: readonly MessageId[],
  now: number,
): void {
  const before = { ends: endsOf(conversation), missing: conversation.missing.map(messageId) };
  setEnds(conversation, endsAfter(before, { place: placeOf(row), parents: content.parents, missing }));
  if (row.height > conversation.highest) conversation.highest = row.height;
  if (!row.annotation) conversation.activeAt = BigInt(now);
}

/** A device that uses a number twice was restored from a copy: the messages differ, so both are kept. */
function noteCounter(tx: Tx, row: StoredMessage, now: number): void {
  if (row.counter === 0n) return;
  const key = counterKey(conversationRef(row.conversation), deviceRef(row.device), Number(row.counter));
  const others = messages.find(tx.write, 'counter', key);
  if (others.length > 0) noteDown(tx, messageRef(row.id), now, { code: 'counter-reused' });
}

/** Edits and the like that came before their message. */
function annotateWaiting(tx: Tx, row: StoredMessage): void {
  let annotations = annotationsOf(row);
  for (const entry of messages.find(tx.write, 'target', messageRef(row.id))) {
    const annotation = annotationOf(entry.row);
    if (annotation !== null) annotations = annotate(annotations, accountId(row.author), annotation) ?? annotations;
  }
  setAnnotations(row, annotations);
}

function storeLine(tx: Tx, conversation: StoredConversation, row: StoredMessage): void {
  insertLine(tx, row);
  if (isUnread(row)) conversation.unread++;
  reindex(tx, row);
}

function storeAnnotation(tx: Tx, core: Core, conversation: StoredConversation, row: StoredMessage): void {
  writeMessage(tx, row);
  const annotation = annotationOf(row);
  const target = annotation === null ? null : messages.get(tx.write, annotation.target);
  if (annotation?.kind === 'delete' && target === null) noteAbsent(tx, row, annotation.target);
  if (annotation === null || target === null || target.annotation || target.absent) return;
  if (!equalBytes(target.conversation, row.conversation)) return;
  const annotations = annotate(annotationsOf(target), accountId(target.author), annotation);
  if (annotations === null) return;
  const wasUnread = isUnread(target);
  setAnnotations(target, annotations);
  writeMessage(tx, target);
  if (wasUnread && !isUnread(target)) conversation.unread = Math.max(0, conversation.unread - 1);
  if (annotation.kind !== 'reaction') {
    reindex(tx, target);
    const code: ReasonCode = annotation.kind === 'edit' ? 'edited' : 'deleted';
    noteDown(tx, messageRef(target.id), core.clock.now(), { code });
  }
  tellUpdated(tx, core, target);
}

/** What was taken back may never come; it is no gap then. */
function noteAbsent(tx: Tx, { conversation, storedAt }: StoredMessage, target: MessageRef): void {
  writeMessage(tx, create(StoredMessageSchema, { id: messageOf(target), conversation, storedAt, absent: true }));
}

function annotationOf(row: StoredMessage): (Annotation & { readonly target: MessageRef }) | null {
  if (row.content.length === 0) return null;
  const { body } = decodeContent(row.content);
  const by = { ...placeOf(row), account: accountId(row.author) };
  if (body.kind === 'edit')
    return { ...by, kind: 'edit', body: body.value.body, target: messageRef(body.value.message) };
  if (body.kind === 'delete') return { ...by, kind: 'delete', target: messageRef(body.value.message) };
  if (body.kind !== 'reaction') return null;
  return { ...by, kind: 'reaction', emoji: body.value.emoji, target: messageRef(body.value.message) };
}

/** Keeps what search finds in step with what is shown. */
function reindex(tx: Tx, row: StoredMessage): void {
  const ref = messageRef(row.id);
  const body = viewBody(row);
  if (body.kind === 'text') tx.write.index(ref, body.text, conversationRef(row.conversation));
  else tx.write.unindex(ref);
}
