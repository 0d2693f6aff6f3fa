import { create } from '@bufbuild/protobuf';
import { LogEntryKind } from '@sotto/wire';
import type { ContentDraft, ConversationId } from '@sotto/wire';
import { StoredGroupPostSchema, StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import type { StoredGroup, StoredGroupPost } from '@sotto/wire/stored';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { composeControl } from '../conversations/compose.ts';
import type { Composed } from '../conversations/compose.ts';
import type { Core } from '../core/core.ts';
import { enqueue } from '../outbox/rows.ts';
import type { ConversationRef, MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef } from '../store/refs.ts';
import { groups } from '../store/tables.ts';
import { putPost } from './rows.ts';

/** The next post of a group; the caller completes and stores it, and the group's row with it. */
export function newPost(
  tx: Tx,
  group: StoredGroup,
  post: Exclude<MessageInitShape<typeof StoredGroupPostSchema>, StoredGroupPost>,
): StoredGroupPost {
  group.posts++;
  groups.put(tx.write, conversationRef(group.id), group);
  return create(StoredGroupPostSchema, { ...post, group: group.id, number: group.posts });
}

/** Puts a message into the outbox of a group: sealed when its turn comes, in the epoch of that moment. */
export function enqueueMessage(
  tx: Tx,
  core: Core,
  ref: ConversationRef,
  { id, bytes, content }: Composed,
  afterUpload: boolean,
): MessageRef {
  const message = enqueue(tx, core, {
    id,
    bytes,
    conversation: content.conversation,
    recipient: null,
    audience: StoredOutbound_Audience.GROUP,
    until: StoredOutbound_Until.ACCEPTED,
    urgent: content.body.kind === 'text',
    afterUpload,
  });
  putPost(tx, newPost(tx, groups.need(tx.write, ref), { kind: LogEntryKind.MESSAGE, message: id }));
  tx.ring('group', ref);
  return message;
}

/** Puts what takes no place in the conversation into the log: receipts, a profile. After `lifeMs` it is not worth it. */
export function enqueueControl(
  tx: Tx,
  core: Core,
  group: StoredGroup,
  body: ContentDraft['body'],
  lifeMs: number,
): void {
  const { bytes } = composeControl(core, group.id as ConversationId, body);
  const expiresAt = BigInt(core.clock.now() + lifeMs);
  putPost(tx, newPost(tx, group, { kind: LogEntryKind.MESSAGE, content: bytes, expiresAt }));
  tx.ring('group', conversationRef(group.id));
}
