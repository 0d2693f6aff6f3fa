import type { AccountRef, Group, GroupChange, GroupMember, Messenger } from '@sotto/client';
import type { DeviceNode } from '../device/device-node.ts';
import type { Random } from '../time/random.ts';
import type { World } from './world.ts';

/** What people do with groups. */
export const GROUP_ACTIONS = {
  'group-text': 18,
  'group-invite': 3,
  'group-remove': 2,
  'group-leave': 0.7,
  'group-rename': 3,
  'group-rotate': 2,
  'group-role': 1,
} as const;
export type GroupActionKind = keyof typeof GROUP_ACTIONS;

export interface GroupScene {
  readonly world: World;
  readonly number: number;
  readonly random: Random;
  readonly device: DeviceNode;
  readonly messenger: Messenger;
}

/** Has somebody do something in a group that they are in; who is invited joins first. */
export async function actInGroup(scene: GroupScene, kind: GroupActionKind): Promise<void> {
  const { messenger } = scene;
  for (const { group } of await messenger.groups.invitations()) await messenger.groups.accept(group);
  const groups = (await messenger.groups.list()).filter(({ state }) => state === 'joined');
  const group = scene.random.pick(groups);
  if (group !== null) await DOING[kind](scene, group);
}

const DOING: Readonly<Record<GroupActionKind, (scene: GroupScene, group: Group) => Promise<void>>> = {
  async 'group-text'({ world, number, device, messenger }, { id: conversation }) {
    const { account } = world.personOf(device);
    const text = `message ${number} to all`;
    const seen = world.promises.lastSeen(device, conversation);
    const accounts = (await membersOf(messenger, conversation)).map((member) => member.account);
    const { id } = await messenger.send(conversation, text);
    world.log.note(device.name, 'stored', id.slice(0, 8), number);
    const promised = { id, conversation, author: account, device: device.name, text, seen };
    world.promises.promise(promised, device);
    world.groups.wrote(id, conversation, accounts);
  },
  async 'group-invite'(scene, { id }) {
    const { random, messenger } = scene;
    const inside = new Set((await membersOf(messenger, id)).map(({ account }) => account));
    const contacts = (await messenger.contacts()).filter(
      ({ account, state }) => state === 'accepted' && !inside.has(account),
    );
    const chosen = random.pick(sorted(contacts));
    if (chosen !== null) ask(scene, id, await messenger.groups.invite(id, [chosen.account]));
  },
  async 'group-remove'(scene, { id }) {
    const { random, messenger } = scene;
    const others = (await membersOf(messenger, id)).filter(({ own, role }) => !own && role !== 'owner');
    const chosen = random.pick(sorted(others));
    if (chosen !== null) ask(scene, id, await messenger.groups.remove(id, [chosen.account]));
  },
  async 'group-leave'({ messenger }, { id, role }) {
    if (role !== 'owner') await messenger.groups.leave(id);
  },
  async 'group-rename'(scene, { id }) {
    const { number, messenger } = scene;
    ask(scene, id, await messenger.groups.edit(id, { name: `group ${number}` }));
  },
  async 'group-rotate'(scene, { id }) {
    const { messenger } = scene;
    ask(scene, id, await messenger.groups.rotate(id));
  },
  async 'group-role'(scene, { id }) {
    const { random, messenger } = scene;
    const others = (await membersOf(messenger, id)).filter(({ own, role }) => !own && role === 'member');
    const chosen = random.pick(sorted(others));
    if (chosen !== null) ask(scene, id, await messenger.groups.setRole(id, chosen.account, 'admin'));
  },
};

function ask({ world, device, messenger }: GroupScene, group: Group['id'], change: GroupChange): void {
  world.groups.asked({ device, messenger, group }, change.done());
}

/** All members; the simulator's groups fit into one page. */
export async function membersOf(messenger: Messenger, group: Group['id']): Promise<readonly GroupMember[]> {
  return (await messenger.groups.members(group)).members;
}

function sorted<T extends { readonly account: AccountRef }>(each: readonly T[]): readonly T[] {
  return each.toSorted((a, b) => (a.account < b.account ? -1 : 1));
}
