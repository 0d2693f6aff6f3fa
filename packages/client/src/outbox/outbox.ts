import type { GatewayTransport } from '@sotto/gateway-api';
import { VaultError } from '@sotto/vault';
import { accountId, equalBytes } from '@sotto/wire';
import { StoredDelivery_State, StoredMessage_State, StoredOutbound_Audience } from '@sotto/wire/stored';
import type { StoredDelivery, StoredOutbound } from '@sotto/wire/stored';
import { reintroduce } from '../contacts/reintroduce.ts';
import { Alarm } from '../core/alarm.ts';
import { logSent } from '../healing/sent-log.ts';
import type { Core } from '../core/core.ts';
import type { AccountRef, DeviceRef, MessageRef } from '../refs.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Tx } from '../store/ledger.ts';
import { messageRef } from '../store/refs.ts';
import { deliveries, messages, outbounds } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { noteDown } from '../trail/store.ts';
import { backoffMs } from './backoff.ts';
import { Healer } from './healer.ts';
import { Lane } from './lane.ts';
import type { Passage } from './lane.ts';
import { memoOf, wayOf } from './memo.ts';
import type { OutboundMemo, Way } from './memo.ts';
import { consequenceOf } from './outcome.ts';
import type { Consequence } from './outcome.ts';
import type { Planner } from './planner.ts';
import {
  deliveriesOf,
  deliveryKey,
  isPending,
  note,
  putDelivery,
  removeOutbound,
  setState,
  settle,
  unseal,
} from './rows.ts';
import type { Sealer, Sealing } from './sealer.ts';

/** What waits for news (an address, a chain) is looked at again after this time all the same. */
const NEWS_MS = 3_600_000;
/** From here on a hand-over counts as slow, ms. */
const SLOW_MS = 5000;
/** Messages behind a refused one that are told why they wait; further ones learn it when their turn comes. */
const MOST_TOLD = 100;

export interface OutboxParts {
  readonly core: Core;
  readonly planner: Planner;
  readonly sealer: Sealer;
  readonly sessions: Sessions;
  readonly transport: GatewayTransport;
}

