import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayApiErrorCode } from '@sotto/gateway-api';
import { LogEntryKind } from '@sotto/wire';
import { StoredMessage_State } from '@sotto/wire/stored';
import type { StoredGroupPost } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import { note, removeOutbound, setState } from '../outbox/rows.ts';
import type { Tx } from '../store/ledger.ts';
import { messageRef } from '../store/refs.ts';
import { outbounds } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { deletePost, postByEntry, putPost } from './rows.ts';

/** What follows from posting an entry. */
export type Posted =
  | { readonly kind: 'accepted' }
  /** Another entry came first: what it was for is done again on what the group is then. */
  | { readonly kind: 'overtaken' }
  /** Its epoch is over: to be made anew in the present one. */
  | { readonly kind: 'stale' }
  /** The log will never take it. */
  | { readonly kind: 'hopeless'; readonly reason: 'too-large' | 'log-refused' }
  /** The admission does not hold any more. */
  | { readonly kind: 'not-admitted' }
  | { readonly kind: 'later'; readonly reason: Later; readonly retryAfterMs?: number };

/** Why an entry waits, as groups and as messages say it. */
type Later = 'waiting-connection' | 'log-full' | 'log-refused' | 'log-gone';

const codes: { readonly [Code in GatewayApiErrorCode]?: Posted } = {
  conflict: { kind: 'overtaken' },
  'stale-epoch': { kind: 'stale' },
  'too-large': { kind: 'hopeless', reason: 'too-large' },
  malformed: { kind: 'hopeless', reason: 'log-refused' },
  'unsupported-version': { kind: 'hopeless', reason: 'log-refused' },
  spent: { kind: 'not-admitted' },
  expired: { kind: 'not-admitted' },
  'log-full': { kind: 'later', reason: 'log-full' },
  'not-found': { kind: 'later', reason: 'log-gone' },
  'unknown-epoch': { kind: 'later', reason: 'log-refused' },
  signature: { kind: 'later', reason: 'log-refused' },
  quota: { kind: 'later', reason: 'log-refused' },
  'rate-limited': { kind: 'later', reason: 'log-refused' },
};

/** Reads a refusal. Rethrows what ends the call itself. */
export function outcomeOf(cause: unknown): Posted {
  if (!(cause instanceof GatewayApiError)) throw cause;
  if (cause.code === 'aborted' || cause.code === 'closed') throw cause;
  return codes[cause.code] ?? { kind: 'later', reason: 'waiting-connection' };
}

const messageReasons: Record<Later, ReasonCode> = {
  'waiting-connection': 'waiting-log',
  'log-full': 'log-full',
  'log-refused': 'log-refused',
  'log-gone': 'log-refused',
};

/** Why a message of a group waits; told once. */
function waitFor(tx: Tx, core: Core, post: StoredGroupPost, reason: ReasonCode): void {
  if (post.message.length === 0) return;
  const message = messageRef(post.message);
  const row = outbounds.get(tx.write, message);
  if (row === null || row.reason === reason) return;
  outbounds.put(tx.write, message, { ...row, reason });
  note(tx, core, message, reason);
}

/** Writes down that the log has an entry; it may have been read back before. */
export function noteAccepted(tx: Tx, core: Core, entry: Uint8Array): void {
  const post = postByEntry(tx.write, entry);
  if (post === null) return;
  if (post.message.length > 0) reached(tx, core, post);
  putPost(tx, { ...post, accepted: true });
}

/** A message is at the gateway: that is as far as the outbox takes it. */
export function reached(tx: Tx, core: Core, post: StoredGroupPost): void {
  const message = messageRef(post.message);
  if (outbounds.get(tx.write, message) === null) return;
  note(tx, core, message, 'group-accepted');
  setState(tx, core, message, StoredMessage_State.ACCEPTED);
  removeOutbound(tx, message);
  tx.ring('outbound', message);
}

/** Writes down that a message was not taken. */
export function noteRefused(tx: Tx, core: Core, post: StoredGroupPost, posted: Posted): void {
  switch (posted.kind) {
    case 'stale':
      waitFor(tx, core, post, 'epoch-passed');
      putPost(tx, { ...post, post: new Uint8Array(0), entry: new Uint8Array(0) });
      return;
    case 'hopeless':
      failMessage(tx, core, post, 'too-large');
      return;
    case 'later':
      waitFor(tx, core, post, messageReasons[posted.reason]);
      return;
    case 'accepted':
    case 'overtaken':
    case 'not-admitted':
      return;
  }
}

/** A message that can never be sent: it says so. */
function failMessage(tx: Tx, core: Core, post: StoredGroupPost, reason: ReasonCode): void {
  deletePost(tx, post);
  if (post.message.length === 0) return;
  const message = messageRef(post.message);
  if (outbounds.get(tx.write, message) === null) return;
  note(tx, core, message, reason);
  setState(tx, core, message, StoredMessage_State.FAILED);
  removeOutbound(tx, message);
  tx.ring('outbound', message);
}

/** Everything of a group that is over fails, and is forgotten. */
export function failAll(tx: Tx, core: Core, posts: readonly StoredGroupPost[]): void {
  for (const post of posts) {
    if (post.kind === LogEntryKind.MESSAGE) failMessage(tx, core, post, 'group-over');
    else deletePost(tx, post);
  }
}
