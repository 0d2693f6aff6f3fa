import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { accountId, equalBytes, messageId } from '@sotto/wire';
import type { AccountId, Content, DeviceId, MessageId } from '@sotto/wire';
import { StoredMessage_State, StoredMessageSchema } from '@sotto/wire/stored';
import type { StoredConversation, StoredMessage } from '@sotto/wire/stored';

import { dropFiles } from '../attachments/rows.ts';
import type { Core } from '../core/core.ts';
import type { MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, conversationRef, deviceRef, messageOf, messageRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { noteDown } from '../trail/store.ts';
import { annotate } from './annotate.ts';
import type { Annotation } from './annotate.ts';
import { messageCame } from '../healing/heal.ts';
import { forgetSent } from '../healing/sent-log.ts';
import { wantMessage } from '../healing/wanted.ts';
import { startElsewhere } from './countdown.ts';
import { endsAfter } from './ends.ts';
import { heightTaken } from './order.ts';
import { insertLine, isAnnotation, isLine, isUnread, placeOf, writeMessage } from './placing.ts';
import { scrubEdits } from './remove.ts';
import { conversationRow, counterKey, endsOf, putConversation, setEnds } from './rows.ts';
import { unarchive } from './settings.ts';
import { startCountdown } from './start-countdown.ts';
import { tellNew, tellSettings, tellUpdated } from './tell.ts';
import { followTimer } from './timer.ts';
import { annotationBody, annotationsOf, setAnnotations, viewBody } from './view.ts';

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
  const line = !isAnnotation(content.body);
  // A group's log keeps the order: what is not here by now does not come in a moment.
  const held = line && !own && awaited && !isNew && !conversation.group;
  const row = create(StoredMessageSchema, {
    id,
    conversation: content.conversation,
    author: absorbed.author,
    device: absorbed.device,
    content: absorbed.bytes,
    height: BigInt(height),
    storedAt: BigInt(now),
    // What only says how the conversation goes on is no news to be read.
    state: content.body.kind === 'setTimer' && !own ? StoredMessage_State.READ : absorbed.state,
    heldUntil: held ? BigInt(now + core.settings.holdBackMs) : 0n,
    annotation: !line,
    counter: BigInt(content.counter),
  });

  const waited = conversation.missing.some((each) => equalBytes(each, id));
  advance(conversation, row, content, parents.missing, now);
  if (made === undefined) noteCounter(tx, row, now);
  if (made === undefined && line) annotateWaiting(tx, row);
  followTimers(tx, core, conversation, row, content);
  if (line) storeLine(tx, core, conversation, row);
  else storeAnnotation(tx, core, conversation, row);
  // Written on another own device, so it left there.
  if (made === undefined && own) startCountdown(tx, row, startElsewhere(content.sentAt, now));
  putConversation(tx, conversation);
  if (made === undefined) messageCame(tx, core, messageRef(id));
  // Before the first message that this device has, nothing is missing; what a group has, its log brings.
  if (made === undefined && !isNew && !conversation.group) wantMissing(tx, core, absorbed, parents.missing);
  if (held || waited) tx.ring('held', conversationRef(content.conversation));
  if (line && !held) tellNew(tx, core, row);
  return { kind: 'stored', line, held };
}

/** The disappearing timer that this content sets, or that its author had seen set. */
function followTimers(
  tx: Tx,
  core: Core,
  conversation: StoredConversation,
  row: StoredMessage,
  content: Content,
): void {
  // In groups it is one of their rules.
  if (conversation.group) return;
  const { timer, body } = content;
  // A claim is worth no more than its content's own place.
  const followed = timer !== null && timer.height < row.height && followTimer(conversation, timer);
  const set =
    body.kind === 'setTimer' &&
    followTimer(conversation, { seconds: body.value.seconds, setBy: messageId(row.id), height: Number(row.height) });
  if (!followed && !set) return;
  tx.emit({
    type: 'timer-changed',
    conversation: conversationRef(conversation.id),
    seconds: conversation.timer?.seconds || null,
  });
}

