import { StoredGroup_State } from '@sotto/wire/stored';
import type { StoredGroup } from '@sotto/wire/stored';
import { accountRef, conversationRef } from '../store/refs.ts';
import type { GroupInvitation } from './types.ts';

/** An invitation that waits for an answer; null: there is none. */
export function viewInvitation(row: StoredGroup): GroupInvitation | null {
  const { invitation } = row;
  if (row.state !== StoredGroup_State.INVITED || invitation === undefined || invitation.accepted) return null;
  return {
    group: conversationRef(row.id),
    name: invitation.name,
    inviter: accountRef(invitation.inviter),
    members: invitation.members,
    invitedAt: Number(invitation.invitedAt),
  };
}
