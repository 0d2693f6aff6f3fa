/** One device of one account in a process of its own: `member.ts FOLDER`. Accepts every invitation to a group. */
import { join } from 'node:path';
import { Messenger } from '@sotto/client';
import type { AccountRef, ConversationRef, GroupChange, GroupInvitation, HistoryCursor, Message } from '@sotto/client';
import { keystoreIn, quick, textOf } from '../../packages/client/test/support/people.ts';
import type { GroupView, MemberCalls, MemberReply, MemberRequest } from './member-protocol.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: member.ts FOLDER');
const messenger = await Messenger.open({
  vault: { folder: join(folder, 'vault'), keystore: keystoreIn(folder) },
  settings: quick,
});

const accept = (invitation: Pick<GroupInvitation, 'group'>): void => {
  // Another device of the account may have answered.
  messenger.groups.accept(invitation.group).catch(() => undefined);
};
messenger.events.on('group-invited', ({ invitation }) => accept(invitation));
for (const invitation of await messenger.groups.invitations()) accept(invitation);

const problems: string[] = [];
messenger.events.on('problem', ({ error }) => void problems.push(`${error.message} ${String(error.cause)}`));
messenger.events.on('envelope-unreadable', ({ reason }) => void problems.push(reason));

const groupOf = (text: string) => text as ConversationRef;
const accountOf = (text: string) => text as AccountRef;
const done = async (change: Promise<GroupChange>): Promise<string> => (await change).done();

async function messages(group: ConversationRef): Promise<Message[]> {
  const found: Message[] = [];
  let before: HistoryCursor | null = null;
  do {
    const page = await messenger.history(group, { limit: 500, ...(before === null ? {} : { before }) });
    found.unshift(...page.entries.flatMap((entry) => (entry.kind === 'message' ? [entry.message] : [])));
    before = page.before;
  } while (before !== null);
  return found;
}

async function view(id: string): Promise<GroupView> {
  const group = groupOf(id);
  const known = await messenger.groups.get(group);
  if (known === null) return { state: 'unknown', name: '', epoch: 0, members: [], pending: 0, waiting: 0 };
  const { members } = await messenger.groups.members(group, { limit: 1000 });
  // Of a group that was not joined yet there is no conversation.
  const all = (await messenger.conversation(group)) === null ? [] : await messages(group);
  const waiting = all.filter(({ own, state }) => own && state === 'waiting');
  return {
    state: known.state,
    name: known.name,
    epoch: known.epoch,
    members: members
      .map(({ account, role, devices }) => ({ account, role, devices }))
      .toSorted((a, b) => (a.account < b.account ? -1 : 1)),
    pending: (await messenger.groups.pending(group)).length,
    waiting: waiting.length,
  };
}

const calls: {
  [Call in keyof MemberCalls]: (request: MemberCalls[Call]['request']) => Promise<MemberCalls[Call]['result']>;
} = {
  create: async ({ name, accounts }) => (await messenger.groups.create({ name, accounts: accounts.map(accountOf) })).id,
  invite: ({ group, account }) => done(messenger.groups.invite(groupOf(group), [accountOf(account)])),
  remove: ({ group, account }) => done(messenger.groups.remove(groupOf(group), [accountOf(account)])),
  role: ({ group, account, role }) => done(messenger.groups.setRole(groupOf(group), accountOf(account), role)),
  rename: ({ group, name }) => done(messenger.groups.edit(groupOf(group), { name })),
  rotate: ({ group }) => done(messenger.groups.rotate(groupOf(group))),
  send: async ({ group, text }) => {
    await messenger.send(groupOf(group), text);
    return null;
  },
  view: ({ group }) => view(group),
  texts: async ({ group }) => (await messages(groupOf(group))).map(textOf),
  accepted: async ({ group }) =>
    (await messages(groupOf(group))).filter(({ own, state }) => own && state !== 'waiting').map(textOf),
  diagnose: async ({ group }) =>
    JSON.stringify({
      view: await view(group),
      pending: await messenger.groups.pending(groupOf(group)).catch(String),
      outbox: (await messenger.outbox()).slice(0, 10),
      problems,
      status: await messenger.status(),
    }),
  close: async () => {
    await messenger.close();
    return null;
  },
};

const tell = (reply: MemberReply): void => void process.send?.(reply);

async function answer<Call extends keyof MemberCalls>(
  id: number,
  call: Call,
  request: MemberCalls[Call]['request'],
): Promise<void> {
  try {
    tell({ kind: 'result', id, result: await calls[call](request) });
  } catch (error) {
    tell({ kind: 'error', id, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
  }
  if (call === 'close') process.exit(0);
}

process.on('message', ({ id, call, request }: MemberRequest) => void answer(id, call, request as never));
// A test that ends early takes its members with it.
process.on('disconnect', () => process.exit(1));
tell({ kind: 'ready' });
