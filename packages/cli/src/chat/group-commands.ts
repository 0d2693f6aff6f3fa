import type { GroupRole } from '@sotto/client';
import { CliError } from '../error.ts';
import { cleanName } from '../output/clean.ts';
import { qrLines } from '../output/qr.ts';
import { columns } from '../output/width.ts';
import { describeGroupState } from '../people/describe.ts';
import { findContact } from '../people/find-contact.ts';
import { findMember, membersOf } from '../people/members.ts';
import { groupNameOf, Places } from '../people/places.ts';
import type { Place } from '../people/places.ts';
import type { ChatControl } from './slash-commands.ts';

interface GroupCommand {
  readonly usage: string;
  readonly help: string;
  run(control: ChatControl, rest: string): Promise<void>;
}

type GroupPlace = Extract<Place, { kind: 'group' }>;

function here(control: ChatControl): GroupPlace {
  const place = control.current()?.place;
  if (place?.kind === 'group') return place;
  throw new CliError('usage', 'No group is open.', 'Open one with /switch NAME, or make one with /group new NAME.');
}

async function setRole(control: ChatControl, name: string, role: GroupRole): Promise<void> {
  const { conversation } = here(control);
  const members = await membersOf(control.messenger, conversation);
  await control.messenger.groups.setRole(conversation, findMember(members, name), role);
}

const commands: Readonly<Record<string, GroupCommand>> = {
  new: {
    usage: '/group new NAME',
    help: 'make a group',
    async run(control, rest) {
      const group = await control.messenger.groups.create({ name: rest });
      control.view.notice(`${groupNameOf(group)} is yours. Bring others in with /group invite NAME`);
      await control.switchTo(group.id);
    },
  },
  invite: {
    usage: '/group invite NAME',
    help: 'bring a contact in',
    async run(control, rest) {
      const { conversation } = here(control);
      const contact = findContact(await control.messenger.contacts(), rest);
      await control.messenger.groups.invite(conversation, [contact.account]);
    },
  },
  remove: {
    usage: '/group remove NAME',
    help: 'take a member out; what is written afterwards stays unreadable for them',
    async run(control, rest) {
      const { conversation } = here(control);
      const members = await membersOf(control.messenger, conversation);
      await control.messenger.groups.remove(conversation, [findMember(members, rest)]);
    },
  },
  rename: {
    usage: '/group rename NAME',
    help: 'call it something else',
    async run(control, rest) {
      await control.messenger.groups.edit(here(control).conversation, { name: rest });
    },
  },
  admin: {
    usage: '/group admin NAME',
    help: 'let a member look after the group too',
    run: (control, rest) => setRole(control, rest, 'admin'),
  },
  member: {
    usage: '/group member NAME',
    help: 'take that back',
    run: (control, rest) => setRole(control, rest, 'member'),
  },
  link: {
    usage: '/group link',
    help: 'a link and QR code by which others can ask to come in',
    async run(control) {
      const link = await control.messenger.groups.link(here(control).conversation);
      const qr = await qrLines(link.toUpperCase(), control.colour);
      control.view.notice(['Others ask to come in with  /group join LINK:', '', link, '', ...qr].join('\n'));
    },
  },
  join: {
    usage: '/group join LINK',
    help: 'ask to be let into a group',
    async run(control, rest) {
      const group = await control.messenger.groups.joinByLink(rest);
      control.view.notice(
        group.state === 'joined' ? `You are in ${groupNameOf(group)}.` : 'Asked. You are told when you are let in.',
      );
    },
  },
  approve: {
    usage: '/group approve NAME',
    help: 'let somebody in who asks',
    async run(control, rest) {
      const { conversation } = here(control);
      const requests = await control.messenger.groups.joinRequests(conversation);
      await control.messenger.groups.approve(conversation, findMember(requests, rest));
    },
  },
  refuse: {
    usage: '/group refuse NAME',
    help: 'do not',
    async run(control, rest) {
      const { conversation } = here(control);
      const requests = await control.messenger.groups.joinRequests(conversation);
      await control.messenger.groups.refuse(conversation, findMember(requests, rest));
    },
  },
  leave: {
    usage: '/group leave',
    help: 'leave it; its history stays here',
    async run(control) {
      await control.messenger.groups.leave(here(control).conversation);
    },
  },
  list: {
    usage: '/group list',
    help: 'your groups',
    async run(control) {
      const groups = await control.messenger.groups.list();
      const rows = groups.map((group) => [
        `  ${groupNameOf(group)}`,
        describeGroupState(group.state),
        `${group.members}`,
      ]);
      control.view.notice(rows.length === 0 ? 'No groups yet: /group new NAME.' : columns(rows).join('\n'));
    },
  },
};

/** `/group`: what the open group is, and what can be done with groups. */
export async function runGroupCommand(control: ChatControl, line: string): Promise<void> {
  const [, word = '', rest = ''] = /^(\S*)\s*([\s\S]*)$/.exec(line) ?? [];
  if (word === '') {
    await show(control);
    return;
  }
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (command === undefined) {
    control.view.notice(columns(Object.values(commands).map(({ usage, help }) => [`  ${usage}`, help])).join('\n'));
    return;
  }
  if (rest === '' && /[A-Z]$/.test(command.usage)) throw new CliError('usage', `Write ${command.usage}.`);
  await command.run(control, rest.trim());
}

async function show(control: ChatControl): Promise<void> {
  const { conversation } = here(control);
  const place = (await Places.load(control.messenger)).of(conversation);
  if (place?.kind !== 'group') return;
  const { group } = place;
  const { members, after } = await control.messenger.groups.members(conversation, { limit: 100 });
  const state = group.state === 'joined' ? '' : `, ${describeGroupState(group.state)}`;
  const rows = members.map(({ name, role, devices, own }) => [
    `  ${own ? 'you' : cleanName(name)}`,
    role === 'member' ? '' : role,
    devices === 1 ? '1 device' : `${devices} devices`,
  ]);
  control.view.notice(
    [
      `${groupNameOf(group)}: ${group.members === 1 ? '1 member' : `${group.members} members`}${state}`,
      ...(group.description === '' ? [] : [group.description]),
      ...columns(rows),
      ...(after === null ? [] : ['  …']),
    ].join('\n'),
  );
}