/** Earlier messages that were named and are not here: who named them is asked first. */
function wantMissing(tx: Tx, core: Core, { author, device, content }: Absorbed, missing: readonly MessageId[]): void {
  const { conversation } = content;
  for (const id of missing) wantMessage(tx, core, { id, conversation, account: author, device });
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

function storeLine(tx: Tx, core: Core, conversation: StoredConversation, row: StoredMessage): void {
  insertLine(tx, row);
  if (isUnread(row)) {
    conversation.unread++;
    if (unarchive(conversation, core.clock.now())) tellSettings(tx, core, conversation);
  }
  reindex(tx, row);
}

function storeAnnotation(tx: Tx, core: Core, conversation: StoredConversation, row: StoredMessage): void {
  writeMessage(tx, row);
  const annotation = annotationOf(row);
  const target = annotation === null ? null : messages.get(tx.write, annotation.target);
  if (annotation?.kind === 'delete' && target === null) noteAbsent(tx, row, annotation.target);
  if (annotation !== null && isPointless(tx.write, annotation, target)) {
    row.content = new Uint8Array(0);
    writeMessage(tx, row);
  }
  if (annotation === null || target === null || !isLine(target)) return;
  if (!equalBytes(target.conversation, row.conversation)) return;
  const annotations = annotate(annotationsOf(target), accountId(target.author), annotation);
  if (annotations === null) return;
  const wasUnread = isUnread(target);
  setAnnotations(target, annotations);
  if (annotation.kind === 'delete') {
    scrubEdits(tx, target);
    dropFiles(tx, messageRef(target.id));
    forgetSent(tx, messageRef(target.id));
  }
  writeMessage(tx, target);
  if (wasUnread && !isUnread(target)) conversation.unread = Math.max(0, conversation.unread - 1);
  if (annotation.kind === 'edit' || annotation.kind === 'delete') {
    reindex(tx, target);
    const code: ReasonCode = annotation.kind === 'edit' ? 'edited' : 'deleted';
    noteDown(tx, messageRef(target.id), core.clock.now(), { code });
  }
  if (annotation.kind === 'pin') tellPinned(tx, target);
  tellUpdated(tx, core, target);
}

function tellPinned(tx: Tx, { id, conversation, pin }: StoredMessage): void {
  if (pin === undefined) return;
  tx.emit({
    type: 'pins-changed',
    conversation: conversationRef(conversation),
    message: messageRef(id),
    pinned: pin.pinned,
    account: accountRef(pin.account),
  });
}

/** About a message that is gone for good, or was taken back: a text nobody will see is not kept. */
function isPointless(read: VaultReader, annotation: Targeted, target: StoredMessage | null): boolean {
  if (annotation.kind === 'delete') return false;
  if (target !== null && (target.gone || target.deleted)) return true;
  return messages.find(read, 'target', annotation.target).some(({ row }) => {
    const other = annotationOf(row);
    return other?.kind === 'delete' && equalBytes(other.account, annotation.account);
  });
}

/** What was taken back may never come; it is no gap then. */
function noteAbsent(tx: Tx, { conversation, storedAt }: StoredMessage, target: MessageRef): void {
  writeMessage(tx, create(StoredMessageSchema, { id: messageOf(target), conversation, storedAt, absent: true }));
}

type Targeted = Annotation & { readonly target: MessageRef };

function annotationOf(row: StoredMessage): Targeted | null {
  const body = annotationBody(row);
  if (body === null) return null;
  const by = { ...placeOf(row), account: accountId(row.author), target: messageRef(body.value.message) };
  switch (body.kind) {
    case 'edit':
      return { ...by, kind: 'edit', body: body.value.body, mentions: body.value.mentions };
    case 'delete':
      return { ...by, kind: 'delete' };
    case 'reaction':
      return { ...by, kind: 'reaction', emoji: body.value.emoji };
    case 'pin':
      return { ...by, kind: 'pin', pinned: body.value.pinned };
  }
}

/** Keeps what search finds in step with what is shown. */
function reindex(tx: Tx, row: StoredMessage): void {
  const ref = messageRef(row.id);
  const body = viewBody(row);
  if (body.kind !== 'text') return tx.write.unindex(ref);
  const words = [body.text, ...body.attachments.map(({ name }) => name)].join('\n');
  tx.write.index(ref, words, conversationRef(row.conversation));
}
