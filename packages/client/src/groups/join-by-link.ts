import { create } from '@bufbuild/protobuf';
import { StoredGroup_State, StoredGroupInvitationSchema, StoredGroupSchema } from '@sotto/wire/stored';
import type { Contacts } from '../contacts/contacts.ts';
import { sha256 } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { accountOf, conversationRef } from '../store/refs.ts';
import { groups } from '../store/tables.ts';
import { askIn } from './join-request.ts';
import { parseGroupLink } from './link.ts';
import { putGroup, tellGroup, viewGroup } from './rows.ts';
import type { Group } from './types.ts';

/** Asks whoever made a link to be let in, and to become a contact where they are none yet. */
export async function joinByLink(
  core: Core,
  contacts: Contacts,
  text: string,
  options: { readonly signal?: AbortSignal },
): Promise<Group> {
  const link = parseGroupLink(text, (...all) => sha256(core, ...all));
  const ref = conversationRef(link.group);
  const known = core.ledger.read((read) => groups.get(read, ref));
  if (known?.state === StoredGroup_State.JOINED)
    throw new MessengerError('wrong_state', 'this account is in the group');
  const contact = await contacts.add(link.contact, options);
  const account = accountOf(contact.account);
  return core.ledger.commit((tx) => {
    const row = groups.get(tx.write, ref) ?? create(StoredGroupSchema, { id: link.group });
    if (row.state === StoredGroup_State.JOINED) throw new MessengerError('wrong_state', 'this account is in the group');
    row.state = StoredGroup_State.ASKING;
    row.reason = '';
    row.invitation = create(StoredGroupInvitationSchema, { inviter: account, invitedAt: BigInt(core.clock.now()) });
    putGroup(tx, row);
    askIn(tx, core, account, link.group, link.secret);
    tellGroup(tx, core, ref);
    return viewGroup(core, row);
  });
}
