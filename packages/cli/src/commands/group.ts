import type {
  Contact,
  ConversationRef,
  Group,
  GroupChange,
  GroupEdit,
  GroupPermission,
  GroupPermissions,
  GroupRole,
  Messenger,
} from '@sotto/client';
import { explainGroupReason } from '@sotto/client';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';
import { exitCodes } from '../exit-codes.ts';
import { flush, pause } from '../flush.ts';
import { cleanName, cleanText } from '../output/clean.ts';
import { qrLines } from '../output/qr.ts';
import { columns } from '../output/width.ts';
import { describeGroupState } from '../people/describe.ts';
import { duration } from '../people/describe-notice.ts';
import { findContact, nameOf } from '../people/find-contact.ts';
import { findMember, membersOf } from '../people/members.ts';
import { findGroup, groupNameOf, Places } from '../people/places.ts';
import { groupShape, invitationShape, isoTime, joinRequestShape, memberShape } from '../people/shapes.ts';
import { withMessenger } from '../profile/open.ts';
import { syncOnce } from '../sync.ts';
import { seconds } from './span.ts';

/** How long a change may take to come into force before the command says that it goes on later, ms. */
const CHANGE_MS = 10_000;
/** How long the first commit of a new group and the invitations may take, ms. */
const FOUNDING_MS = 10_000;

/** Runs `task` on the group named, after what waits at the gateway has come in. */
async function onGroup<T>(
  context: CliContext,
  which: string,
  task: (messenger: Messenger, group: Group) => Promise<T>,
): Promise<T> {
  return await withMessenger(context, async (messenger) => {
    await syncOnce(messenger, context);
    return await task(messenger, findGroup(await messenger.groups.list(), which));
  });
}

/** Waits until a change is in force, or says that it is kept. Gives the exit code. */
async function settle(
  context: CliContext,
  messenger: Messenger,
  change: GroupChange,
  sentence: string,
): Promise<number> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), CHANGE_MS);
  const onAbort = (): void => stop.abort();
  context.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const outcome = await change.done({ signal: stop.signal });
    await flush(messenger, context);
    context.output.result(
      { change: change.id, group: change.group, outcome },
      outcome === 'done' ? sentence : 'It was so already.',
    );
    return exitCodes.ok.exit;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'aborted')) throw error;
    const pending = (await messenger.groups.pending(change.group)).find(({ id }) => id === change.id);
    const why = pending === undefined ? '' : ` ${explainGroupReason(pending.reason)}`;
    context.output.result(
      { change: change.id, group: change.group, outcome: 'waiting', reason: pending?.reason ?? null },
      `Stored, but not in force yet.${why} It goes on the next time Sotto runs.`,
    );
    return exitCodes.waiting.exit;
  } finally {
    clearTimeout(timer);
    context.signal.removeEventListener('abort', onAbort);
  }
}

function findContacts(contacts: readonly Contact[], names: readonly string[]): Contact[] {
  return names.map((name) => findContact(contacts, name, ['accepted']));
}

/** `sotto group create NAME [WHO…]`. */
export async function createGroup(
  context: CliContext,
  name: string,
  who: readonly string[],
  options: { readonly description?: string; readonly timer?: string },
): Promise<number> {
  const timerSeconds = options.timer === undefined ? 0 : seconds(options.timer);
  return await withMessenger(context, async (messenger) => {
    const invited = findContacts(await messenger.contacts(), who);
    const group = await messenger.groups.create({
      name,
      accounts: invited.map((contact) => contact.account),
      timerSeconds,
      ...(options.description === undefined ? {} : { description: options.description }),
    });
    const isDone = await founded(context, messenger, group.id);
    await flush(messenger, context);
    const now = (await messenger.groups.get(group.id)) ?? group;
    const others = invited.length === 0 ? '' : ` Invited: ${invited.map(nameOf).join(', ')}.`;
    context.output.result(
      groupShape(now),
      isDone
        ? `${groupNameOf(now)} is made.${others} Write with:  sotto send ${shellWord(groupNameOf(now))} TEXT`
        : `${groupNameOf(now)} is stored here; the rest follows when its gateway can be reached.`,
    );
    return isDone ? exitCodes.ok.exit : exitCodes.waiting.exit;
  });
}

