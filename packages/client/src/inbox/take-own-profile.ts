import type { Profile } from '@sotto/wire';
import { avatarText } from '../contacts/rows.ts';
import type { Opened, Taken } from './opened.ts';
import { requireProfile } from './take-contact.ts';

/** The profile was changed on another own device, which also tells contacts. */
export function takeOwnProfile({ tx, core }: Opened, profile: Profile): Taken {
  requireProfile(profile);
  core.own.update(tx, (row) => {
    if (row.profile !== undefined && profile.revision <= row.profile.revision) return;
    row.profile = profile;
    tx.emit({
      type: 'profile-changed',
      profile: { name: profile.name, avatarHash: avatarText(profile.avatarHash) },
    });
  });
  return 'receipt';
}
