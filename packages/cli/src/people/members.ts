import type { AccountRef, ConversationRef, GroupMember, Messenger } from '@sotto/client';
import { CliError } from '../error.ts';
import { cleanName } from '../output/clean.ts';
import { fold, MIN_PREFIX, quoted } from './find-contact.ts';

/** Members asked for at once. */
const PAGE = 1000;
/** Names spelt out when nobody was found. */
const MOST_NAMED = 20;

/** All members of a group. */
export async function membersOf(
  messenger: Pick<Messenger, 'groups'>,
  group: ConversationRef,
): Promise<readonly GroupMember[]> {
  let page = await messenger.groups.members(group, { limit: PAGE });
  const members = [...page.members];
  while (page.after !== null) {
    page = await messenger.groups.members(group, { limit: PAGE, after: page.after });
    members.push(...page.members);
  }
  return members;
}

/**
 * Who is meant by a name or the beginning of an account id, among members or those who ask to be. Throws `not_found`;
 * `usage` when several fit.
 */
export function findMember(
  people: readonly { readonly account: AccountRef; readonly name: string }[],
  who: string,
): AccountRef {
  const wanted = fold(who);
  const ways: ((each: { readonly account: AccountRef; readonly name: string }) => boolean)[] = [
    ({ account }) => account === wanted,
    ({ name }) => fold(name) === wanted,
    ({ account }) => wanted.length >= MIN_PREFIX && account.startsWith(wanted),
  ];
  for (const fits of ways) {
    const found = people.filter(fits);
    if (found.length > 1) {
      const choices = found.map(({ account, name }) => `  ${account.slice(0, 10)}  ${cleanName(name)}`).join('\n');
      throw new CliError('usage', `Several are called ${quoted(who)}.`, `Say which one by its id:\n${choices}`);
    }
    if (found[0] !== undefined) return found[0].account;
  }
  const names = people.slice(0, MOST_NAMED).map(({ account, name }) => cleanName(name) || account.slice(0, 10));
  throw new CliError(
    'not_found',
    `There is nobody called ${quoted(who)} there.`,
    names.length === 0 ? undefined : `There: ${names.join(', ')}${people.length > names.length ? ', …' : ''}.`,
  );
}