/** Until this account is in the group (or out of it), and everything asked for so far is in force. */
async function founded(context: CliContext, messenger: Messenger, group: ConversationRef): Promise<boolean> {
  const until = context.clock.now() + FOUNDING_MS;
  while (context.clock.now() < until && !context.signal.aborted) {
    const now = await messenger.groups.get(group);
    const isOnItsWay = now?.state === 'founding' || now?.state === 'invited';
    if (!isOnItsWay && (await messenger.groups.pending(group)).length === 0) return true;
    if (messenger.connection === 'offline') return false;
    await pause(context, 25);
  }
  return false;
}

function shellWord(name: string): string {
  return /^[\p{L}\p{N}._-]+$/u.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
}

/** `sotto group list`. */
export async function listGroups(context: CliContext): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const groups = await messenger.groups.list();
    if (groups.length === 0) context.output.note('No groups yet. Make one with "sotto group create NAME WHO…".');
    const rows = columns(
      groups.map((group) => [
        groupNameOf(group),
        describeGroupState(group.state),
        group.members === 1 ? '1 member' : `${group.members} members`,
        group.id.slice(0, 10),
      ]),
    );
    groups.forEach((group, i) => context.output.result(groupShape(group), rows[i] ?? ''));
  });
}

/** `sotto group show GROUP`: what it is, and who is in it. */
export async function showGroup(context: CliContext, which: string): Promise<void> {
  await onGroup(context, which, async (messenger, group) => {
    const members = await membersOf(messenger, group.id);
    const { permissions } = group;
    context.output.result(groupShape(group), [
      `${groupNameOf(group)} (${describeGroupState(group.state)})`,
      ...(group.description === '' ? [] : [cleanText(group.description)]),
      ...(group.reason === null ? [] : [explainGroupReason(group.reason)]),
      `Add: ${permissions.add}. Edit: ${permissions.edit}. Send: ${permissions.send}. Pin: ${permissions.pin}.`,
      ...(group.timerSeconds === 0 ? [] : [`Messages disappear after ${duration(group.timerSeconds)}.`]),
      `Link: ${group.link.kind}. Epoch ${group.epoch}, ${group.devices} devices.`,
    ]);
    const rows = columns(
      members.map(({ account, name, role, devices, own }) => [
        own ? 'you' : cleanName(name),
        role,
        devices === 1 ? '1 device' : `${devices} devices`,
        account.slice(0, 10),
      ]),
    );
    members.forEach((member, i) => context.output.result(memberShape(member), `  ${rows[i] ?? ''}`));
  });
}

/** `sotto group invitations`. */
export async function listInvitations(context: CliContext): Promise<void> {
  await withMessenger(context, async (messenger) => {
    await syncOnce(messenger, context);
    const invitations = await messenger.groups.invitations();
    const places = await Places.load(messenger);
    if (invitations.length === 0) context.output.note('No invitations.');
    for (const invitation of invitations) {
      const { group, inviter, members } = invitation;
      const who = await places.nameOf(group, inviter);
      const size = members === 1 ? '1 member' : `${members} members`;
      context.output.result(
        invitationShape(invitation),
        `${groupNameOf({ id: group, name: invitation.name })}  from ${who}, ${size}`,
      );
    }
  });
}

/** `sotto group accept GROUP` and `sotto group decline GROUP`. */
export async function answerInvitation(context: CliContext, which: string, accept: boolean): Promise<number> {
  return await withMessenger(context, async (messenger) => {
    await syncOnce(messenger, context);
    const invited = new Set((await messenger.groups.invitations()).map(({ group }) => group));
    const group = findGroup(
      (await messenger.groups.list()).filter(({ id }) => invited.has(id)),
      which,
    );
    const name = groupNameOf(group);
    if (accept) {
      await messenger.groups.accept(group.id);
      const isDone = await founded(context, messenger, group.id);
      await flush(messenger, context);
      const joined = (await messenger.groups.get(group.id)) ?? group;
      context.output.result(
        groupShape(joined),
        isDone
          ? `You are in ${groupNameOf(joined)} now.`
          : 'Accepted; you are in as soon as its gateway can be reached.',
      );
      return isDone ? exitCodes.ok.exit : exitCodes.waiting.exit;
    } else {
      await messenger.groups.decline(group.id);
      await founded(context, messenger, group.id);
      context.output.result({ group: group.id, state: 'left' }, `Declined. You are not in ${name}.`);
      return exitCodes.ok.exit;
    }
  });
}

