import { StoredGroup_State } from '@sotto/wire/stored';
import type { StoredGroup } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef } from '../store/refs.ts';
import { groups } from '../store/tables.ts';
import type { GroupReason } from './reasons.ts';
import { decisionsOf, deletePost, postsOf, putGroup, putPost, tellGroup } from './rows.ts';
import type { WorkerParts } from './worker-parts.ts';

/**
 * This device cannot follow the group any more: it asks to be brought back in. What it had posted to decide is dropped;
 * intents and messages wait. The row is left to the caller to store.
 */
export function beginResync(
  tx: Tx,
  { core }: Pick<WorkerParts, 'core'>,
  group: StoredGroup,
  reason: GroupReason,
): void {
  if (group.state !== StoredGroup_State.JOINED) return;
  const ref = conversationRef(group.id);
  group.state = StoredGroup_State.RESYNCING;
  group.reason = reason;
  group.missed = new Uint8Array(0);
  group.strangers = 0;
  group.resyncRequest = new Uint8Array(0);
  for (const post of decisionsOf(tx.write, ref)) deletePost(tx, post);
  tellGroup(tx, core, ref);
  tx.ring('group', ref);
}

/** The vault was set back, or has a twin: a leaf whose keys may be in use elsewhere is replaced before anything is sent. */
export function resyncAll(tx: Tx, core: Core): void {
  for (const { row } of groups.all(tx.write)) {
    if (row.state !== StoredGroup_State.JOINED) continue;
    row.resyncAt = 0n;
    // What is sealed was sealed under keys that may be used twice.
    for (const post of postsOf(tx.write, conversationRef(row.id))) {
      if (post.post.length > 0)
        putPost(tx, { ...post, post: new Uint8Array(0), entry: new Uint8Array(0), accepted: false });
    }
    beginResync(tx, { core }, row, 'rolled-back');
    putGroup(tx, row);
  }
}
