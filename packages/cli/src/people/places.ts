import type { AccountRef, Contact, ConversationRef, Group, Messenger } from '@sotto/client';
import { CliError } from '../error.ts';
import { cleanName } from '../output/clean.ts';
import { membersOf } from './members.ts';
import { findContact, fold, MIN_PREFIX, nameOf, quoted } from './find-contact.ts';

/** Where people write: the conversation with a contact, or a group's. */
export type Place =
  | {
      readonly kind: 'contact';
      readonly conversation: ConversationRef;
      readonly name: string;
      readonly contact: Contact;
    }
  | { readonly kind: 'group'; readonly conversation: ConversationRef; readonly name: string; readonly group: Group };

/** What looking up places and names takes of a messenger. */
export type PlacesMessenger = Pick<Messenger, 'contacts' | 'groups'>;

/** The conversation with a contact. */
export function placeOfContact(contact: Contact): Place {
  return { kind: 'contact', conversation: contact.conversation, name: nameOf(contact), contact };
}

/** A group's conversation. */
export function placeOfGroup(group: Group): Place {
  return { kind: 'group', conversation: group.id, name: groupNameOf(group), group };
}

/** A group's name as it may be printed. */
export function groupNameOf(group: Pick<Group, 'id' | 'name'>): string {
  return cleanName(group.name) || group.id.slice(0, 10);
}

/** The group a person means: by name, or by the beginning of its id. Throws `not_found`; `usage` when several fit. */
export function findGroup(groups: readonly Group[], which: string): Group {
  const found = matching(groups, which);
  if (found.length > 1) throw several(which, found.map(placeOfGroup));
  if (found[0] !== undefined) return found[0];
  throw new CliError(
    'not_found',
    `There is no group called ${quoted(which)} here.`,
    groups.length === 0
      ? 'Make one with "sotto group create NAME".'
      : `Known here: ${groups.map(groupNameOf).join(', ')}.`,
  );
}

/** Everywhere that people here can write, with the names of those who write there. A snapshot: load anew for news. */
export class Places {
  readonly #messenger: PlacesMessenger;
  readonly #contacts: readonly Contact[];
  readonly #groups: readonly Group[];
  readonly #places: ReadonlyMap<ConversationRef, Place>;
  readonly #members = new Map<ConversationRef, Promise<ReadonlyMap<AccountRef, string>>>();

  private constructor(messenger: PlacesMessenger, contacts: readonly Contact[], groups: readonly Group[]) {
    this.#messenger = messenger;
    this.#contacts = contacts;
    this.#groups = groups;
    const places = [...contacts.map(placeOfContact), ...groups.map(placeOfGroup)];
    this.#places = new Map(places.map((place) => [place.conversation, place]));
  }

  static async load(messenger: PlacesMessenger): Promise<Places> {
    const [contacts, groups] = await Promise.all([messenger.contacts(), messenger.groups.list()]);
    return new Places(messenger, contacts, groups);
  }

  /**
   * The place a person means by a name: a contact's (`findContact`) or a group's. Throws `not_found`; `usage` when
   * several fit.
   */
  find(who: string): Place {
    const found = matching(this.#groups, who).map(placeOfGroup);
    try {
      found.push(placeOfContact(findContact(this.#contacts, who)));
    } catch (error) {
      const isNobody = error instanceof CliError && error.code === 'not_found';
      if (!isNobody || found.length === 0) throw error;
    }
    const [only] = found;
    if (only === undefined || found.length > 1) throw several(who, found);
    return only;
  }

  /** Null: not known here. */
  of(conversation: ConversationRef): Place | null {
    return this.#places.get(conversation) ?? null;
  }

  /** What somebody who writes in a conversation is called, as it may be printed. */
  async nameOf(conversation: ConversationRef, account: AccountRef): Promise<string> {
    const place = this.of(conversation);
    if (place?.kind === 'contact' && place.contact.account === account) return place.name;
    const known = this.#contacts.find((contact) => contact.account === account);
    if (known !== undefined) return nameOf(known);
    const members = place?.kind === 'group' ? await this.#membersOf(place.conversation) : null;
    return members?.get(account) ?? account.slice(0, 10);
  }

  #membersOf(group: ConversationRef): Promise<ReadonlyMap<AccountRef, string>> {
    const known = this.#members.get(group) ?? this.#readMembers(group);
    this.#members.set(group, known);
    return known;
  }

  async #readMembers(group: ConversationRef): Promise<ReadonlyMap<AccountRef, string>> {
    const members = await membersOf(this.#messenger, group);
    return new Map(members.map(({ account, name }) => [account, cleanName(name) || account.slice(0, 10)]));
  }
}

function matching(groups: readonly Group[], which: string): Group[] {
  const wanted = fold(which);
  const byName = groups.filter((group) => group.id === wanted || fold(group.name) === wanted);
  if (byName.length > 0 || wanted.length < MIN_PREFIX) return byName;
  return groups.filter((group) => group.id.startsWith(wanted));
}

function several(who: string, places: readonly Place[]): CliError {
  const choices = places.map((place) => {
    const id = place.kind === 'group' ? place.group.id : place.contact.account;
    return `  ${id.slice(0, 10)}  ${place.name} (${place.kind})`;
  });
  return new CliError('usage', `Several are called ${quoted(who)}.`, `Say which one by its id:\n${choices.join('\n')}`);
}
