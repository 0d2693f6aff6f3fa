import type { Contact, Messenger } from '@sotto/client';
import type { CliContext } from '../context.ts';
import { flush } from '../flush.ts';
import { cleanText } from '../output/clean.ts';
import { qrLines } from '../output/qr.ts';
import { columns } from '../output/width.ts';
import { describeState, describeVerification } from '../people/describe.ts';
import { findContact, nameOf, shellName } from '../people/find-contact.ts';
import { contactShape } from '../people/shapes.ts';
import { withMessenger } from '../profile/open.ts';
import { printDevices } from './profile.ts';

/** `sotto contact add LINK-OR-NAME`. */
export async function addContact(
  context: CliContext,
  who: string,
  options: { readonly greeting?: string; readonly nickname?: string },
): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const contact = await messenger.addContact(who.trim(), { ...options, signal: context.signal });
    await flush(messenger, context);
    const now = (await messenger.contact(contact.account)) ?? contact;
    const name = nameOf(now);
    context.output.result(
      contactShape(now),
      now.state === 'accepted'
        ? `${name} is a contact now. Write with:  sotto chat ${shellName(now)}`
        : `${name} was asked. You can write already; it is sent as soon as ${name} accepts.`,
    );
  });
}

/** `sotto contact link [--no-qr]`. */
export async function showLink(context: CliContext, options: { readonly qr: boolean }): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const link = await messenger.contactLink();
    const qr = options.qr && !context.output.json ? await qrLines(link.toUpperCase(), context.output.colour) : [];
    context.output.result({ contactLink: link }, qr.length === 0 ? link : [link, '', ...qr]);
  });
}

/** `sotto contact list`. */
export async function listContacts(context: CliContext): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const contacts = await messenger.contacts();
    if (contacts.length === 0)
      context.output.note('No contacts yet. Add someone with "sotto contact add LINK-OR-NAME".');
    printContacts(context, contacts, (contact) => [
      nameOf(contact),
      describeState(contact),
      describeVerification(contact),
      contact.account.slice(0, 10),
    ]);
  });
}

/** Contacts, one object a line, or a table. */
export function printContacts(
  context: CliContext,
  contacts: readonly Contact[],
  cells: (contact: Contact) => string[],
): void {
  const rows = columns(contacts.map(cells));
  contacts.forEach((contact, i) => context.output.result(contactShape(contact), rows[i] ?? ''));
}

/** Runs `change` on a contact found by name, and prints what became of it. */
async function changeContact(
  context: CliContext,
  who: string,
  change: (messenger: Messenger, contact: Contact) => Promise<Contact>,
  say: (name: string, typed: string) => string,
): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const contact = await change(messenger, findContact(await messenger.contacts(), who));
    await flush(messenger, context);
    context.output.result(contactShape(contact), say(nameOf(contact), shellName(contact)));
  });
}

/** `sotto contact rename WHO [NICKNAME]`. */
export async function renameContact(context: CliContext, who: string, nickname: string | undefined): Promise<void> {
  await changeContact(
    context,
    who,
    (messenger, { account }) => messenger.setNickname(account, nickname ?? null),
    (name) => `Shown as ${name} here.`,
  );
}

/** `sotto contact block WHO`. */
export async function blockContact(context: CliContext, who: string): Promise<void> {
  await changeContact(
    context,
    who,
    (messenger, { account }) => messenger.block(account),
    (name, typed) =>
      `${name} is blocked: nothing from there is taken any more. Undo it with:  sotto contact unblock ${typed}`,
  );
}

/** `sotto contact unblock WHO`. */
export async function unblockContact(context: CliContext, who: string): Promise<void> {
  await changeContact(
    context,
    who,
    (messenger, { account }) => messenger.unblock(account),
    (name) => `${name} is no longer blocked.`,
  );
}

/** `sotto contact verify WHO [--undo]`. */
export async function verifyContact(
  context: CliContext,
  who: string,
  options: { readonly undo?: boolean },
): Promise<void> {
  await changeContact(
    context,
    who,
    (messenger, { account }) => messenger.verifyContact(account, options.undo !== true),
    (name) => (options.undo === true ? `${name} is no longer marked as verified.` : `${name} is marked as verified.`),
  );
}

/** `sotto contact devices WHO`. */
export async function contactDevices(context: CliContext, who: string): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const { account } = findContact(await messenger.contacts(), who);
    printDevices(context, await messenger.contactDevices(account));
  });
}

/** `sotto requests list`. */
export async function listRequests(context: CliContext): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const { syncOnce } = await import('../sync.ts');
    await syncOnce(messenger, context);
    const requests = await messenger.requests();
    if (requests.length === 0) context.output.note('Nobody is waiting for an answer.');
    printContacts(context, requests, (contact) => [
      nameOf(contact),
      contact.account.slice(0, 10),
      contact.greeting === null ? '' : `“${cleanText(contact.greeting).replaceAll('\n', ' ')}”`,
    ]);
  });
}

/** `sotto requests accept WHO` and `sotto requests decline WHO`. */
export async function answerRequest(context: CliContext, who: string, accept: boolean): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const { syncOnce } = await import('../sync.ts');
    await syncOnce(messenger, context);
    const request = findContact(await messenger.requests(), who, ['incoming']);
    const contact = accept
      ? await messenger.acceptRequest(request.account)
      : await messenger.declineRequest(request.account);
    await flush(messenger, context);
    const name = nameOf(contact);
    context.output.result(
      contactShape(contact),
      accept ? `${name} is a contact now.` : `Declined. ${name} cannot write to you.`,
    );
  });
}
