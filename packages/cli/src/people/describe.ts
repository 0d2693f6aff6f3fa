import type { Contact, GroupState, IdentityChange } from '@sotto/client';
import { cleanName } from '../output/clean.ts';
import { nameOf } from './find-contact.ts';

/** How a contact stands, in a few words. */
export function describeState(contact: Contact): string {
  switch (contact.state) {
    case 'requested':
      return 'asked, no answer yet';
    case 'incoming':
      return 'wants to write to you';
    case 'accepted':
      return 'contact';
    case 'declined':
      return 'declined';
    case 'blocked':
      return 'blocked';
  }
}

/** Whether somebody compared safety numbers. */
export function describeVerification(contact: Contact): string {
  switch (contact.verification) {
    case 'unverified':
      return 'not verified';
    case 'verified':
      return 'verified';
    case 'changed':
      return 'DEVICES CHANGED since you verified';
  }
}

/** The alarm of a changed identity, as sentences. */
export function describeChange(contact: Contact, change: IdentityChange): string {
  const name = nameOf(contact);
  switch (change.kind) {
    case 'device-added':
      return `${name} has a new device (“${cleanName(change.name)}”). If that surprises you, ask ${name} another way.`;
    case 'device-revoked':
      return `${name} removed a device (“${cleanName(change.name)}”). Nothing is sent to it any more.`;
    case 'forked-chain':
      return (
        `${name} and you are shown different lists of ${name}'s devices. The gateway may be lying to one of you: compare ` +
        'safety numbers before you write anything that matters.'
      );
    case 'conflicting-chain':
      return (
        `The gateway showed a device list for ${name} that contradicts the one known here. The known one is kept, the ` +
        `other refused. Ask ${name} another way what happened.`
      );
  }
}

/** How this account stands to a group, in a few words. */
export function describeGroupState(state: GroupState): string {
  switch (state) {
    case 'founding':
      return 'is being made';
    case 'invited':
      return 'invites you';
    case 'asking':
      return 'asked, no answer yet';
    case 'joined':
      return 'member';
    case 'resyncing':
      return 'catching up';
    case 'left':
      return 'left';
    case 'removed':
      return 'removed';
  }
}
