import { create } from '@bufbuild/protobuf';
import type { GroupDevice, GroupRoleName } from '@sotto/engine';
import { accountId, conversationId, decodeContent, deviceId, equalBytes, messageId, Receipt_Kind } from '@sotto/wire';
import { WireError } from '@sotto/wire';
import type { Content, MessageId } from '@sotto/wire';
import { StoredMessage_State, StoredMessageSchema } from '@sotto/wire/stored';
import type { StoredGroup } from '@sotto/wire/stored';
import { absorb } from '../conversations/absorb.ts';
import { writeMessage } from '../conversations/placing.ts';
import { contentId } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { confirm } from '../outbox/confirm.ts';
import { cancelDeleted } from '../outbox/rows.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, conversationRef, messageRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import { noteDown } from '../trail/store.ts';
import type { Acquaintances } from './acquaintances.ts';
import { MOST_RECEIPTED, oweGroup } from './receipts.ts';
import { requireRules } from './rows.ts';
import { maySay } from './writable.ts';

/** A decrypted content of a group, and the member it comes from, authenticated. */
export interface GroupContent {
  readonly tx: Tx;
  readonly core: Core;
  readonly acquaintances: Acquaintances;
  /** Changed and stored by the caller. */
  readonly group: StoredGroup;
  readonly from: GroupDevice;
  /** By the rules in force. */
  readonly role: GroupRoleName;
  readonly bytes: Uint8Array;
}

/** Does what a content says, as far as its sender may say it in this group; anything else leaves no trace. */
export function takeContent(taking: GroupContent): void {
  const content = read(taking.bytes);
  if (content === null || !equalBytes(content.conversation, taking.group.id)) return;
  const { tx, core, group, from, acquaintances } = taking;
  const account = accountId(from.account);
  const own = equalBytes(account, core.self.account);
  switch (content.body.kind) {
    case 'text':
    case 'reaction':
    case 'edit':
    case 'delete':
    case 'pin':
    case 'unknown':
      if (content.counter > 0) takeMessage(taking, content);
      return;
    case 'receipt': {
      if (own || group.accounts > MOST_RECEIPTED) return;
      const kind = content.body.value.kind === Receipt_Kind.READ ? 'read' : 'delivered';
      for (const id of content.body.value.messages) {
        const message = messageRef(messageId(id));
        confirm(tx, core, {
          message,
          account,
          device: deviceId(from.device),
          kind,
          group: conversationId(group.id),
        });
      }
      return;
    }
    case 'profile':
      if (!own) acquaintances.named(tx, account, content.body.value);
      return;
    case 'typing':
      if (own) return;
      tx.emit({
        type: 'typing',
        conversation: conversationRef(group.id),
        account: accountRef(account),
        active: content.body.value.active,
      });
      return;
    // These go over pairwise sessions, or are rules of the group.
    case 'setTimer':
    case 'contactRequest':
    case 'contactAnswer':
    case 'addresses':
    case 'syncState':
    case 'sessionRefresh':
    case 'conversationSync':
    case 'retryRequest':
    case 'retryAnswer':
    case 'backfill':
    case 'groupInvitation':
    case 'groupResyncRequest':
    case 'groupResyncInfo':
    case 'groupJoinRequest':
    case 'groupJoinRefusal':
    case 'groupDecision':
      return;
  }
}

function read(bytes: Uint8Array): Content | null {
  try {
    return decodeContent(bytes);
  } catch (cause) {
    if (cause instanceof WireError) return null;
    throw cause;
  }
}

function takeMessage({ tx, core, group, from, role, bytes }: GroupContent, content: Content): void {
  const { kind } = content.body;
  if (kind !== 'unknown' && !maySay(requireRules(group), role, kind)) return;
  const account = accountId(from.account);
  const device = deviceId(from.device);
  const own = equalBytes(account, core.self.account);
  const id = contentId(core, device, bytes);
  placeWhatCameBefore(tx, core, group, content);
  const absorption = absorb(tx, core, {
    content,
    bytes,
    id,
    author: account,
    device,
    contact: null,
    // An own one read back from the log is at the gateway.
    state: own ? StoredMessage_State.ACCEPTED : StoredMessage_State.RECEIVED,
  });
  const ref = messageRef(id);
  const now = core.clock.now();
  if (absorption.kind === 'duplicate') {
    noteDown(tx, ref, now, { code: 'duplicate' });
    return;
  }
  cancelDeleted(tx, core, content);
  advanceHistory(tx, group, id);
  noteDown(tx, ref, now, { code: own ? 'received-own' : 'received-group' });
  if (!own && absorption.line) oweGroup(tx, group, 'delivered', [id]);
}

/** What was written before this device came never comes, and is no gap. */
function placeWhatCameBefore(tx: Tx, core: Core, group: StoredGroup, content: Content): void {
  if (BigInt(content.height) > group.horizon + 1n) return;
  for (const id of content.parents) {
    if (messages.get(tx.write, messageRef(id)) !== null) continue;
    const storedAt = BigInt(core.clock.now());
    writeMessage(tx, create(StoredMessageSchema, { id, conversation: group.id, storedAt, absent: true }));
  }
}

/** The end of the conversation as the log has it: notices and newcomers begin there. */
export function advanceHistory(tx: Tx, group: StoredGroup, id: MessageId): void {
  const row = messages.get(tx.write, messageRef(id));
  if (row === null || row.height <= (group.history?.height ?? 0n)) return;
  group.history = { $typeName: 'sotto.wire.v1.HistoryPoint', message: id, height: row.height };
}