/**
 * Everything on its way out, from storing to the last receipt. Rows are the truth; what is held here says only where to
 * look next, and is rebuilt from them at open.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #core: Core;
  readonly #memos = new Map<MessageRef, OutboundMemo>();
  readonly #lanes = new Map<DeviceRef, Lane>();
  readonly #healer: Healer;
  readonly #expiry: Alarm;
  /** Deliveries whose state the vault could not take. */
  readonly #stumbled = new Set<string>();
  #closed = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#core = parts.core;
    this.#healer = new Healer(parts.core, parts.sessions, (way) => this.#lane(way).add(way.message, way.number));
    this.#expiry = new Alarm(parts.core, () => this.#expire());
    const { bells } = parts.core;
    // Whoever rings has planned it in its own transaction.
    bells.on('outbound', (message) => this.#watch(message));
    bells.on('uploaded', (message) => this.#take(message));
    bells.on('account', (account) => this.#news(account));
    bells.on('heard', ({ account, device }) => this.#healer.heard(account, device));
  }

  /** Takes up everything that is stored. */
  open(): void {
    this.#noteTakenUp();
    this.#takeAll();
  }

  #takeAll(): void {
    const rows = this.#core.ledger.read((read) => outbounds.all(read).map((entry) => entry.row));
    for (const row of rows.toSorted((a, b) => (a.number < b.number ? -1 : 1))) this.#take(messageRef(row.id));
    this.#expire();
  }

  /** The gateway can be reached again. */
  online(): void {
    for (const lane of this.#lanes.values()) lane.wake();
    this.#takeAll();
    this.#healer.check();
  }

  /** What waited while this device was not running says so. */
  #noteTakenUp(): void {
    const waiting = this.#core.ledger.read((read) => outbounds.all(read).slice(0, MOST_TOLD));
    if (waiting.length === 0) return;
    try {
      this.#core.ledger.commit((tx) => {
        const now = this.#core.clock.now();
        for (const { row } of waiting) noteDown(tx, messageRef(row.id), now, { code: 'taken-up' });
      });
    } catch (cause) {
      // A full disk must not keep what is stored from being read.
      this.#core.background.report(cause);
    }
  }

  close(): void {
    this.#closed = true;
    this.#expiry.clear();
    this.#healer.close();
    for (const lane of this.#lanes.values()) lane.close();
  }

  /** Plans one content anew and takes it up. */
  #take(message: MessageRef): void {
    if (this.#closed) return;
    this.#parts.planner.plan(message);
    this.#watch(message);
  }

  /** Brings lanes and timers up to date with one content's rows. */
  #watch(message: MessageRef): void {
    if (this.#closed) return;
    const { outbound, ways } = this.#load(message);
    if (outbound === null) {
      this.#memos.delete(message);
      this.#healer.forget(message);
      return;
    }
    const memo = memoOf(outbound);
    this.#memos.set(message, memo);
    this.#expiry.set(memo.expiresAt);
    for (const row of ways) {
      const way = wayOf(outbound, row);
      if (way.pending) this.#queue(way, row);
      this.#healer.watch(way);
    }
  }

  /** Behind others, a message waits for the same reason as they do. */
  #queue(way: Way, row: StoredDelivery): void {
    const lane = this.#lane(way);
    const { obstacle } = lane;
    lane.add(way.message, way.number);
    if (obstacle === null || row.reason === obstacle) return;
    this.#core.ledger.commit((tx) => this.#waitBehind(tx, way.message, way.device, obstacle));
  }

  #waitBehind(tx: Tx, message: MessageRef, device: DeviceRef, reason: ReasonCode): void {
    const row = deliveries.get(tx.write, deliveryKey(message, device));
    if (row === null || row.reason === reason) return;
    putDelivery(tx, { ...row, reason });
    note(tx, this.#core, message, reason, device);
  }

  #load(message: MessageRef): { readonly outbound: StoredOutbound | null; readonly ways: readonly StoredDelivery[] } {
    return this.#core.ledger.read((read) => {
      const outbound = outbounds.get(read, message);
      return { outbound, ways: outbound === null ? [] : deliveriesOf(read, message) };
    });
  }

  /** An account's devices, addresses or standing changed. */
  #news(account: AccountRef): void {
    const own = account === this.#core.self.accountRef;
    for (const memo of Array.from(this.#memos.values()))
      if (own || memo.recipient === account) this.#take(memo.message);
    for (const lane of this.#lanes.values()) lane.wake();
  }

  #lane(way: Pick<Way, 'device'>): Lane {
    const known = this.#lanes.get(way.device);
    if (known !== undefined) return known;
    const lane = new Lane({
      core: this.#core,
      window: this.#core.settings.inFlight,
      prepare: (message, attempts) => this.#prepare(message, way.device, attempts),
    });
    this.#lanes.set(way.device, lane);
    return lane;
  }

  async #prepare(
    message: MessageRef,
    device: DeviceRef,
    attempts: number,
  ): Promise<(() => Promise<Passage>) | Passage> {
    try {
      const sealing = await this.#parts.sealer.prepare(message, device, this.#core.background.signal);
      if (sealing.kind === 'ready') return () => this.#deliver(message, device, sealing, attempts);
      if (sealing.kind === 'gone') {
        if (this.#stumbled.has(deliveryKey(message, device))) {
          this.#core.ledger.commit((tx) => this.#noteTrouble(tx, message, device, false));
        }
        return { kind: 'passed' };
      }
      if (sealing.reason === 'too-large') {
        return this.#apply(message, device, { kind: 'give-up', reason: sealing.reason }, attempts);
      }
      const { reason, until, retryAfterMs } = sealing;
      if (until === 'event') return this.#apply(message, device, { kind: 'await-news', reason }, attempts);
      const retry = { kind: 'retry', reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) } as const;
      return this.#apply(message, device, retry, attempts);
    } catch (cause) {
      return this.#failed(cause, deliveryKey(message, device), attempts);
    }
  }

  async #deliver(
    message: MessageRef,
    device: DeviceRef,
    { destination, envelope }: Extract<Sealing, { kind: 'ready' }>,
    attempts: number,
  ): Promise<Passage> {
    const { signal } = this.#core.background;
    const began = this.#core.clock.now();
    try {
      const outcome = await this.#parts.transport.deliver({ destination, envelope }, signal);
      // What closing interrupts stays sealed, and is delivered after the next open.
      if (this.#closed) return { kind: 'passed' };
      const told = await this.#judge(consequenceOf(outcome), destination.gateway, signal);
      // A refused address that has been replaced meanwhile is no reason to wait for another one.
      const isOld = told.kind === 'await-address' && !this.#parts.sealer.leadsTo(message, device, destination);
      const consequence: Consequence = isOld ? { kind: 'seal-anew', reason: told.reason } : told;
      if (consequence.kind !== 'accepted' && destination.admission.kind === 'request-token')
        this.#refused(message, device);
      const slow = told.kind === 'accepted' && this.#core.clock.now() - began >= SLOW_MS;
      return this.#apply(message, device, consequence, isOld ? 1 : attempts, slow);
    } catch (cause) {
      return this.#failed(cause, deliveryKey(message, device), attempts);
    }
  }

  /** An envelope that is called expired is compared with the gateway's clock. */
  async #judge(told: Consequence, gateway: string, signal: AbortSignal): Promise<Consequence> {
    if (told.kind !== 'seal-anew') return told;
    await this.#parts.sealer.askTime(gateway, signal);
    return this.#parts.sealer.clockDiffers(gateway) ? { kind: 'seal-anew', reason: 'clock-differs' } : told;
  }

  #refused(message: MessageRef, device: DeviceRef): void {
    const way = this.#core.ledger.read((read) => deliveries.get(read, deliveryKey(message, device)));
    if (way !== null) this.#parts.sealer.refused(accountId(way.account));
  }

  /** A failure of what this stands on (the vault, a bug): told, and tried again later like everything else. */
  #failed(cause: unknown, delivery: string, attempts: number): Passage {
    if (this.#closed || this.#core.background.closing) return { kind: 'passed' };
    // Nothing can be written down now: it is told with what happens next.
    if (cause instanceof VaultError) this.#stumbled.add(delivery);
    this.#core.background.report(cause);
    return { kind: 'pause', until: this.#core.clock.now() + this.#backoff(attempts), reason: 'waiting-device' };
  }

  /** What made a hand-over slow, also when its receipt was faster than the gateway's answer. */
  #noteTrouble(tx: Tx, message: MessageRef, device: DeviceRef, slow: boolean): void {
    const key = deliveryKey(message, device);
    const stumbled = this.#stumbled.has(key);
    tx.after(() => this.#stumbled.delete(key));
    if (messages.get(tx.write, message) === null) return;
    if (stumbled) note(tx, this.#core, message, 'storage-failed', device);
    if (slow) note(tx, this.#core, message, 'slow-connection', device);
  }

  #backoff(attempts: number, retryAfterMs?: number): number {
    const { retryBaseMs: baseMs, retryMostMs: mostMs } = this.#core.settings;
    const random = this.#core.random();
    return backoffMs(attempts, { baseMs, mostMs, random, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }

  /** Writes down what happened to one delivery. */
  #apply(message: MessageRef, device: DeviceRef, consequence: Consequence, attempts: number, slow = false): Passage {
    if (this.#closed) return { kind: 'passed' };
    const now = this.#core.clock.now();
    const until = waitsForNews(consequence) ? now + NEWS_MS : now + this.#backoff(attempts, retryAfter(consequence));
    let isAsked = false;
    const stays = this.#core.ledger.commit((tx) => {
      const row = deliveries.get(tx.write, deliveryKey(message, device));
      const outbound = outbounds.get(tx.write, message);
      this.#noteTrouble(tx, message, device, slow);
      // A receipt or a revocation was faster: what the gateway says of it has no more meaning.
      if (row === null || outbound === null || !isPending(row)) return false;
      row.attempts++;
      const reason: ReasonCode = consequence.kind === 'accepted' ? 'accepted' : consequence.reason;
      const isNews = row.reason !== reason;
      row.reason = reason;
      row.nextAttemptAt = 0n;
      switch (consequence.kind) {
        case 'accepted':
          row.state = StoredDelivery_State.ACCEPTED;
          row.acceptedAt = BigInt(now);
          break;
        case 'give-up':
          row.state = StoredDelivery_State.FAILED;
          row.envelope = new Uint8Array(0);
          break;
        case 'seal-anew':
        case 'await-address':
          unseal(row, reason);
          break;
        case 'retry':
        case 'await-news':
          row.nextAttemptAt = consequence.kind === 'retry' ? BigInt(until) : 0n;
      }
      putDelivery(tx, row);
      if (isNews) note(tx, this.#core, message, reason, device);
      if (isNews && pauses(consequence)) {
        const behind = this.#lanes.get(device)?.waiting.slice(0, MOST_TOLD) ?? [];
        for (const other of behind) this.#waitBehind(tx, other, device, reason);
      }
      if (consequence.kind === 'accepted' && isRecipient(outbound, row)) {
        setState(tx, this.#core, message, StoredMessage_State.ACCEPTED);
      }
      if (LOST_ADDRESS.has(reason) && outbound.audience !== StoredOutbound_Audience.STRANGER) {
        isAsked = reintroduce(tx, this.#core, accountId(row.account));
      }
      settle(tx, this.#core, message);
      return true;
    });
    this.#watch(message);
    if (!stays || consequence.kind === 'accepted' || consequence.kind === 'give-up') return { kind: 'passed' };
    // Sealing anew helps at once or not at all; a gateway that goes on saying the same is given time.
    const again = consequence.kind === 'seal-anew' && attempts <= 1;
    // The question where it lives now goes the same way, and first.
    const resume = isAsked ? now + this.#backoff(1) : until;
    return { kind: 'pause', until: again ? now : resume, reason: consequence.reason };
  }

  #expire(): void {
    if (this.#closed) return;
    const now = this.#core.clock.now();
    for (const memo of Array.from(this.#memos.values())) {
      if (memo.expiresAt > now) {
        this.#expiry.set(memo.expiresAt);
        continue;
      }
      this.#core.ledger.commit((tx) => {
        note(tx, this.#core, memo.message, 'expired');
        setState(tx, this.#core, memo.message, StoredMessage_State.EXPIRED);
        // Some devices have it; what nobody got is over for all.
        const outbound = outbounds.get(tx.write, memo.message);
        if (outbound?.reached === true) logSent(tx, outbound, deliveriesOf(tx.write, memo.message));
        removeOutbound(tx, memo.message);
      });
      this.#watch(memo.message);
    }
  }
}

const LOST_ADDRESS: ReadonlySet<ReasonCode> = new Set(['address-refused', 'mailbox-gone']);

function pauses({ kind }: Consequence): boolean {
  return kind === 'retry' || kind === 'await-address' || kind === 'await-news';
}

function waitsForNews({ kind }: Consequence): boolean {
  return kind === 'await-address' || kind === 'await-news';
}

function retryAfter(consequence: Consequence): number | undefined {
  return consequence.kind === 'retry' ? consequence.retryAfterMs : undefined;
}

function isRecipient(outbound: StoredOutbound, row: StoredDelivery): boolean {
  return equalBytes(outbound.recipient, row.account);
}
