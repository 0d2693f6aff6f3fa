import type { VaultReader } from '@sotto/vault';
import { accountId, decodeContent, equalBytes, messageId } from '@sotto/wire';
import type { Attachment, Content } from '@sotto/wire';
import { StoredMessage_State } from '@sotto/wire/stored';
import type { StoredMessage } from '@sotto/wire/stored';
import type { AttachmentInfo } from '../attachments/types.ts';
import { viewAttachment, viewAttachments } from '../attachments/view.ts';
import { MessengerError } from '../error.ts';
import type { SelfIds } from '../core/core.ts';
import type { MessageRef } from '../refs.ts';
import { outboxReason } from '../outbox/reason.ts';
import { countdownOf } from '../store/countdowns.ts';
import { accountRef, conversationRef, deviceRef, messageRef } from '../store/refs.ts';
import { readTrail } from '../trail/store.ts';
import type { Annotations } from './annotate.ts';
import { dueAt } from './countdown.ts';
import { isAnnotation } from './placing.ts';
import type { AnnotationBody } from './placing.ts';
import { readMentions } from './mentions.ts';
import type { Message, MessageBody, MessageState } from './types.ts';

const states: Partial<Record<StoredMessage_State, MessageState>> = {
  [StoredMessage_State.WAITING]: 'waiting',
  [StoredMessage_State.ACCEPTED]: 'accepted',
  [StoredMessage_State.DELIVERED]: 'delivered',
  [StoredMessage_State.READ]: 'read',
  [StoredMessage_State.EXPIRED]: 'expired',
  [StoredMessage_State.FAILED]: 'failed',
  [StoredMessage_State.RECEIVED]: 'received',
};

export function messageState(row: StoredMessage): MessageState {
  const state = states[row.state];
  if (state === undefined) throw new MessengerError('corrupt_store', 'a message is stored in an unknown state');
  return state;
}

/** A stored message as people see it. */
export function viewMessage(read: VaultReader, self: SelfIds, row: StoredMessage): Message {
  const id = messageRef(row.id);
  const content = contentOf(row);
  const own = equalBytes(row.author, self.account);
  const expiresAfter = content === null || isTimer(content) ? null : content.timer?.seconds || null;
  return {
    id,
    conversation: conversationRef(row.conversation),
    author: accountRef(row.author),
    device: deviceRef(row.device),
    own,
    body: bodyOf(row, content, (attachments) => viewAttachments(read, id, attachments)),
    pinned: row.pin?.pinned === true,
    mentioned: isNamed(self, row, content),
    expiresAfter,
    expiresAt: expiresAfter === null ? null : expiryOf(read, id),
    reactions: row.reactions
      .filter((reaction) => reaction.emoji !== '')
      .map((reaction) => ({ account: accountRef(reaction.account), emoji: reaction.emoji })),
    state: messageState(row),
    reason: (own ? outboxReason(read, id) : null) ?? readTrail(read, id).steps.at(-1)?.code ?? 'stored',
    sentAt: content?.sentAt ?? Number(row.storedAt),
    storedAt: Number(row.storedAt),
  };
}

/** What it shows, whatever became of it otherwise. */
export function viewBody(row: StoredMessage): MessageBody {
  return bodyOf(row, contentOf(row), (attachments) =>
    attachments.map((each, index) => viewAttachment(each, index, [])),
  );
}

/** The own account is named in its text, as it is now. */
function isNamed(self: SelfIds, row: StoredMessage, content: Content | null): boolean {
  if (content?.body.kind !== 'text') return false;
  const { mentions } = row.edit ?? content.body.value;
  return mentions.some((mention) => equalBytes(mention.account, self.account));
}

function isTimer({ body }: Content): boolean {
  return body.kind === 'setTimer';
}

function expiryOf(read: VaultReader, message: MessageRef): number | null {
  const countdown = countdownOf(read, message);
  return countdown === null ? null : dueAt(countdown);
}

function contentOf(row: StoredMessage): Content | null {
  return row.content.length === 0 ? null : decodeContent(row.content);
}

type ViewAttachments = (attachments: readonly Attachment[]) => readonly AttachmentInfo[];

function bodyOf(row: StoredMessage, content: Content | null, view: ViewAttachments): MessageBody {
  if (row.deleted || content === null) return { kind: 'deleted' };
  if (content.body.kind === 'setTimer') return { kind: 'timer', seconds: content.body.value.seconds || null };
  if (content.body.kind !== 'text') return { kind: 'unsupported' };
  const { body, replyTo, mentions, forwarded, attachments } = content.body.value;
  const text = row.edit?.body ?? body;
  return {
    kind: 'text',
    text,
    mentions: readMentions(text, row.edit?.mentions ?? mentions),
    forwarded,
    attachments: view(attachments),
    replyTo: replyTo.length === 0 ? null : messageRef(replyTo),
    edited: row.edit !== undefined,
  };
}

/** What an annotation says; null: it is none, or what it said is gone. */
export function annotationBody(row: StoredMessage): AnnotationBody | null {
  const body = row.annotation ? contentOf(row)?.body : undefined;
  return body !== undefined && isAnnotation(body) ? body : null;
}

/** What edits, deletions, reactions and pins have made of it so far. */
export function annotationsOf(row: StoredMessage): Annotations {
  const { edit, pin } = row;
  return {
    deleted: row.deleted,
    edit:
      edit === undefined
        ? null
        : { id: messageId(edit.id), height: Number(edit.height), body: edit.body, mentions: edit.mentions },
    pin:
      pin === undefined
        ? null
        : {
            account: accountId(pin.account),
            id: messageId(pin.id),
            height: Number(pin.height),
            pinned: pin.pinned,
          },
    reactions: row.reactions.map(({ account, id, height, emoji }) => ({
      account: accountId(account),
      id: messageId(id),
      height: Number(height),
      emoji,
    })),
  };
}

/** Writes them back; a deletion takes the text along. */
export function setAnnotations(row: StoredMessage, { deleted, edit, reactions, pin }: Annotations): void {
  row.deleted = deleted;
  if (deleted) row.content = new Uint8Array(0);
  if (edit === null) delete row.edit;
  else
    row.edit = {
      $typeName: 'sotto.client.v1.StoredEdit',
      id: edit.id,
      height: BigInt(edit.height),
      body: edit.body,
      mentions: [...edit.mentions],
    };
  if (pin === null) delete row.pin;
  else row.pin = { $typeName: 'sotto.client.v1.StoredPin', ...pin, height: BigInt(pin.height) };
  row.reactions = reactions.map(({ account, id, height, emoji }) => ({
    $typeName: 'sotto.client.v1.StoredReaction',
    account,
    id,
    height: BigInt(height),
    emoji,
  }));
}