/** `sotto group invite GROUP WHO…`. */
export async function inviteToGroup(context: CliContext, which: string, who: readonly string[]): Promise<number> {
  return await onGroup(context, which, async (messenger, group) => {
    const contacts = findContacts(await messenger.contacts(), who);
    const change = await messenger.groups.invite(
      group.id,
      contacts.map((contact) => contact.account),
    );
    return await settle(
      context,
      messenger,
      change,
      `Invited to ${groupNameOf(group)}: ${contacts.map(nameOf).join(', ')}.`,
    );
  });
}

/** `sotto group remove GROUP WHO…`. */
export async function removeFromGroup(context: CliContext, which: string, who: readonly string[]): Promise<number> {
  return await onGroup(context, which, async (messenger, group) => {
    const members = await membersOf(messenger, group.id);
    const accounts = who.map((each) => findMember(members, each));
    const change = await messenger.groups.remove(group.id, accounts);
    return await settle(context, messenger, change, `Removed: what is written from now on stays unreadable there.`);
  });
}

/** `sotto group leave GROUP`. */
export async function leaveGroup(context: CliContext, which: string): Promise<number> {
  return await onGroup(context, which, async (messenger, group) => {
    const change = await messenger.groups.leave(group.id);
    return await settle(context, messenger, change, `You left ${groupNameOf(group)}. Its history stays here.`);
  });
}

export interface EditGroupOptions {
  readonly name?: string;
  readonly description?: string;
  readonly timer?: string;
}

/** `sotto group edit GROUP [--name NAME] [--description TEXT] [--timer SPAN]`. */
export async function editGroup(context: CliContext, which: string, options: EditGroupOptions): Promise<number> {
  const { name, description } = options;
  const edit: GroupEdit = {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  };
  const timer = options.timer === undefined ? null : seconds(options.timer);
  if (Object.keys(edit).length === 0 && timer === null) {
    throw new CliError('usage', 'What should change?', 'Give --name, --description or --timer.');
  }
  return await onGroup(context, which, async (messenger, group) => {
    let exit: number = exitCodes.ok.exit;
    if (Object.keys(edit).length > 0) {
      exit = await settle(context, messenger, await messenger.groups.edit(group.id, edit), 'Changed.');
    }
    if (timer !== null && exit === exitCodes.ok.exit) {
      const sentence = timer === 0 ? 'Messages stay.' : `Messages disappear after ${duration(timer)}.`;
      exit = await settle(context, messenger, await messenger.groups.setTimer(group.id, timer), sentence);
    }
    return exit;
  });
}

/** `sotto group role GROUP WHO ROLE`. */
export async function setGroupRole(context: CliContext, which: string, who: string, role: string): Promise<number> {
  const wanted = oneOf<GroupRole>('ROLE', role, ['member', 'admin', 'owner']);
  return await onGroup(context, which, async (messenger, group) => {
    const account = findMember(await membersOf(messenger, group.id), who);
    const change = await messenger.groups.setRole(group.id, account, wanted);
    return await settle(context, messenger, change, `Done: ${wanted} now.`);
  });
}

export type PermissionOptions = { readonly [Name in keyof GroupPermissions]?: string };

/** `sotto group permissions GROUP [--add …] [--edit …] [--send …] [--pin …]`. */
export async function setGroupPermissions(
  context: CliContext,
  which: string,
  options: PermissionOptions,
): Promise<number> {
  const given = (['add', 'edit', 'send', 'pin'] as const).flatMap((name) => {
    const value = options[name];
    return value === undefined
      ? []
      : [[name, oneOf<GroupPermission>(`--${name}`, value, ['members', 'admins'])] as const];
  });
  if (given.length === 0) throw new CliError('usage', 'Which? Give --add, --edit, --send or --pin.');
  return await onGroup(context, which, async (messenger, group) => {
    const change = await messenger.groups.setPermissions(group.id, Object.fromEntries(given));
    return await settle(context, messenger, change, 'Changed.');
  });
}

