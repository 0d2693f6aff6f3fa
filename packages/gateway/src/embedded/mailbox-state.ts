import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { keyOf } from '../byte-keys.ts';
import type { Participant } from './group-commit.ts';

/** What posting needs to know of a mailbox, kept in memory between commits. */
export interface Box {
  readonly deviceNo: number;
  readonly accountNo: number;
  revoked: boolean;
  nextSequence: number;
  /** Messages in both queues, expired ones included until they are swept. */
  messages: number;
  changed: boolean;
}

/** A capability's account of itself. */
export interface Capability {
  readonly hash: Uint8Array;
  readonly deviceNo: number;
  readonly dailyQuota: number;
  day: number;
  used: number;
  bundles: number;
  changed: boolean;
}

/** Mailboxes and capabilities remembered; about 300 bytes each. */
const REMEMBERED = 50_000;

/**
 * Counters of mailboxes and capabilities, read once, changed in memory and written once a commit however many messages
 * it holds. After a rollback everything is forgotten and read again.
 */
export class MailboxState implements Participant {
  readonly #boxes = new Map<string, Box>();
  readonly #byDevice = new Map<number, Box>();
  readonly #capabilities = new Map<string, Capability>();
  readonly #changedBoxes: Box[] = [];
  readonly #changedCapabilities: Capability[] = [];
  readonly #select: Record<'box' | 'count' | 'capability', StatementSync>;
  readonly #update: Record<'box' | 'capability', StatementSync>;

  constructor(database: DatabaseSync) {
    this.#select = {
      box: database.prepare(
        `SELECT no, account_no, revoked_at, next_sequence FROM devices JOIN mailbox_counters ON device_no = no
         WHERE mailbox = ?`,
      ),
      count: database.prepare('SELECT COUNT(*) AS n FROM messages WHERE device_no = ?'),
      capability: database.prepare(
        'SELECT device_no, daily_quota, day, used, bundles FROM capabilities WHERE hash = ?',
      ),
    };
    this.#update = {
      box: database.prepare('UPDATE mailbox_counters SET next_sequence = ? WHERE device_no = ?'),
      capability: database.prepare('UPDATE capabilities SET day = ?, used = ?, bundles = ? WHERE hash = ?'),
    };
  }

  /** Undefined: no such mailbox. */
  box(mailbox: Uint8Array): Box | undefined {
    const key = keyOf(mailbox);
    return this.#boxes.get(key) ?? this.#loadBox(key, mailbox);
  }

  /** The box of a device, if it is remembered. */
  remembered(deviceNo: number): Box | undefined {
    return this.#byDevice.get(deviceNo);
  }

  /** Undefined: unknown or revoked. */
  capability(hash: Uint8Array): Capability | undefined {
    const key = keyOf(hash);
    return this.#capabilities.get(key) ?? this.#loadCapability(key, hash);
  }

  forgetCapability(hash: Uint8Array): void {
    this.#capabilities.delete(keyOf(hash));
  }

  boxChanged(box: Box): void {
    if (box.changed) return;
    box.changed = true;
    this.#changedBoxes.push(box);
  }

  capabilityChanged(capability: Capability): void {
    if (capability.changed) return;
    capability.changed = true;
    this.#changedCapabilities.push(capability);
  }

  beforeCommit(): void {
    for (const box of this.#changedBoxes) this.#update.box.run(box.nextSequence, box.deviceNo);
    for (const { day, used, bundles, hash } of this.#changedCapabilities) {
      this.#update.capability.run(day, used, bundles, hash);
    }
  }

  afterCommit(): void {
    for (const box of this.#changedBoxes) box.changed = false;
    for (const capability of this.#changedCapabilities) capability.changed = false;
    this.#changedBoxes.length = 0;
    this.#changedCapabilities.length = 0;
    if (this.#boxes.size > REMEMBERED) this.#forgetBoxes();
    if (this.#capabilities.size > REMEMBERED) this.#capabilities.clear();
  }

  afterRollback(): void {
    this.#changedBoxes.length = 0;
    this.#changedCapabilities.length = 0;
    this.#forgetBoxes();
    this.#capabilities.clear();
  }

  #forgetBoxes(): void {
    this.#boxes.clear();
    this.#byDevice.clear();
  }

  #loadBox(key: string, mailbox: Uint8Array): Box | undefined {
    const row = this.#select.box.get(mailbox);
    if (row === undefined) return undefined;
    const deviceNo = Number(row['no']);
    const box: Box = {
      deviceNo,
      accountNo: Number(row['account_no']),
      revoked: row['revoked_at'] !== null,
      nextSequence: Number(row['next_sequence']),
      messages: Number(this.#select.count.get(deviceNo)?.['n']),
      changed: false,
    };
    this.#boxes.set(key, box);
    this.#byDevice.set(deviceNo, box);
    return box;
  }

  #loadCapability(key: string, hash: Uint8Array): Capability | undefined {
    const row = this.#select.capability.get(hash);
    if (row === undefined) return undefined;
    const capability: Capability = {
      hash,
      deviceNo: Number(row['device_no']),
      dailyQuota: Number(row['daily_quota']),
      day: Number(row['day']),
      used: Number(row['used']),
      bundles: Number(row['bundles']),
      changed: false,
    };
    this.#capabilities.set(key, capability);
    return capability;
  }
}
