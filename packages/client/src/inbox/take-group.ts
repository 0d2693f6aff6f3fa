import { create, toBinary } from '@bufbuild/protobuf';
import { equalBytes, GroupInvitationSchema, GroupResyncInfoSchema } from '@sotto/wire';
import type { GroupDecision, GroupInvitation, GroupResyncInfo, GroupResyncRequest } from '@sotto/wire';
import {
  StoredGroup_State,
  StoredGroupInvitationSchema,
  StoredGroupOfferSchema,
  StoredGroupSchema,
} from '@sotto/wire/stored';
import type { StoredGroup } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { decideInvitation } from '../groups/decide.ts';
import { findMember, putGroup } from '../groups/rows.ts';
import { viewInvitation } from '../groups/view-invitation.ts';
import { conversationRef, deviceRef } from '../store/refs.ts';
import { groupOffers, groups } from '../store/tables.ts';
import { NotTaken } from './opened.ts';
import type { Opened, Taken } from './opened.ts';

/** A group, of which nothing is known here yet but what others say about this account. */
function newGroup(id: Uint8Array): StoredGroup {
  return create(StoredGroupSchema, { id, state: StoredGroup_State.INVITED });
}

/** This device was added to a group: by a contact, or by another own device. */
export function takeGroupInvitation(opened: Opened, invitation: GroupInvitation): Taken {
  const { tx, core, contact, account, content } = opened;
  const ref = conversationRef(content.conversation);
  if (!equalBytes(invitation.inviter, account)) throw new NotTaken('invalid-content');
  const known = groups.get(tx.write, ref);
  // Whoever is in it has no need of an invitation; one that is told again is the same.
  const isOpen = known === null || isAwaiting(known);
  if (!isOpen) return 'receipt';
  const asked = known?.state === StoredGroup_State.ASKING;
  const decided = known?.state === StoredGroup_State.INVITED && known.invitation?.accepted === true;
  const row = known ?? newGroup(content.conversation);
  row.state = StoredGroup_State.INVITED;
  row.reason = '';
  if (invitation.log !== undefined) row.log = invitation.log;
  row.invitation = create(StoredGroupInvitationSchema, {
    name: invitation.name,
    inviter: invitation.inviter,
    members: invitation.members,
    invitedAt: BigInt(core.clock.now()),
    // From an own device: the account is in it already.
    accepted: asked || decided || contact === null,
    content: toBinary(GroupInvitationSchema, invitation),
  });
  putGroup(tx, row);
  const view = viewInvitation(row);
  if (view === null) tx.ring('group', ref);
  else if (isWelcome(core, view)) decideInvitation(tx, core, row, true, 'here');
  else tx.emit({ type: 'group-invited', invitation: view });
  return 'receipt';
}

function isAwaiting({ state }: StoredGroup): boolean {
  return (
    state === StoredGroup_State.INVITED ||
    state === StoredGroup_State.ASKING ||
    state === StoredGroup_State.LEFT ||
    state === StoredGroup_State.REMOVED
  );
}

/** Whether the settings accept an invitation without asking anybody; a rule that fails decides nothing. */
function isWelcome(core: Core, invitation: NonNullable<ReturnType<typeof viewInvitation>>): boolean {
  const { autoAcceptGroups } = core.settings;
  if (typeof autoAcceptGroups === 'boolean') return autoAcceptGroups;
  try {
    return autoAcceptGroups(invitation);
  } catch (cause) {
    core.background.report(new MessengerError('listener_failed', 'the rule for group invitations failed', { cause }));
    return false;
  }
}

/** Another own device tells how the person answered; the invitation to this device may come later. */
export function takeGroupDecision({ tx, core }: Opened, decision: GroupDecision): Taken {
  const ref = conversationRef(decision.group);
  const known = groups.get(tx.write, ref);
  const row = known ?? newGroup(decision.group);
  if (row.state !== StoredGroup_State.INVITED) return 'receipt';
  row.invitation ??= create(StoredGroupInvitationSchema, { inviter: core.self.account });
  decideInvitation(tx, core, row, decision.accepted, 'elsewhere');
  return 'receipt';
}

/** A device of a member lost its way and asks to be brought back in. */
export function takeResyncRequest(opened: Opened, { request }: GroupResyncRequest): Taken {
  const { tx, account, device, content } = opened;
  const ref = conversationRef(content.conversation);
  const row = groups.get(tx.write, ref);
  if (row?.state !== StoredGroup_State.JOINED || findMember(tx.write, ref, account) === null) return 'receipt';
  const offer = create(StoredGroupOfferSchema, { group: row.id, account, device, request });
  groupOffers.put(tx.write, `${ref}/${deviceRef(device)}`, offer, { lookups: [['group', ref]] });
  tx.ring('group', ref);
  return 'receipt';
}

/** What this device asked for. The first answer is taken; it proves itself against the group and its log. */
export function takeResyncInfo(opened: Opened, info: GroupResyncInfo): Taken {
  const { tx, account, content } = opened;
  const ref = conversationRef(content.conversation);
  const row = groups.get(tx.write, ref);
  if (row?.state !== StoredGroup_State.RESYNCING || findMember(tx.write, ref, account) === null) return 'receipt';
  if (row.resyncRequest.length === 0 || !equalBytes(row.resyncRequest, info.request)) return 'receipt';
  row.resyncRequest = new Uint8Array(0);
  row.resyncInfo = toBinary(GroupResyncInfoSchema, info);
  putGroup(tx, row);
  tx.ring('group', ref);
  return 'receipt';
}
