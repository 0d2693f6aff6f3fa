import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AccountRef, ConversationRef, Messenger, MessengerEvents, ReasonCode, Settings } from '@sotto/client';
import { decodeEnvelope, deviceId, envelopeIdOf, idHex, idText } from '@sotto/wire';
import type { Post } from '@sotto/gateway';
import { EventLog } from '../check/event-log.ts';
import { GroupRecord } from '../check/group-record.ts';
import { Promises } from '../check/ledger-of-promises.ts';
import { Violation } from '../check/violation.ts';
import { SealRegister } from '../check/watched-provider.ts';
import { DeviceNode } from '../device/device-node.ts';
import type { Tampering } from '../device/device-node.ts';
import { GatewayNode } from '../gateway/gateway-node.ts';
import type { Prank } from '../gateway/mischief.ts';
import { Random } from '../time/random.ts';
import { Timeline } from '../time/timeline.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const START = Date.UTC(2026, 10, 20, 9);
/** ms that anything asked of a messenger may take while nothing is wrong. */
const PATIENCE_MS = 10 * MINUTE;
const TAG_BYTES = 8;
/** ms until a device that could not come up is tried again. */
const RETRY_MS = 10 * SECOND;

/** Everything heals within hours instead of days, so that a run is hours long. */
const SETTINGS: Partial<Settings> = {
  autoAccept: true,
  healAfterMs: 20 * MINUTE,
  healAfterSeenMs: 2 * MINUTE,
  sessionResetMs: 5 * MINUTE,
  retryMostMs: MINUTE,
};

export interface WorldOptions {
  readonly seed: string;
  /** An empty folder for everything that is stored. */
  readonly folder: string;
  /** Devices of each account. */
  readonly accounts: readonly number[];
  /** Whether people have a group. */
  readonly groups?: boolean;
  readonly tampering?: Tampering;
  readonly onLine?: (line: string) => void;
}

/** An account with its devices. */
export interface Person {
  readonly name: string;
  readonly account: AccountRef;
  readonly devices: readonly DeviceNode[];
}

/** Devices, a gateway, the network between them, and what is known of what happened. */
export class World {
  readonly seed: string;
  readonly timeline = new Timeline(START);
  readonly log: EventLog;
  readonly promises = new Promises();
  readonly gateway: GatewayNode;
  readonly people: Person[] = [];
  /** What is about to happen to the next envelopes at the gateway. */
  readonly pranks: Prank[] = [];
  /** Envelopes that could not be opened, by reason. */
  readonly unreadable = new Map<ReasonCode, number>();
  /** Conversations in which somebody was blocked: reactions and edits made then were cancelled. */
  readonly blocked = new Set<ConversationRef>();
  readonly groups = new GroupRecord();
  readonly register = new SealRegister();
  readonly #options: WorldOptions;
  readonly #envelopeOfTag = new Map<string, string>();
  readonly #deviceOf = new Map<string, DeviceNode>();
  /** Acknowledged by devices that have died since. */
  readonly #unseen = new Map<string, Uint8Array[]>();
  readonly #conversations = new Map<string, ConversationRef>();
  #violation: Violation | null = null;
  #over = false;
  /** ms until a device that died comes up again. */
  restartAfterMs = 5 * SECOND;

