import type { GatewayTransport, LogFollower } from '@sotto/gateway-api';
import { StoredGroup_State } from '@sotto/wire/stored';
import type { StoredGroup } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import type { AccountRef, ConversationRef, MessageRef } from '../refs.ts';
import { accountOf, conversationRef } from '../store/refs.ts';
import { groupPosts, groups } from '../store/tables.ts';
import { GroupReceipts } from './receipts.ts';
import { decisionsOf, groupsOf, intentsOf } from './rows.ts';
import { GroupWorker } from './worker.ts';
import type { WorkerParts } from './worker-parts.ts';

interface Followed {
  readonly follower: LogFollower;
  readonly gateway: string;
}

/** All groups at work: a worker each, and one connection to each gateway that has logs of them. */
export class GroupRoom {
  readonly #parts: WorkerParts;
  readonly #core: Core;
  readonly #transport: GatewayTransport;
  readonly #receipts: GroupReceipts;
  readonly #workers = new Map<ConversationRef, GroupWorker>();
  readonly #followers = new Map<string, LogFollower>();
  /** By log, hexadecimal. */
  readonly #byLog = new Map<string, ConversationRef>();
  readonly #following = new Map<ConversationRef, Followed & { readonly log: Uint8Array }>();
  #closed = true;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#core = parts.core;
    this.#transport = parts.transport;
    this.#receipts = new GroupReceipts(parts.core);
    const { bells } = parts.core;
    bells.on('group', (group) => this.#worker(group)?.kick());
    bells.on('groupFollow', (group) => this.#follow(group));
    bells.on('uploaded', (message) => this.#uploaded(message));
    bells.on('account', (account) => this.#chainChanged(account));
  }

  /** Takes up every group that is not over. */
  open(): void {
    this.#closed = false;
    this.#receipts.open();
    for (const { key } of this.#core.ledger.read((read) => groups.all(read))) {
      this.#follow(key as ConversationRef);
      this.#worker(key as ConversationRef)?.kick();
    }
  }

  /** The own gateway can be reached again; perhaps others can, too. */
  online(): void {
    for (const worker of this.#workers.values()) worker.wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#receipts.close();
    for (const worker of this.#workers.values()) worker.close();
    this.#parts.changes.close();
    await Promise.all([...this.#followers.values()].map((follower) => follower.close()));
    this.#followers.clear();
  }

  /** Null: there is no such group, or this is not the time. */
  #worker(group: ConversationRef): GroupWorker | null {
    const known = this.#workers.get(group);
    if (known !== undefined || this.#closed) return known ?? null;
    const worker = new GroupWorker(this.#parts, group);
    this.#workers.set(group, worker);
    return worker;
  }

  /** A message's files are where they belong: it may leave. */
  #uploaded(message: MessageRef): void {
    if (this.#closed || this.#workers.size === 0) return;
    const posts = this.#core.ledger.read((read) => groupPosts.find(read, 'message', message));
    for (const { row } of posts) this.#worker(conversationRef(row.group))?.kick();
  }

  /** A chain changed: the groups in which that matters are looked at. */
  #chainChanged(account: AccountRef): void {
    if (this.#closed) return;
    const own = account === this.#core.self.accountRef;
    const concerned = this.#core.ledger.read((read) =>
      own ? groups.all(read).map(({ key }) => key as ConversationRef) : groupsOf(read, accountOf(account)),
    );
    for (const group of concerned) this.#worker(group)?.look();
  }

  /** Follows a group's log from where its row says, or stops. */
  #follow(group: ConversationRef): void {
    if (this.#closed) return;
    const row = this.#core.ledger.read((read) => groups.get(read, group));
    const before = this.#following.get(group);
    if (row === null || !this.#isFollowed(group, row)) {
      before?.follower.unfollow(before.log);
      this.#following.delete(group);
      return;
    }
    const gateway = row.log?.gateway ?? '';
    const log = row.log?.log ?? new Uint8Array(0);
    const follower = this.#follower(gateway);
    this.#byLog.set(hex(log), group);
    this.#following.set(group, { follower, gateway, log });
    follower.follow(log, Number(row.cursor));
  }

  /** Who has left reads on until the others have taken that in. */
  #isFollowed(group: ConversationRef, row: StoredGroup): boolean {
    if (row.policy.length === 0) return false;
    if (row.state === StoredGroup_State.JOINED) return true;
    return this.#core.ledger.read((read) => {
      if (row.state === StoredGroup_State.RESYNCING) return decisionsOf(read, group).length > 0;
      return row.state === StoredGroup_State.LEFT && intentsOf(read, group).length > 0;
    });
  }

  #follower(gateway: string): LogFollower {
    const known = this.#followers.get(gateway);
    if (known !== undefined) return known;
    const follower = this.#transport.followLogs(gateway, {
      onRecord: async (log, record) => {
        const group = this.#byLog.get(hex(log));
        if (group !== undefined && !this.#closed) await this.#worker(group)?.receive(record);
      },
      onGap: (log, extent) => {
        const group = this.#byLog.get(hex(log));
        if (group !== undefined) this.#worker(group)?.expired(extent.oldest);
      },
      onCaughtUp: (log) => {
        const group = this.#byLog.get(hex(log));
        if (group === undefined || this.#closed) return;
        this.#worker(group)?.wake();
        this.#core.events.emit({ type: 'group-caught-up', group });
      },
    });
    this.#followers.set(gateway, follower);
    return follower;
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
