import type { Contact, ConversationRef, GroupInvitation } from '@sotto/client';
import { CliError } from '../error.ts';
import { cleanName, cleanText } from '../output/clean.ts';
import { qrLines } from '../output/qr.ts';
import { clockTime, dayAndSecond, dayAndTime } from '../output/time.ts';
import { columns } from '../output/width.ts';
import { describeState, describeVerification } from '../people/describe.ts';
import { findContact, fold, nameOf } from '../people/find-contact.ts';
import { groupNameOf, Places } from '../people/places.ts';
import type { ChatMessenger } from './chat-messenger.ts';
import type { ChatView } from './chat-view.ts';
import type { ConversationView } from './conversation-view.ts';
import { excerpt } from './format.ts';
import { runGroupCommand } from './group-commands.ts';

/** What a command can do besides using the messenger. */
export interface ChatControl {
  readonly messenger: ChatMessenger;
  readonly view: ChatView;
  readonly colour: boolean;
  /** The open conversation; null: none. */
  current(): ConversationView | null;
  /** Opens a conversation. */
  switchTo(conversation: ConversationRef): Promise<void>;
  quit(): void;
}

interface SlashCommand {
  readonly name: string;
  readonly usage: string;
  readonly help: string;
  /** Other names, not shown. */
  readonly also?: readonly string[];
  /** What `tab` completes after it. */
  readonly completes?: 'places' | 'requests';
  run(control: ChatControl, rest: string): Promise<void>;
}

function open(control: ChatControl): ConversationView {
  const conversation = control.current();
  if (conversation === null) {
    throw new CliError('usage', 'No conversation is open.', 'Open one with /switch NAME, or add someone with /add.');
  }
  return conversation;
}

/** The invitation to a group of this name; null: none. */
async function invitationNamed(control: ChatControl, name: string): Promise<GroupInvitation | null> {
  const invitations = await control.messenger.groups.invitations();
  const requests = await control.messenger.requests();
  const [only] = invitations;
  if (name === '') return requests.length === 0 && invitations.length === 1 && only !== undefined ? only : null;
  return (
    invitations.find(
      (each) => each.group === fold(name) || fold(groupNameOf({ id: each.group, name: each.name })) === fold(name),
    ) ?? null
  );
}

async function requestNamed(control: ChatControl, name: string): Promise<Contact> {
  const requests = await control.messenger.requests();
  const [only] = requests;
  if (name === '' && requests.length === 1 && only !== undefined) return only;
  if (requests.length === 0) throw new CliError('not_found', 'Nobody is waiting for an answer.');
  if (name === '')
    throw new CliError('usage', `Several people ask: say which one (${requests.map(nameOf).join(', ')}).`);
  return findContact(requests, name);
}

