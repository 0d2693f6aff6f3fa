import type { ProcessEntryResult } from '@sotto/engine';
import type { LogRecord } from '@sotto/gateway-api';
import { decodeLogEntry, equalBytes, logEntryIdOf, messageId, WireError } from '@sotto/wire';
import type { LogEntry } from '@sotto/wire';
import { StoredGroup_State } from '@sotto/wire/stored';
import type { StoredGroup, StoredGroupPost } from '@sotto/wire/stored';
import type { ConversationRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { sha256 } from '../core/core.ts';
import { conversationRef, deviceRef } from '../store/refs.ts';
import { groups } from '../store/tables.ts';
import { applyChange } from './apply.ts';
import { beginResync } from './begin-resync.ts';
import { sendInvitations } from './invite.ts';
import { planIntent } from './plan-intent.ts';
import { failAll, reached } from './poster.ts';
import { deletePost, intentsOf, postByEntry, postsOf, putGroup, putIntent, viewGroup } from './rows.ts';
import { advanceHistory, takeContent } from './take-content.ts';
import type { WorkerParts } from './worker-parts.ts';

/** What is to be looked at after an entry. */
export interface Taken {
  /** The epoch, or what is proposed in it, is not what it was. */
  readonly moved: boolean;
  /** This device came back in by its own external commit. */
  readonly rejoined: boolean;
}

/** The entry as it is read by everybody; null: it is none. */
function readEntry(record: LogRecord): LogEntry | null {
  try {
    return decodeLogEntry(record.entry);
  } catch (cause) {
    if (cause instanceof WireError) return null;
    throw cause;
  }
}

/** Writes down everything that one entry of the log means, the cursor included. */
export function takeEntry(
  tx: Tx,
  parts: WorkerParts,
  ref: ConversationRef,
  record: LogRecord,
  result: ProcessEntryResult,
): Taken {
  const group = groups.need(tx.write, ref);
  const entry = readEntry(record);
  group.cursor = BigInt(record.position);
  if (entry !== null && entry.kind !== 'message') group.barrier = BigInt(record.position);
  const taken = follow(tx, parts, ref, group, record, entry, result);
  putGroup(tx, group);
  return taken;
}

/**
 * So many entries in a row under unknown keys: a commit was kept from this device. Garbage on a losing branch looks the
 * same; then it costs a question.
 */
const MOST_STRANGERS = 8;

const quiet: Taken = { moved: false, rejoined: false };

function follow(
  tx: Tx,
  parts: WorkerParts,
  ref: ConversationRef,
  group: StoredGroup,
  record: LogRecord,
  entry: LogEntry | null,
  result: ProcessEntryResult,
): Taken {
  const { core, acquaintances } = parts;
  if (result.kind !== 'passed-over' && result.kind !== 'invalid') group.strangers = 0;
  switch (result.kind) {
    case 'message':
      if (group.state === StoredGroup_State.JOINED) {
        const { from, role, content: bytes } = result;
        takeContent({ tx, core, acquaintances, group, from, role, bytes });
      }
      return quiet;
    case 'own': {
      const post = postByEntry(tx.write, result.entryId);
      if (post !== null) readBack(tx, parts, group, post);
      return quiet;
    }
    case 'proposal': {
      const post = postByEntry(tx.write, result.entryId);
      if (post !== null) deletePost(tx, post);
      return { ...quiet, moved: true };
    }
    case 'commit': {
      const post = postByEntry(tx.write, result.entryId);
      const { change } = result;
      const rejoined = change.external && change.own && group.state === StoredGroup_State.RESYNCING;
      applyChange(tx, core, acquaintances, group, change, { position: record.position, at: record.storedAt });
      if (rejoined) comeBack(tx, parts, group);
      // Rows that what follows reads.
      putGroup(tx, group);
      for (const lost of change.lost) {
        const other = postByEntry(tx.write, lost);
        if (other !== null) overtaken(tx, parts, other);
      }
      if (post !== null) {
        sendInvitations(tx, core, acquaintances, group, post, record.position);
        parts.packages.used(
          ref,
          post.welcomes.map(({ device }) => deviceRef(device)),
        );
        deletePost(tx, post);
      }
      finishIntents(tx, parts, ref, group, post);
      if (change.removedSelf) closeAll(tx, parts, ref);
      return { moved: true, rejoined };
    }
    case 'passed-over':
      if (result.reason === 'unreadable-commit' && entry?.kind === 'commit') group.missed = entry.successor;
      if (result.reason === 'unknown-key' && entry !== null) {
        group.strangers++;
        const others = equalBytes(entry.epochKey, group.missed) || group.strangers >= MOST_STRANGERS;
        if (others) beginResync(tx, parts, group, 'cannot-follow');
      }
      if (result.reason === 'lost-commit') {
        const post = entry === null ? null : postByEntry(tx.write, entryIdOf(parts, record));
        if (post !== null) overtaken(tx, parts, post);
      }
      return quiet;
    case 'invalid': {
      // An own one may break a rule that came into force while it was on its way.
      const post = postByEntry(tx.write, entryIdOf(parts, record));
      if (post !== null) overtaken(tx, parts, post);
      return quiet;
    }
  }
}

function entryIdOf({ core }: WorkerParts, record: LogRecord): Uint8Array {
  return logEntryIdOf(record.entry, (...all) => sha256(core, ...all));
}

/** An own message came by in the log. */
function readBack(tx: Tx, { core }: WorkerParts, group: StoredGroup, post: StoredGroupPost): void {
  deletePost(tx, post);
  if (post.message.length === 0) return;
  reached(tx, core, post);
  advanceHistory(tx, group, messageId(post.message));
}

/** What a commit was for is tried again. */
export function overtaken(tx: Tx, { core, changes }: WorkerParts, post: StoredGroupPost): void {
  deletePost(tx, post);
  for (const intent of intentsOf(tx.write, conversationRef(post.group))) {
    if (!post.intents.some((id) => equalBytes(id, intent.id))) continue;
    changes.wait(tx, intent, 'overtaken', core.clock.now());
  }
}

/** Intents that are so now, by this commit or by another, are done. */
function finishIntents(
  tx: Tx,
  { core, acquaintances, changes }: WorkerParts,
  ref: ConversationRef,
  group: StoredGroup,
  post: StoredGroupPost | null,
): void {
  for (const intent of intentsOf(tx.write, ref)) {
    const carried = post?.intents.some((id) => equalBytes(id, intent.id)) ?? false;
    if (intent.kind.case === 'rotate') {
      if (carried) changes.end(tx, intent, { kind: 'done' });
      continue;
    }
    if (intent.kind.case === 'leave') {
      if (intent.kind.value.proposed) {
        intent.kind.value.proposed = false;
        putIntent(tx, intent);
      }
      continue;
    }
    const plan = planIntent(tx.write, core, acquaintances, group, intent);
    if (plan.kind === 'satisfied') changes.end(tx, intent, { kind: carried ? 'done' : 'already' });
  }
}

/** Nothing more is done in a group that is over. */
export function closeAll(tx: Tx, { core, changes }: WorkerParts, ref: ConversationRef): void {
  failAll(tx, core, postsOf(tx.write, ref));
  for (const intent of intentsOf(tx.write, ref)) {
    if (intent.kind.case === 'leave') changes.end(tx, intent, { kind: 'done' });
    else changes.end(tx, intent, { kind: 'refused', reason: 'group-over' });
  }
}

function comeBack(tx: Tx, { core }: WorkerParts, group: StoredGroup): void {
  group.state = StoredGroup_State.JOINED;
  group.reason = '';
  group.resyncRequest = new Uint8Array(0);
  const view = viewGroup(core, group);
  tx.last(() => tx.emit({ type: 'group-joined', group: view }));
}
