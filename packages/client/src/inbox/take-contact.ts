import { checkProfile, IdentityError } from '@sotto/identity';
import { accountId, ContactDecision_State, equalBytes } from '@sotto/wire';
import type { Addresses, ContactAnswer, ContactRequest, Profile } from '@sotto/wire';
import type { StoredContact } from '@sotto/wire/stored';
import { acceptIn } from '../contacts/accept.ts';
import { reopen, withdrawAll } from '../contacts/grants.ts';
import { outranks } from '../contacts/outranks.ts';
import { decide, decisionOf, putContact, stateOf, tellContact, viewContact } from '../contacts/rows.ts';
import { syncContact } from '../contacts/sync.ts';
import { dropRequest, sendAnswer } from '../contacts/tell.ts';
import type { Contact } from '../contacts/types.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { resendTo } from '../outbox/resend.ts';
import { NotTaken } from './opened.ts';
import type { Opened, Taken } from './opened.ts';

/** Someone asks to become a contact. */
export function takeRequest(opened: Opened, row: StoredContact, request: ContactRequest): Taken {
  const { tx, core } = opened;
  const now = core.clock.now();
  const state = opened.known ? stateOf(row) : null;
  if (state === 'blocked' || (state === 'declined' && row.declinedHere)) throw new NotTaken('not-a-contact');
  takeProfile(row, request.profile);
  takeAddresses(opened, row, request.addresses);
  row.accountName = request.accountName;
  row.gateway = row.addresses?.addresses[0]?.gateway ?? row.gateway;
  row.requestedAt = BigInt(now);
  if (state === 'accepted') {
    // They lost our answer or never got it, or our gateway forgot what they may post with: the answer leaves once it has
    // been told (again).
    reopen(tx, row);
    sendAnswer(tx, core, row, true);
    putContact(tx, core, row);
    return 'receipt';
  }
  if (state === 'requested') {
    // Both asked: that is an agreement.
    acceptIn(opened, row);
    return 'receipt';
  }
  decide(row, ContactDecision_State.INCOMING, now);
  decisionOf(row).greeting = request.greeting;
  putContact(tx, core, row);
  const contact = viewContact(core, row);
  if (isWelcome(core, contact)) {
    acceptIn(opened, row);
    return 'receipt';
  }
  tx.emit({ type: 'contact-request', contact });
  syncContact(tx, core, opened.chains, row);
  return 'no-receipt';
}

/** Whether the settings accept a request without asking anybody; a rule that fails decides nothing. */
function isWelcome(core: Core, contact: Contact): boolean {
  const { autoAccept } = core.settings;
  if (typeof autoAccept === 'boolean') return autoAccept;
  try {
    return autoAccept(contact);
  } catch (cause) {
    core.background.report(new MessengerError('listener_failed', 'the rule for contact requests failed', { cause }));
    return false;
  }
}

/** The answer to our request. */
export function takeAnswer(opened: Opened, row: StoredContact, answer: ContactAnswer): Taken {
  const { tx, core } = opened;
  const state = stateOf(row);
  if (state !== 'requested' && !(state === 'accepted' && answer.accepted)) throw new NotTaken('not-a-contact');
  if (answer.accepted) {
    takeProfile(row, answer.profile);
    takeAddresses(opened, row, answer.addresses);
    if (answer.accountName !== '') row.accountName = answer.accountName;
    if (state === 'requested') decide(row, ContactDecision_State.ACCEPTED, core.clock.now());
  } else {
    decide(row, ContactDecision_State.DECLINED, core.clock.now());
    row.declinedHere = false;
    withdrawAll(tx, core, row);
  }
  dropRequest(tx, row);
  putContact(tx, core, row);
  tellContact(tx, core, row);
  syncContact(tx, core, opened.chains, row);
  tx.ring('parked', null);
  return answer.accepted ? 'receipt' : 'no-receipt';
}

export function takeProfileChange(opened: Opened, row: StoredContact, profile: Profile): Taken {
  if (takeProfile(row, profile)) changed(opened, row);
  return 'receipt';
}

export function takeAddressChange(opened: Opened, row: StoredContact, addresses: Addresses): Taken {
  if (takeAddresses(opened, row, addresses)) changed(opened, row);
  return 'receipt';
}

function changed({ tx, core }: Opened, row: StoredContact): void {
  putContact(tx, core, row);
  tellContact(tx, core, row);
}

/** The highest revision wins. True: it changed. Throws `NotTaken`. */
export function takeProfile(row: Pick<StoredContact, 'profile'>, profile: Profile | undefined): boolean {
  if (profile === undefined || (row.profile !== undefined && profile.revision <= row.profile.revision)) return false;
  requireProfile(profile);
  row.profile = profile;
  return true;
}

export function requireProfile(profile: Profile): void {
  try {
    checkProfile({ name: profile.name, avatarHash: profile.avatarHash.length === 0 ? null : profile.avatarHash });
  } catch (cause) {
    if (cause instanceof IdentityError) throw new NotTaken('invalid-content');
    throw cause;
  }
}

/**
 * The highest revision wins. What an old mailbox of theirs accepted and nobody confirmed goes to the new one. True: they
 * changed. Throws `NotTaken`.
 */
export function takeAddresses(
  { tx, core }: Pick<Opened, 'tx' | 'core'>,
  row: Pick<StoredContact, 'account' | 'addresses'>,
  addresses: Addresses | undefined,
): boolean {
  if (addresses === undefined) return false;
  if (!outranks(addresses, row.addresses)) return false;
  const twice = addresses.addresses.some((each, i) =>
    addresses.addresses.some((other, j) => j > i && equalBytes(each.device, other.device)),
  );
  if (twice) throw new NotTaken('invalid-content');
  const moved = (row.addresses?.addresses ?? []).filter(({ device, mailbox }) =>
    addresses.addresses.some((each) => equalBytes(each.device, device) && !equalBytes(each.mailbox, mailbox)),
  );
  row.addresses = addresses;
  const devices = moved.map(({ device }) => device);
  if (devices.length > 0) resendTo(tx, core, accountId(row.account), devices);
  return true;
}