/** What a line that begins with `/` can be. In the order of `/help`. */
const slashCommands: readonly SlashCommand[] = [
  {
    name: 'help',
    usage: '/help',
    help: 'this list',
    also: ['?'],
    async run(control) {
      const rows = slashCommands.map(({ usage, help }) => [`  ${usage}`, help]);
      control.view.notice(
        [
          'Type a message and press Enter. Alt-Enter begins a new line; a paste of many lines',
          'stays one message. Arrow-up brings back what you wrote, Tab completes commands.',
          '',
          ...columns(rows),
          '',
          'Marks: · waits here  ✓ at their gateway  ✓✓ on their device  ✔✔ seen  ✗ failed',
          'To send a text that begins with /, write two: //like this. Ctrl-C leaves.',
        ].join('\n'),
      );
      return Promise.resolve();
    },
  },
  {
    name: 'switch',
    usage: '/switch NAME',
    help: 'go to another conversation or group; without NAME: all of them',
    completes: 'places',
    async run(control, rest) {
      if (rest !== '') {
        await control.switchTo((await Places.load(control.messenger)).find(rest).conversation);
        return;
      }
      const conversations = await control.messenger.conversations();
      const rows = conversations.map(({ name, unread, last }) => [
        `  ${cleanName(name)}`,
        unread > 0 ? `${unread} new` : '',
        last === null ? '' : `${clockTime(last.sentAt)} ${excerpt(last, 50)}`,
      ]);
      control.view.notice(rows.length === 0 ? 'No conversations yet: /add someone.' : columns(rows).join('\n'));
    },
  },
  {
    name: 'add',
    usage: '/add NAME-OR-LINK',
    help: 'ask someone to become a contact',
    async run(control, rest) {
      if (rest === '') throw new CliError('usage', 'Whom? Write /add NAME, or /add and a contact link.');
      const contact = await control.messenger.addContact(rest);
      const name = nameOf(contact);
      control.view.notice(
        contact.state === 'accepted'
          ? `${name} is a contact now.`
          : `${name} was asked. You can write already; it is sent as soon as ${name} accepts.`,
      );
      await control.switchTo(contact.conversation);
    },
  },
  {
    name: 'requests',
    usage: '/requests',
    help: 'who wants to write to you',
    async run(control) {
      const requests = await control.messenger.requests();
      if (requests.length === 0) {
        control.view.notice('Nobody is waiting for an answer.');
        return;
      }
      const rows = requests.map((request) => [
        `  ${nameOf(request)}`,
        request.account.slice(0, 10),
        request.greeting === null ? '' : `“${cleanText(request.greeting)}”`,
      ]);
      control.view.notice([...columns(rows), 'Answer with /accept NAME or /decline NAME.'].join('\n'));
    },
  },
  {
    name: 'accept',
    usage: '/accept NAME',
    help: 'accept a request, or an invitation to a group',
    completes: 'requests',
    async run(control, rest) {
      const invitation = await invitationNamed(control, rest);
      if (invitation !== null) {
        const group = await control.messenger.groups.accept(invitation.group);
        control.view.notice(`You are in ${groupNameOf(group)} now.`);
        await control.switchTo(group.id);
        return;
      }
      const contact = await control.messenger.acceptRequest((await requestNamed(control, rest)).account);
      control.view.notice(`${nameOf(contact)} is a contact now.`);
      await control.switchTo(contact.conversation);
    },
  },
  {
    name: 'decline',
    usage: '/decline NAME',
    help: 'decline a request or an invitation',
    completes: 'requests',
    async run(control, rest) {
      const invitation = await invitationNamed(control, rest);
      if (invitation !== null) {
        await control.messenger.groups.decline(invitation.group);
        control.view.notice(
          `Declined. You are not in ${groupNameOf({ id: invitation.group, name: invitation.name })}.`,
        );
        return;
      }
      const contact = await control.messenger.declineRequest((await requestNamed(control, rest)).account);
      control.view.notice(`Declined. ${nameOf(contact)} cannot write to you.`);
    },
  },
  {
    name: 'contacts',
    usage: '/contacts',
    help: 'everyone known here',
    async run(control) {
      const contacts = await control.messenger.contacts();
      const rows = contacts.map((contact) => [
        `  ${nameOf(contact)}`,
        describeState(contact),
        describeVerification(contact),
      ]);
      control.view.notice(rows.length === 0 ? 'No contacts yet: /add someone.' : columns(rows).join('\n'));
    },
  },
  {
    name: 'group',
    usage: '/group [WHAT]',
    help: 'this group and its members; /group help: what can be done with groups',
    run: runGroupCommand,
  },
  {
    name: 'link',
    usage: '/link',
    help: 'your contact link and its QR code, for others',
    async run(control) {
      const link = await control.messenger.contactLink();
      const qr = await qrLines(link.toUpperCase(), control.colour);
      control.view.notice(['Others add you with this link:', '', link, '', ...qr].join('\n'));
    },
  },
  {
    name: 'safety',
    usage: '/safety [ok|undo]',
    help: 'the safety number; "ok" once you have compared it',
    async run(control, rest) {
      const { contact } = open(control);
      const name = nameOf(contact);
      if (rest !== '') {
        if (rest !== 'ok' && rest !== 'undo') throw new CliError('usage', 'Write /safety, /safety ok or /safety undo.');
        await control.messenger.verifyContact(contact.account, rest === 'ok');
        control.view.notice(
          rest === 'ok' ? `${name} is marked as verified.` : `${name} is no longer marked as verified.`,
        );
        return;
      }
      const number = await control.messenger.safetyNumber(contact.account);
      const groups = number.digits.split(' ');
      const rows = [0, 4, 8].map((from) => `  ${groups.slice(from, from + 4).join(' ')}`);
      control.view.notice(
        [
          `Safety number with ${name} (${describeVerification(contact)}):`,
          '',
          ...rows,
          '',
          `Compare it with what ${name} sees, in person or on the phone. If it is the same,`,
          'nobody stands between you; note that with  /safety ok',
        ].join('\n'),
      );
    },
  },
  {
    name: 'explain',
    usage: '/explain',
    help: 'what happened to your last message',
    async run(control) {
      const { lastOwn } = open(control);
      if (lastOwn === null) throw new CliError('not_found', 'You have not written anything here yet.');
      const [message, explanation] = await Promise.all([
        control.messenger.message(lastOwn),
        control.messenger.explain(lastOwn),
      ]);
      control.view.notice(
        [
          message === null ? 'Your last message:' : `“${excerpt(message)}”`,
          ...explanation.steps.map((step) => `  ${dayAndSecond(step.at)}  ${step.sentence}`),
        ].join('\n'),
      );
    },
  },
  {
    name: 'search',
    usage: '/search WORDS',
    help: 'messages with these words, in all conversations',
    async run(control, rest) {
      if (rest === '') throw new CliError('usage', 'What for? Write /search and some words.');
      const found = await control.messenger.search(rest, { limit: 20 });
      const places = await Places.load(control.messenger);
      const rows: string[][] = [];
      for (const { message } of found) {
        const place = places.of(message.conversation);
        const author = message.own ? 'you' : await places.nameOf(message.conversation, message.author);
        const isPlain = !message.own && place?.kind === 'contact';
        const where = place === null || isPlain ? '' : `${place.kind === 'group' ? ' in ' : ' to '}${place.name}`;
        rows.push([`  ${dayAndTime(message.sentAt)}`, `${author}${where}`, excerpt(message, 60)]);
      }
      control.view.notice(rows.length === 0 ? 'Nothing found.' : columns(rows).join('\n'));
    },
  },
  {
    name: 'history',
    usage: '/history',
    help: 'earlier messages of this conversation',
    async run(control) {
      if (!(await open(control).older())) control.view.notice('This is the beginning of the conversation.');
    },
  },
  {
    name: 'reply',
    usage: '/reply TEXT',
    help: 'answer their last message',
    async run(control, rest) {
      const { place, lastOther } = open(control);
      if (lastOther === null) throw new CliError('not_found', 'There is nothing to reply to yet.');
      if (rest === '') throw new CliError('usage', 'What? Write /reply and your answer.');
      await control.messenger.send(place.conversation, { kind: 'text', text: rest, replyTo: lastOther });
    },
  },
  {
    name: 'react',
    usage: '/react EMOJI',
    help: 'react to their last message; without EMOJI: take it back',
    async run(control, rest) {
      const { place, lastOther } = open(control);
      if (lastOther === null) throw new CliError('not_found', 'There is nothing to react to yet.');
      await control.messenger.send(place.conversation, { kind: 'reaction', message: lastOther, emoji: rest });
    },
  },
  {
    name: 'edit',
    usage: '/edit TEXT',
    help: 'change your last message',
    async run(control, rest) {
      const { place, lastOwn } = open(control);
      if (lastOwn === null) throw new CliError('not_found', 'You have not written anything here yet.');
      if (rest === '') throw new CliError('usage', 'Into what? Write /edit and the new text.');
      await control.messenger.send(place.conversation, { kind: 'edit', message: lastOwn, text: rest });
    },
  },
  {
    name: 'delete',
    usage: '/delete',
    help: 'take your last message back',
    async run(control) {
      const { place, lastOwn } = open(control);
      if (lastOwn === null) throw new CliError('not_found', 'You have not written anything here yet.');
      await control.messenger.send(place.conversation, { kind: 'delete', message: lastOwn });
    },
  },
  {
    name: 'name',
    usage: '/name NICKNAME',
    help: 'call this contact something else; without: take it back',
    async run(control, rest) {
      const contact = await control.messenger.setNickname(open(control).contact.account, rest === '' ? null : rest);
      control.view.notice(`Shown as ${nameOf(contact)} from now on, on this device only.`);
    },
  },
  {
    name: 'block',
    usage: '/block',
    help: 'refuse everything from this contact',
    async run(control) {
      const contact = await control.messenger.block(open(control).contact.account);
      control.view.notice(`${nameOf(contact)} is blocked. Undo it with /unblock.`);
    },
  },
  {
    name: 'unblock',
    usage: '/unblock',
    help: 'take that back',
    async run(control) {
      const contact = await control.messenger.unblock(open(control).contact.account);
      control.view.notice(`${nameOf(contact)} is no longer blocked.`);
    },
  },
  {
    name: 'quit',
    usage: '/quit',
    help: 'leave; what waits is sent the next time',
    also: ['exit', 'q'],
    run(control) {
      control.quit();
      return Promise.resolve();
    },
  },
];