/** `sotto group link GROUP [--open] [--renew] [--end] [--no-qr]`. */
export async function groupLink(
  context: CliContext,
  which: string,
  options: { readonly open?: boolean; readonly renew?: boolean; readonly end?: boolean; readonly qr: boolean },
): Promise<number> {
  return await onGroup(context, which, async (messenger, group) => {
    if (options.end === true) {
      return await settle(
        context,
        messenger,
        await messenger.groups.endLink(group.id),
        'The link does not work any more.',
      );
    }
    const link = await messenger.groups.link(group.id, {
      ...(options.open === true ? { approval: false } : {}),
      renew: options.renew === true,
    });
    const qr = options.qr && !context.output.json ? await qrLines(link.toUpperCase(), context.output.colour) : [];
    context.output.result({ group: group.id, link }, qr.length === 0 ? link : [link, '', ...qr]);
    return exitCodes.ok.exit;
  });
}

/** `sotto group join LINK`. */
export async function joinGroup(context: CliContext, link: string): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const group = await messenger.groups.joinByLink(link.trim(), { signal: context.signal });
    await flush(messenger, context);
    context.output.result(
      groupShape(group),
      group.state === 'joined'
        ? `You are in ${groupNameOf(group)}.`
        : 'Asked. "sotto group list" shows when you have been let in.',
    );
  });
}

/** `sotto group requests [GROUP]`. */
export async function listJoinRequests(context: CliContext, which: string | undefined): Promise<void> {
  await withMessenger(context, async (messenger) => {
    await syncOnce(messenger, context);
    const groups = await messenger.groups.list();
    const group = which === undefined ? undefined : findGroup(groups, which).id;
    const requests = await messenger.groups.joinRequests(group);
    if (requests.length === 0) context.output.note('Nobody asks to come in.');
    for (const request of requests) {
      const asked = groups.find(({ id }) => id === request.group);
      context.output.result(
        joinRequestShape(request),
        `${cleanName(request.name)}  ${asked === undefined ? '' : groupNameOf(asked)}  ${request.account.slice(0, 10)}`,
      );
    }
  });
}

/** `sotto group approve GROUP WHO` and `sotto group refuse GROUP WHO`. */
export async function answerJoinRequest(
  context: CliContext,
  which: string,
  who: string,
  approve: boolean,
): Promise<number> {
  return await onGroup(context, which, async (messenger, group) => {
    const account = findMember(await messenger.groups.joinRequests(group.id), who);
    if (approve) return await settle(context, messenger, await messenger.groups.approve(group.id, account), 'Let in.');
    await messenger.groups.refuse(group.id, account);
    await flush(messenger, context);
    context.output.result({ group: group.id, account, approved: false }, 'Not let in.');
    return exitCodes.ok.exit;
  });
}

/** `sotto group pending GROUP`. */
export async function listPending(context: CliContext, which: string): Promise<void> {
  await onGroup(context, which, async (messenger, group) => {
    const pending = await messenger.groups.pending(group.id);
    if (pending.length === 0) context.output.note('Nothing waits.');
    for (const { id, kind, createdAt, reason } of pending) {
      context.output.result(
        { change: id, kind, createdAt: isoTime(createdAt), reason },
        `${kind}: ${explainGroupReason(reason)}`,
      );
    }
  });
}

/** `sotto group rotate GROUP`. */
export async function rotateGroup(context: CliContext, which: string): Promise<number> {
  return await onGroup(context, which, async (messenger, group) => {
    return await settle(context, messenger, await messenger.groups.rotate(group.id), 'This device has new keys there.');
  });
}

/** `sotto group resync GROUP`. */
export async function resyncGroup(context: CliContext, which: string): Promise<void> {
  await onGroup(context, which, async (messenger, group) => {
    await messenger.groups.resync(group.id);
    await flush(messenger, context);
    context.output.result(
      { group: group.id, state: 'resyncing' },
      'Asked to be brought back in; members that are online answer.',
    );
  });
}

function oneOf<T extends string>(what: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new CliError('usage', `${what} takes one of: ${allowed.join(', ')}.`);
  return found;
}