  private constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.#options = options;
    this.log = new EventLog(() => this.timeline.now, options.onLine);
    const folder = join(options.folder, 'gateway');
    mkdirSync(folder);
    this.gateway = new GatewayNode({
      timeline: this.timeline,
      random: new Random(`${options.seed}/gateway`),
      folder,
      prank: (post) => this.#prank(post),
      onPost: (post, outcome) => {
        this.log.note('gateway', 'post', outcome.kind, post.envelope.length);
        if (outcome.kind === 'stored') this.#oneEnvelopeForEachTag(post);
      },
      onAcknowledged: (device, envelope) => this.#acknowledged(deviceOfBytes(device), envelope),
      onFailure: (error) => this.#fail(new Violation('no-surprise', 'the gateway could not commit', { cause: error })),
    });
    this.gateway.start();
  }

  /** Accounts with their devices, each a contact of its neighbours, and nothing left to do. */
  static async create(options: WorldOptions): Promise<World> {
    const world = new World(options);
    for (const [index, devices] of options.accounts.entries()) await world.#addPerson(index, devices);
    for (const [person, other] of world.pairs()) await world.#befriend(person, other);
    await world.pass(MINUTE);
    if (options.groups === true) await world.#makeGroup();
    await world.pass(MINUTE);
    return world;
  }

  get devices(): readonly DeviceNode[] {
    return this.people.flatMap((person) => person.devices);
  }

  personOf(device: DeviceNode): Person {
    const person = this.people.find((each) => each.devices.includes(device));
    if (person === undefined) throw new TypeError('a device of nobody');
    return person;
  }

  /** Lets time pass. Throws the first `Violation` in it. */
  async pass(ms: number): Promise<void> {
    await this.timeline.runUntil(this.timeline.now + ms);
    this.requireSound();
  }

  /** Lets time pass until something is done. */
  async settled<T>(work: Promise<T>): Promise<T> {
    const result = await this.timeline.runUntilSettled(work, PATIENCE_MS);
    this.requireSound();
    return result;
  }

  /** Who is whose contact: people sit in a circle and know their neighbours. */
  pairs(): readonly (readonly [Person, Person])[] {
    const { people } = this;
    const pairs: [Person, Person][] = [];
    for (const [index, person] of people.entries()) {
      const next = people[(index + 1) % people.length];
      if (next !== undefined && next !== person && (index + 1 < people.length || people.length > 2)) {
        pairs.push([person, next]);
      }
    }
    return pairs;
  }

  get elapsedMs(): number {
    return this.timeline.now - START;
  }

  /** Starts a device that is down; one that cannot come up is tried again. */
  bringUp(device: DeviceNode): void {
    if (device.isUp || this.#over) return;
    device.start().catch((error: unknown) => {
      this.log.note(
        device.name,
        'cannot open',
        error instanceof Error && 'code' in error ? String(error.code) : 'died',
      );
      this.timeline.after(RETRY_MS, () => this.bringUp(device));
    });
  }

  /** Whether a conversation is the one between two people. */
  concerns(conversation: ConversationRef, people: readonly Person[]): boolean {
    return this.#conversations.get(people.map(({ name }) => name).join('+')) === conversation;
  }

  async unblockAll(): Promise<void> {
    for (const device of this.devices) {
      const messenger = messengerOf(device);
      for (const { account, state } of await this.settled(messenger.contacts())) {
        if (state === 'blocked') await this.settled(messenger.unblock(account));
      }
    }
  }

  /** Throws `Violation` `queues-bounded`. */
  checkQueues(): void {
    const { gateway } = this;
    const fullest = gateway.fullest();
    if (fullest !== null && fullest > gateway.mostMessages) {
      throw new Violation('queues-bounded', `a mailbox holds ${fullest} messages`);
    }
  }

  requireSound(): void {
    if (this.#violation !== null) throw this.#violation;
  }

  /** Everything ends. */
  async close(): Promise<void> {
    this.#over = true;
    for (const device of this.devices) device.crash();
    this.gateway.crash();
    await this.timeline.runUntil(this.timeline.now);
  }

  async #addPerson(index: number, count: number): Promise<void> {
    const name = NAMES[index] ?? `person${index}`;
    const devices = Array.from({ length: count }, (_, i) => this.#device(`${name}${i + 1}`));
    const [first, ...others] = devices;
    if (first === undefined) throw new TypeError('an account without devices');
    await this.settled(first.create());
    for (const other of others) {
      await this.settled(first.stop());
      await this.settled(other.join(first));
      await this.settled(first.start());
      await this.settled(other.start());
    }
    const { account } = await this.settled(messengerOf(first).self());
    this.people.push({ name, account, devices });
    this.log.note('world', 'account', name, count);
  }

  /** The first person makes a group of all contacts, who join. */
  async #makeGroup(): Promise<void> {
    const [first, ...others] = this.people.map(({ devices }) => devices[0]);
    if (first === undefined) return;
    const contacts = await this.settled(messengerOf(first).contacts());
    const accounts = contacts.map(({ account }) => account);
    await this.settled(messengerOf(first).groups.create({ name: 'group', accounts }));
    await this.pass(30 * SECOND);
    for (const device of others) {
      if (device === undefined) continue;
      const messenger = messengerOf(device);
      for (const { group } of await this.settled(messenger.groups.invitations())) {
        await this.settled(messenger.groups.accept(group));
      }
    }
    await this.pass(30 * SECOND);
  }

  async #befriend(person: Person, other: Person): Promise<void> {
    const [a] = person.devices;
    const [b] = other.devices;
    if (a === undefined || b === undefined) return;
    const link = await this.settled(messengerOf(b).contactLink());
    const { conversation } = await this.settled(messengerOf(a).addContact(link));
    this.#conversations.set(`${person.name}+${other.name}`, conversation);
    this.log.note('world', 'contact', person.name, other.name);
  }

  #device(name: string): DeviceNode {
    const { seed, folder, tampering = {} } = this.#options;
    return new DeviceNode({
      timeline: this.timeline,
      seed,
      name,
      folder: join(folder, name),
      gateway: this.gateway,
      settings: SETTINGS,
      register: this.register,
      tampering,
      onReuse: (device) =>
        this.#fail(new Violation('no-key-reused', `${device.name}: one key and nonce, two contents`)),
      onCommit: () => undefined,
      onCrash: (device, at) => {
        this.log.note(device.name, 'died', at);
        this.timeline.after(this.restartAfterMs, () => this.bringUp(device));
      },
      onOpen: (device, messenger) => {
        this.log.note(device.name, 'up');
        this.#knowDevice(device, messenger);
        this.#listen(device, messenger);
      },
    });
  }

  #listen(device: DeviceNode, messenger: Messenger): void {
    const { log, promises } = this;
    const { name } = device;
    const on = <Name extends keyof MessengerEvents>(event: Name, act: (what: MessengerEvents[Name]) => void): void => {
      messenger.events.on(event, (what) => {
        // The dead tell nothing.
        if (device.messenger !== messenger) return;
        try {
          act(what);
        } catch (error) {
          // What listeners throw is the messenger's to report: it must not be lost there.
          if (!(error instanceof Violation)) throw error;
          this.#fail(error);
        }
      });
    };
    on('message-received', ({ message }) => {
      log.note(name, 'received', message.id.slice(0, 8));
      promises.received(device, message);
    });
    on('message-sent', ({ message }) => {
      log.note(name, 'sent', message.id.slice(0, 8));
      promises.sentHere(device, message);
    });
    on('message-updated', ({ message }) => log.note(name, 'updated', message.id.slice(0, 8), message.state));
    on('outbox-changed', ({ message, reason }) => log.note(name, 'outbox', message.slice(0, 8), reason));
    on('connection-changed', ({ state }) => log.note(name, 'connection', state));
    on('group-joined', ({ group }) => {
      log.note(name, 'group joined', group.epoch);
      this.groups.joined(device, group.id);
    });
    on('group-left', ({ group, reason }) => {
      log.note(name, 'group left', reason);
      this.groups.out(device, group.id);
    });
    on('group-changed', ({ group }) => {
      log.note(name, 'group', group.state, group.epoch, group.members);
      if (group.state !== 'joined') this.groups.out(device, group.id);
    });
    on('group-commit', ({ epoch, own }) => log.note(name, 'group commit', epoch, own ? 'own' : ''));
    on('group-change-moved', ({ reason }) => log.note(name, 'group change', reason));
    on('contact-changed', ({ contact }) => log.note(name, 'contact', contact.state));
    on('envelope-unreadable', ({ reason }) => {
      log.note(name, 'unreadable', reason);
      this.unreadable.set(reason, (this.unreadable.get(reason) ?? 0) + 1);
    });
    on('problem', ({ error }) => {
      log.note(name, 'problem', error.code);
      if (SURPRISES.has(error.code)) {
        throw new Violation('no-surprise', `${name}: ${error.code}: ${error.message}`, { cause: error });
      }
    });
    on('closed', ({ why }) => log.note(name, 'closed', why));
  }

  #prank(post: Post): Prank | null {
    const prank = this.pranks.shift() ?? null;
    if (prank !== null) this.log.note('gateway', prank.kind, post.envelope.length);
    return prank;
  }

  #knowDevice(device: DeviceNode, messenger: Messenger): void {
    void messenger.self().then(({ device: ref }) => this.#deviceOf.set(ref, device));
    for (const envelope of this.#unseen.get(device.name) ?? []) this.#requireStored(device, envelope);
    this.#unseen.delete(device.name);
  }

  /** A device says that it needs an envelope no more: it must have it, or know why it does not want it. */
  #acknowledged(ref: string, envelope: Uint8Array): void {
    const device = this.#deviceOf.get(ref);
    if (device === undefined) return;
    if (device.vault !== null) this.#requireStored(device, envelope);
    // It has died in the meantime: looked at when it is up again.
    else this.#unseen.set(device.name, [...(this.#unseen.get(device.name) ?? []), new Uint8Array(envelope)]);
  }

  #requireStored(device: DeviceNode, envelope: Uint8Array): void {
    const id = idText(envelopeIdOf(decodeEnvelope(envelope), sha256));
    const tables = ['marks', 'parked'].flatMap((name) => device.collections.get(name) ?? []);
    const known = device.vault?.read((read) => tables.some((table) => read.get(table, id) !== null));
    if (known !== false) return;
    this.#fail(new Violation('acknowledged-is-stored', `${device.name} acknowledged what it has not stored`));
  }

  /** In a session under way a message's tag names its key; first messages begin with random bytes. */
  #oneEnvelopeForEachTag({ envelope }: Post): void {
    const tag = idHex(decodeEnvelope(envelope).sealed.subarray(0, TAG_BYTES));
    const known = this.#envelopeOfTag.get(tag);
    const bytes = idHex(envelope);
    if (known === undefined) this.#envelopeOfTag.set(tag, bytes);
    else if (known !== bytes) this.#fail(new Violation('no-key-reused', 'one message key, two envelopes'));
  }

  #fail(violation: Violation): void {
    this.log.note('world', 'violation', violation.invariant);
    this.#violation ??= violation;
  }
}

const NAMES = 'abcdefghijklmnopqrstuvwxyz';

const deviceOfBytes = (bytes: Uint8Array): string => idText(deviceId(bytes));

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

const SURPRISES: ReadonlySet<string> = new Set(['internal', 'corrupt_store']);

/** The messenger of a device that must be up. */
export function messengerOf(device: DeviceNode): Messenger {
  if (device.messenger === null) throw new Error(`${device.name} is down`);
  return device.messenger;
}
