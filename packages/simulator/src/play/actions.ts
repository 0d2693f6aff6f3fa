import type { Contact, ConversationRef, Messenger, MessageRef, Outgoing } from '@sotto/client';
import type { DeviceNode } from '../device/device-node.ts';
import { Random } from '../time/random.ts';
import { actInGroup, GROUP_ACTIONS } from './group-actions.ts';
import type { GroupActionKind } from './group-actions.ts';
import type { ActionKind } from './item.ts';
import type { World } from './world.ts';

const EMOJI = ['👍', '❤️', '😂', ''];
/** Of the last so many messages one is answered, edited or reacted to. */
const RECENT = 12;
const BLOCKED_MS = [5_000, 300_000] as const;
const DOWN_MS = [500, 120_000] as const;

/** Has a person do something on one of their devices. Nothing happens when the device is down. */
export function act(world: World, number: number, kind: ActionKind | GroupActionKind): void {
  const random = new Random(`${world.seed}/item/${number}`);
  const device = random.pick(world.devices);
  const messenger = device?.messenger ?? null;
  if (device === null) return;
  if (messenger === null) {
    world.log.note(device.name, 'is down and cannot', kind, number);
    return;
  }
  world.log.note(device.name, 'does', kind, number);
  const scene = { world, number, random, device, messenger };
  const done = isGroupAction(kind) ? actInGroup(scene, kind) : DOING[kind](scene);
  done.then(
    () => undefined,
    (error: unknown) => {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'died';
      world.log.note(device.name, 'refused', kind, number, code);
    },
  );
}

function isGroupAction(kind: string): kind is GroupActionKind {
  return Object.hasOwn(GROUP_ACTIONS, kind);
}

interface Scene {
  readonly world: World;
  readonly number: number;
  readonly random: Random;
  readonly device: DeviceNode;
  readonly messenger: Messenger;
}

const DOING: Readonly<Record<ActionKind, (scene: Scene) => Promise<void>>> = {
  text: (scene) => sendText(scene, false),
  reply: (scene) => sendText(scene, true),
  reaction: (scene) =>
    annotate(scene, false, (message, random) => ({ kind: 'reaction', message, emoji: random.pick(EMOJI) ?? '' })),
  edit: (scene) => annotate(scene, true, (message) => ({ kind: 'edit', message, text: `edit ${scene.number}` })),
  delete: (scene) => annotate(scene, true, (message) => ({ kind: 'delete', message })),
  async read(scene) {
    const contact = await someContact(scene);
    if (contact !== null) await scene.messenger.markRead(contact.conversation);
  },
  async typing(scene) {
    const contact = await someContact(scene);
    if (contact !== null) await scene.messenger.typing(contact.conversation, scene.random.chance(0.7));
  },
  async restart({ world, random, device }) {
    const down = random.whole(...DOWN_MS);
    await device.stop();
    world.timeline.after(down, () => world.bringUp(device));
  },
  async block(scene) {
    const { world, random, messenger } = scene;
    const contact = await someContact(scene);
    if (contact?.state !== 'accepted') return;
    await messenger.block(contact.account);
    world.blocked.add(contact.conversation);
    world.timeline.after(random.whole(...BLOCKED_MS), () => void unblock(scene, contact));
  },
};

async function unblock({ device }: Scene, { account }: Contact): Promise<void> {
  await device.messenger?.unblock(account).catch(() => undefined);
}

async function someContact({ messenger, random }: Scene): Promise<Contact | null> {
  const contacts = await messenger.contacts();
  return random.pick(contacts.toSorted((a, b) => (a.account < b.account ? -1 : 1)));
}

async function sendText(scene: Scene, isReply: boolean): Promise<void> {
  const contact = await someContact(scene);
  if (contact === null) return;
  const { conversation } = contact;
  const replyTo = isReply ? recent(scene, conversation, false) : null;
  const text = `message ${scene.number} ${'·'.repeat(scene.random.whole(0, 40))}`;
  await send(scene, conversation, { kind: 'text', text, ...(replyTo === null ? {} : { replyTo }) }, text);
}

async function annotate(
  scene: Scene,
  own: boolean,
  make: (message: MessageRef, random: Random) => Outgoing,
): Promise<void> {
  const contact = await someContact(scene);
  if (contact === null) return;
  const message = recent(scene, contact.conversation, own);
  if (message !== null) await send(scene, contact.conversation, make(message, scene.random), null);
}

function recent({ world, device, random }: Scene, conversation: ConversationRef, own: boolean): MessageRef | null {
  const { account } = world.personOf(device);
  const shown = world.promises.shown(device, conversation).slice(-RECENT);
  return random.pick(own ? shown.filter((id) => world.promises.authorOf(id) === account) : shown);
}

async function send(
  scene: Scene,
  conversation: ConversationRef,
  content: Outgoing,
  text: string | null,
): Promise<void> {
  const { world, device, messenger, number } = scene;
  const { account } = world.personOf(device);
  const seen = world.promises.lastSeen(device, conversation);
  const { id } = await messenger.send(conversation, content);
  world.log.note(device.name, 'stored', id.slice(0, 8), number);
  if (text === null) return;
  world.promises.promise({ id, conversation, author: account, device: device.name, text, seen }, device);
}
