import type { AccountRef, Contact, HistoryEntry, Message, MessageRef } from '@sotto/client';
import type { DeviceNode } from '../device/device-node.ts';
import type { Person, World } from '../play/world.ts';
import { messengerOf } from '../play/world.ts';
import { checkGroups } from './groups.ts';
import { deletedIn, failedIn, messagesOf, shows, wholeHistory } from './histories.ts';
import { Violation } from './violation.ts';

/** Rows that a device keeps beside its messages. */
const SPARE_ROWS = 400;
/** Sessions with one device of another. */
const SESSIONS = 16;

interface View {
  readonly device: DeviceNode;
  readonly entries: readonly HistoryEntry[];
  readonly messages: readonly Message[];
}

/** Looks at everything once all is calm. Throws `Violation`. */
export async function checkFinal(world: World): Promise<void> {
  await checkOutboxes(world);
  for (const [person, other] of world.pairs()) await checkConversation(world, person, other);
  await checkGroups(world);
  await checkRows(world);
}

async function checkOutboxes(world: World): Promise<void> {
  for (const device of world.devices) {
    const [first] = await world.settled(messengerOf(device).outbox());
    if (first === undefined) continue;
    const ways = first.deliveries.map(({ state, reason, attempts }) => `${state}/${reason}/${attempts}`);
    throw new Violation(
      'outbox-settles',
      `${device.name}: ${first.message.slice(0, 8)} ${first.reason}: ${ways.join()}`,
    );
  }
}

async function checkConversation(world: World, person: Person, other: Person): Promise<void> {
  const views: View[] = [];
  for (const [own, peer] of [
    [person, other],
    [other, person],
  ] as const) {
    for (const device of own.devices) {
      const view = await viewOf(world, device, peer.account);
      if (view !== null) views.push(view);
    }
  }
  // What is taken back before it left goes nowhere, and what left shows as taken back everywhere.
  const deleted = new Set(views.flatMap(({ messages }) => deletedIn(messages)));
  const cancelled = await cancelledIn(world, [person, other]);
  const failed = new Set([...deleted, ...cancelled, ...views.flatMap(({ messages }) => failedIn(messages))]);
  for (const { device, messages } of views) {
    const left = messages.find(({ id, body }) => deleted.has(id) && body.kind !== 'deleted');
    if (left !== undefined) throw new Violation('same-history', `${device.name} still shows ${left.id.slice(0, 8)}`);
  }
  const kept = views.map(({ device, entries, messages }) => ({
    device,
    gaps: entries.filter(({ kind }) => kind === 'gap').length,
    messages: messages.filter(({ id }) => !failed.has(id)),
  }));
  const [first] = kept;
  if (first === undefined) return;
  const names = `${person.name} and ${other.name}`;
  const wasBlocked = views.some(({ messages }) => messages.some(({ conversation }) => world.blocked.has(conversation)));
  for (const { device, messages, gaps } of kept) {
    if (gaps > 0 && failed.size === 0 && !wasBlocked)
      throw new Violation('nothing-lost', `${device.name} shows a gap (${names})`);
    checkPromises(world, device, new Map(messages.map((message) => [message.id, message])), failed, [person, other]);
    checkCausality(world, device, messages);
  }
  const line = wasBlocked ? ({ id }: Message) => id : shows;
  const expected = first.messages.map(line);
  for (const { device, messages } of kept) {
    const found = messages.map(line);
    const at = expected.findIndex((each, i) => each !== found[i]);
    if (at < 0 && found.length === expected.length) continue;
    const place = at < 0 ? expected.length : at;
    const detail = `${names}, line ${place}: ${first.device.name} ${expected[place]}, ${device.name} ${found[place]}`;
    throw new Violation('same-history', detail);
  }
}

async function viewOf(world: World, device: DeviceNode, account: AccountRef): Promise<View | null> {
  const messenger = messengerOf(device);
  const contact: Contact | null = await world.settled(messenger.contact(account));
  if (contact === null) return null;
  const entries = await world.settled(wholeHistory(messenger, contact.conversation));
  return { device, entries, messages: messagesOf(entries) };
}

/** What blocking cancelled on its way to some device, as the trail at its author's says. */
async function cancelledIn(world: World, people: readonly Person[]): Promise<MessageRef[]> {
  const cancelled: MessageRef[] = [];
  for (const { id, conversation, device } of world.promises.texts.values()) {
    if (!world.blocked.has(conversation) || !world.concerns(conversation, people)) continue;
    const author = world.devices.find(({ name }) => name === device);
    if (author === undefined) continue;
    const { steps } = await world.settled(messengerOf(author).explain(id));
    if (steps.some(({ code }) => code === 'contact-blocked')) cancelled.push(id);
  }
  return cancelled;
}

function checkPromises(
  world: World,
  device: DeviceNode,
  here: ReadonlyMap<MessageRef, Message>,
  failed: ReadonlySet<MessageRef>,
  people: readonly Person[],
): void {
  for (const { id, author, text, conversation } of world.promises.texts.values()) {
    if (failed.has(id) || !world.concerns(conversation, people)) continue;
    const message = here.get(id);
    if (message === undefined) {
      throw new Violation('nothing-lost', `${device.name} has not ${id.slice(0, 8)}, which was stored for its author`);
    }
    const { body } = message;
    const whole = body.kind === 'deleted' || (body.kind === 'text' && (body.edited || body.text === text));
    if (!whole || message.author !== author)
      throw new Violation('same-history', `${device.name}: ${id.slice(0, 8)} is another`);
  }
}

function checkCausality(world: World, device: DeviceNode, messages: readonly Message[]): void {
  const places = new Map(messages.map(({ id }, place) => [id, place]));
  for (const [id, place] of places) {
    for (const seen of world.promises.texts.get(id)?.seen ?? []) {
      if ((places.get(seen) ?? -1) <= place) continue;
      throw new Violation('causal-order', `${device.name}: ${id.slice(0, 8)} stands before what its author had seen`);
    }
  }
}

/** What stays must follow from what was written, not from how often something failed. */
async function checkRows(world: World): Promise<void> {
  const written = world.promises.written;
  for (const device of world.devices) {
    const messenger = messengerOf(device);
    const { sessions } = await world.settled(messenger.status());
    const most = world.devices.length * SESSIONS;
    if (sessions > most) throw new Violation('rows-bounded', `${device.name} has ${sessions} sessions`);
    for (const collection of device.collections.values()) {
      const rows = device.vault?.read((read) => read.count(collection)) ?? 0;
      const limit = (ROWS_FOR_EACH[collection.name] ?? 1) * written + SPARE_ROWS;
      if (rows > limit)
        throw new Violation('rows-bounded', `${device.name}: ${rows} rows of ${collection.name}, ${written} written`);
    }
  }
}

/** Rows of a kind for each message written, receipts and addresses included. */
const ROWS_FOR_EACH: Readonly<Record<string, number>> = {
  marks: 8,
  trails: 3,
  messages: 2,
  deliveries: 0,
  outbound: 0,
  parked: 0,
};
