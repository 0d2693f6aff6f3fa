import { create } from '@bufbuild/protobuf';
import { IdentityError, makeProfile } from '@sotto/identity';
import { accountId, ProfileSchema } from '@sotto/wire';
import { StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import { avatarText, stateOf } from '../contacts/rows.ts';
import { sendProfile } from '../contacts/tell.ts';
import { composeControl } from '../conversations/compose.ts';
import { conversationWith } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { enqueue } from '../outbox/rows.ts';
import type { Tx } from '../store/ledger.ts';
import { contacts } from '../store/tables.ts';
import type { Profile } from './types.ts';

/** Changes the own profile and tells accepted contacts and own devices. Throws `invalid_argument`. */
export function editProfile(core: Core, change: Partial<Profile>): void {
  core.ledger.commit((tx) => {
    const { profile } = core.own.update(tx, (row) => {
      const hash =
        change.avatarHash === undefined ? (row.profile?.avatarHash ?? new Uint8Array(0)) : hashOf(change.avatarHash);
      const { name } = checked(change.name ?? row.profile?.name ?? '', hash);
      row.profile = create(ProfileSchema, { name, avatarHash: hash, revision: (row.profile?.revision ?? 0n) + 1n });
    });
    if (profile === undefined) return;
    for (const { row } of contacts.all(tx.write)) if (stateOf(row) === 'accepted') sendProfile(tx, core, row);
    tellOwnDevices(tx, core, profile);
    tx.emit({ type: 'profile-changed', profile: { name: profile.name, avatarHash: avatarText(profile.avatarHash) } });
  });
}

function tellOwnDevices(tx: Tx, core: Core, value: NonNullable<ReturnType<Core['own']['row']>['profile']>): void {
  if (core.own.otherDevices().length === 0) return;
  const conversation = conversationWith(core, accountId(core.self.account));
  const { id, bytes } = composeControl(core, conversation, { kind: 'profile', value });
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

function hashOf(text: string | null): Uint8Array {
  if (text === null) return new Uint8Array(0);
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new MessengerError('invalid_argument', 'an avatar hash has 64 hexadecimal digits');
  return Buffer.from(text, 'hex');
}

function checked(name: string, hash: Uint8Array): { readonly name: string } {
  try {
    return makeProfile(name, hash.length === 0 ? null : hash);
  } catch (cause) {
    if (!(cause instanceof IdentityError)) throw cause;
    throw new MessengerError('invalid_argument', cause.message, { cause });
  }
}
