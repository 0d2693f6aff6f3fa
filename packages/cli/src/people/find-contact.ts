import type { Contact, ContactState } from '@sotto/client';
import { CliError } from '../error.ts';
import { cleanName } from '../output/clean.ts';

/** A contact's name as it may be printed. */
export function nameOf(contact: Contact): string {
  return cleanName(contact.name) || contact.account.slice(0, 10);
}

/** The name as it has to be typed in a shell. */
export function shellName(contact: Contact): string {
  const name = nameOf(contact);
  return /^[\p{L}\p{N}._-]+$/u.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
}

/** Shortest beginning of an account id that is taken for one: short enough to copy by eye, too long for a name clash. */
export const MIN_PREFIX = 6;

/**
 * The contact a person means: by nickname, account name or profile name (case does not matter), or by the beginning
 * of the account id. A nickname wins over a name the contact chose, so that nobody can take another's place by renaming.
 * Throws `not_found`; `usage` when several fit.
 */
export function findContact(contacts: readonly Contact[], who: string, states?: readonly ContactState[]): Contact {
  const among = states === undefined ? contacts : contacts.filter((contact) => states.includes(contact.state));
  const wanted = fold(who);
  const ways: ((contact: Contact) => boolean)[] = [
    (contact) => contact.account === wanted,
    (contact) => contact.nickname !== null && fold(contact.nickname) === wanted,
    // Both are what contacts say of themselves: neither may win over the other.
    (contact) => [contact.accountName, contact.profile?.name].some((name) => fold(name ?? '') === wanted),
    (contact) => wanted.length >= MIN_PREFIX && contact.account.startsWith(wanted),
  ];
  for (const fits of ways) {
    const found = among.filter(fits);
    if (found.length > 1) {
      const choices = found.map((contact) => `  ${contact.account.slice(0, 10)}  ${nameOf(contact)}`).join('\n');
      throw new CliError(
        'usage',
        `Several contacts are called ${quoted(who)}.`,
        `Say which one by its id:\n${choices}`,
      );
    }
    if (found[0] !== undefined) return found[0];
  }
  throw new CliError(
    'not_found',
    `There is no ${states?.length === 1 && states[0] === 'incoming' ? 'request from' : 'contact called'} ${quoted(who)} here.`,
    among.length === 0
      ? 'Add someone with "sotto contact add LINK-OR-NAME".'
      : `Known here: ${among.map(nameOf).join(', ')}.`,
  );
}

/** A name as names are compared. */
export function fold(name: string): string {
  return cleanName(name).normalize('NFC').toLowerCase();
}

/** What somebody typed, as it may be printed. */
export function quoted(text: string): string {
  return `"${cleanName(text)}"`;
}
