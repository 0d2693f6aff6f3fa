import { StoredGroup_State, StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import type { StoredGroup } from '@sotto/wire/stored';
import { composeControl } from '../conversations/compose.ts';
import { conversationWith } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { enqueue } from '../outbox/rows.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef } from '../store/refs.ts';
import { putGroup, tellGroup, viewGroup } from './rows.ts';

/** The person's answer to an invitation, given here or on another own device, which then knows it already. */
export function decideInvitation(
  tx: Tx,
  core: Core,
  row: StoredGroup,
  accepted: boolean,
  where: 'here' | 'elsewhere',
): void {
  const ref = conversationRef(row.id);
  if (row.invitation === undefined) return;
  if (accepted) row.invitation.accepted = true;
  else {
    row.state = StoredGroup_State.LEFT;
    row.reason = 'declined';
  }
  putGroup(tx, row);
  if (where === 'here') tellOwnDevices(tx, core, row.id, accepted);
  tx.ring('group', ref);
  if (accepted) {
    tellGroup(tx, core, ref);
    return;
  }
  const view = viewGroup(core, row);
  tx.last(() => tx.emit({ type: 'group-left', group: view, reason: 'declined' }));
}

function tellOwnDevices(tx: Tx, core: Core, group: Uint8Array, accepted: boolean): void {
  if (core.own.otherDevices().length === 0) return;
  const { id, bytes } = composeControl(core, conversationWith(core, core.self.account), {
    kind: 'groupDecision',
    value: { group, accepted, decidedAt: BigInt(core.clock.now()) },
  });
  enqueue(tx, core, {
    id,
    bytes,
    conversation: null,
    recipient: null,
    audience: StoredOutbound_Audience.OWN,
    until: StoredOutbound_Until.DELIVERED,
    urgent: false,
  });
}