/** Leaving waits for nothing, whatever else is still being done. */
export function isQuit(line: string): boolean {
  return /^\/(?:quit|exit|q)\s*$/.test(line);
}

/** Runs a line that begins with `/`. Throws `CliError` or what the messenger throws. */
export async function runSlashCommand(control: ChatControl, line: string): Promise<void> {
  const [, word = '', rest = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(line) ?? [];
  const command = slashCommands.find(({ name, also }) => name === word || also?.includes(word) === true);
  if (command === undefined) {
    throw new CliError(
      'usage',
      `There is no command /${cleanName(word)}; nothing was sent.`,
      `See /help. To send a text that begins with /, write it with two: /${cleanText(line).split('\n')[0] ?? ''}`,
    );
  }
  await command.run(control, rest.trim());
}

/**
 * What `tab` makes of a line: completed as far as it is clear; null: nothing to complete. Names take a look into the
 * store; commands are completed at once, so that whoever types on finds them there.
 */
export function completeSlash(messenger: ChatMessenger, line: string): string | null | Promise<string | null> {
  const [, word = '', space = '', rest = ''] = /^\/(\S*)(\s*)([\s\S]*)$/.exec(line) ?? [];
  if (!line.startsWith('/')) return null;
  if (space === '') {
    const fitting = slashCommands.map(({ name }) => name).filter((name) => name.startsWith(word));
    return fitting.length === 0 ? null : `/${commonStart(fitting)}${fitting.length === 1 ? ' ' : ''}`;
  }
  const completes = slashCommands.find(({ name }) => name === word)?.completes;
  return completes === undefined ? null : completeName(messenger, `/${word} `, rest, completes);
}

async function completeName(
  messenger: ChatMessenger,
  before: string,
  begun: string,
  among: 'places' | 'requests',
): Promise<string | null> {
  const people = among === 'places' ? await messenger.contacts() : await messenger.requests();
  const groups = among === 'places' ? await messenger.groups.list() : [];
  const invitations = among === 'requests' ? await messenger.groups.invitations() : [];
  const groupNames = [...groups, ...invitations.map(({ group: id, name }) => ({ id, name }))].map(groupNameOf);
  const names = [...people.map(nameOf), ...groupNames].filter((name) =>
    name.toLowerCase().startsWith(begun.toLowerCase()),
  );
  return names.length === 0 ? null : before + commonStart(names);
}

function commonStart(words: readonly string[]): string {
  const [first = ''] = words;
  let length = first.length;
  for (const word of words) while (!word.toLowerCase().startsWith(first.slice(0, length).toLowerCase())) length--;
  return first.slice(0, length);
}
