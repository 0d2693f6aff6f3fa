import type { ConversationRef, Group, Message } from '@sotto/client';
import type { DeviceNode } from '../device/device-node.ts';
import { membersOf } from '../play/group-actions.ts';
import type { World } from '../play/world.ts';
import { messengerOf } from '../play/world.ts';
import { deletedIn, failedIn, messagesOf, shows, wholeHistory } from './histories.ts';
import { Violation } from './violation.ts';

interface View {
  readonly device: DeviceNode;
  readonly group: Group;
  readonly state: string;
  readonly messages: readonly Message[];
}

/** All who are in a group agree on it; what was written while they were in is there, in one order. */
export async function checkGroups(world: World): Promise<void> {
  for (const id of world.groups.ids) await checkGroup(world, id);
  for (const { device } of world.groups.undecided()) {
    throw new Violation('changes-decided', `${device.name} asked for a change of which nothing was heard again`);
  }
}

async function checkGroup(world: World, id: ConversationRef): Promise<void> {
  const views: View[] = [];
  const gone: View[] = [];
  for (const device of world.devices) {
    const view = await viewOf(world, device, id);
    if (view?.group.state === 'joined') views.push(view);
    else if (view !== null) gone.push(view);
  }
  for (const { device, group } of [...views, ...gone]) {
    const pending = await world.settled(messengerOf(device).groups.pending(id));
    const [first] = pending;
    if (group.state === 'resyncing' || (first !== undefined && group.state === 'joined')) {
      throw new Violation(
        'group-agrees',
        `${device.name}: ${group.state}, ${first?.kind ?? ''} ${first?.reason ?? ''}`,
      );
    }
  }
  for (const { device, messages } of [...views, ...gone]) {
    const { account } = world.personOf(device);
    const learnt = messages.find((message) => world.groups.isSecretFrom(device, account, id, message.id));
    if (learnt === undefined) continue;
    throw new Violation(
      'removed-learn-nothing',
      `${device.name} has ${learnt.id.slice(0, 8)}, written after it was out`,
    );
  }
  const [first] = views;
  for (const view of views) {
    if (first === undefined || view.state === first.state) continue;
    throw new Violation('group-agrees', `${first.device.name} ${first.state}, ${view.device.name} ${view.state}`);
  }
  const failed = new Set(
    [...views, ...gone].flatMap(({ messages }) => [...failedIn(messages), ...deletedIn(messages)]),
  );
  const all = new Map(views.flatMap(({ messages }) => messages.map((message) => [message.id, message] as const)));
  for (const { device, messages } of views) {
    const here = new Map(messages.map((message, place) => [message.id, { message, place }]));
    for (const owed of world.groups.owedTo(device, id)) {
      if (here.has(owed) || failed.has(owed)) continue;
      // What never got into the log is nobody's; its author still holds it or knows that it failed.
      if (!all.has(owed)) continue;
      throw new Violation(
        'nothing-lost',
        `${device.name} has not ${owed.slice(0, 8)}, written while it was in the group`,
      );
    }
    for (const message of messages) {
      const other = all.get(message.id);
      if (other === undefined || failed.has(message.id) || shows(other) === shows(message)) continue;
      throw new Violation('same-history', `${device.name} shows ${message.id.slice(0, 8)} otherwise`);
    }
  }
  for (const view of views) if (first !== undefined) requireSameOrder(first, view);
}

/** What both have stands in one order. */
function requireSameOrder(a: View, b: View): void {
  const [inA, inB] = [a, b].map(({ messages }) => new Set(messages.map(({ id }) => id)));
  const ofA = a.messages.filter(({ id }) => inB?.has(id) === true);
  const ofB = b.messages.filter(({ id }) => inA?.has(id) === true);
  const at = ofA.findIndex(({ id }, place) => id !== ofB[place]?.id);
  if (at < 0) return;
  throw new Violation('same-history', `${a.device.name} and ${b.device.name} differ in a group at line ${at}`);
}

async function viewOf(world: World, device: DeviceNode, id: ConversationRef): Promise<View | null> {
  const messenger = messengerOf(device);
  const group = await world.settled(messenger.groups.get(id));
  if (group === null || group.state === 'invited') return null;
  const members = await world.settled(membersOf(messenger, id));
  const listed = members.map(({ account, role, devices }) => `${account.slice(0, 6)}/${role}/${devices}`).toSorted();
  const state = [group.name, group.epoch, group.members, group.devices, ...listed].join(' ');
  const messages = messagesOf(await world.settled(wholeHistory(messenger, id)));
  return { device, group, state, messages };
}
