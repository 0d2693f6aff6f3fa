import type { VaultReader } from '@sotto/vault';
import { accountId, deviceId, equalBytes, MAX_RETRIES } from '@sotto/wire';
import type { AccountId, DeviceId } from '@sotto/wire';
import { StoredWanted_Kind } from '@sotto/wire/stored';
import type { StoredWanted } from '@sotto/wire/stored';
import type { Chains } from '../chains/chains.ts';
import { findContact, stateOf } from '../contacts/rows.ts';
import { Alarm } from '../core/alarm.ts';
import type { Core } from '../core/core.ts';
import { currentSession, peerDevice, putPeerDevice } from '../sessions/rows.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef, deviceOf, deviceRef, envelopeRef } from '../store/refs.ts';
import { conversations, peerDevices, wanteds } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { noteDown } from '../trail/store.ts';
import { MOST_PAUSE_MS, nextQuestion, nextTurn, turnOf, wantsReset } from './asking.ts';
import { freshBudget, spend } from './budget.ts';
import { placeholderRow, tellPlaceholder } from './placeholders.ts';
import { tellDevice } from './tell-device.ts';
import { dropWanted, putWanted, wantedKey } from './wanted.ts';

/** When an allowance is used up: looked at again. */
const LATER_MS = 10 * 60_000;

interface Candidate {
  readonly account: AccountId;
  readonly device: DeviceId;
}

interface Question extends Candidate {
  readonly rows: StoredWanted[];
}

/** Asks devices for what could not be opened or has not come: seldom, a little at a time, and not for ever. */
export class Asker {
  readonly #core: Core;
  readonly #chains: Chains;
  readonly #sessions: Sessions;
  readonly #alarm: Alarm;

  constructor(core: Core, chains: Chains, sessions: Sessions) {
    this.#core = core;
    this.#chains = chains;
    this.#sessions = sessions;
    this.#alarm = new Alarm(core, () => this.check());
    core.bells.on('wanted', (at) => this.#alarm.set(at));
  }

  check(): void {
    if (this.#core.background.closing || !this.#wantsAnything()) return;
    const now = this.#core.clock.now();
    this.#core.ledger.commit((tx) => {
      for (const question of this.#due(tx, now)) this.#ask(tx, question, now);
    });
    this.#wait();
  }

  #wantsAnything(): boolean {
    return this.#core.ledger.read((read) => read.count(wanteds.collection) > 0);
  }

  close(): void {
    this.#alarm.clear();
  }

  #wait(): void {
    const now = this.#core.clock.now();
    const times = this.#core.ledger.read((read) => wanteds.all(read).map(({ row }) => this.#dueAt(read, row, now).at));
    const next = Math.min(...times);
    if (next < Infinity) this.#alarm.set(next);
  }

  /** When something is asked for next, and of whom: not before the device whose turn it is may be asked at all. */
  #dueAt(read: VaultReader, row: StoredWanted, now: number): { readonly at: number; readonly of: Candidate | null } {
    if (row.nextAt === 0n) return { at: Infinity, of: null };
    const of = turnOf(this.#candidates(read, row), row.attempts);
    const pausedUntil = of === null ? 0n : (peerDevices.get(read, deviceRef(of.device))?.notAskedBefore ?? 0n);
    const at = Math.max(Number(row.nextAt), Number(pausedUntil));
    // Beyond the longest pause: the clock was set back.
    return { at: at - now > MOST_PAUSE_MS ? now : at, of };
  }

  /** What is due, by the device whose turn it is to be asked. */
  #due(tx: Tx, now: number): Question[] {
    const questions = new Map<string, Question>();
    for (const { row } of wanteds.all(tx.write)) {
      const { at, of } = this.#dueAt(tx.write, row, now);
      if (at > now) continue;
      if (of === null) {
        this.#giveUp(tx, row, now);
        continue;
      }
      const key = deviceRef(of.device);
      const question = questions.get(key) ?? { ...of, rows: [] };
      questions.set(key, question);
      if (question.rows.length < MAX_RETRIES) question.rows.push(row);
    }
    return [...questions.values()];
  }

  /** Who could know: of an envelope its sender; of a message who named it, own devices, and the author's others. */
  #candidates(read: VaultReader, row: StoredWanted): Candidate[] {
    const first = { account: accountId(row.account), device: deviceId(row.device) };
    const own = this.#core.own.otherDevices().map((ref) => ({
      account: this.#core.self.account,
      device: deviceId(deviceOf(ref)),
    }));
    if (row.kind === StoredWanted_Kind.ENVELOPE) return this.#reachable(read, [first]);
    const contact = conversations.get(read, conversationRef(row.conversation))?.contact ?? new Uint8Array(0);
    const others = contact.length === 0 ? [] : this.#devicesOf(read, accountId(contact));
    return this.#reachable(read, unique([first, ...own, ...others]));
  }

  #devicesOf(read: VaultReader, account: AccountId): Candidate[] {
    const contact = findContact(read, account);
    const devices = contact === null ? null : this.#chains.activeDevices(contact);
    return (devices ?? []).map((ref) => ({ account, device: deviceId(deviceOf(ref)) }));
  }

  /** Active devices of this account and of accepted contacts; nobody else is asked anything. */
  #reachable(read: VaultReader, candidates: readonly Candidate[]): Candidate[] {
    return candidates.filter(({ account, device }) => {
      if (equalBytes(account, this.#core.self.account)) {
        return this.#core.own.otherDevices().includes(deviceRef(device));
      }
      const contact = findContact(read, account);
      if (contact === null || stateOf(contact) !== 'accepted') return false;
      return this.#chains.activeDevices(contact)?.includes(deviceRef(device)) === true;
    });
  }

  #ask(tx: Tx, { account, device, rows }: Question, now: number): void {
    const peer = peerDevice(tx.write, account, device);
    const known = peer.asks === undefined ? freshBudget : { since: Number(peer.asks.since), used: peer.asks.used };
    const { granted, budget } = spend(known, rows.length, { most: this.#core.settings.asksPerHour, now });
    peer.asks = { $typeName: 'sotto.client.v1.StoredBudget', since: BigInt(budget.since), used: budget.used };
    if (granted > 0) {
      peer.unanswered++;
      peer.notAskedBefore = BigInt(nextTurn(peer.unanswered, now, this.#core.random()));
    }
    putPeerDevice(tx, peer);
    for (const row of rows.slice(granted)) putWanted(tx, { ...row, nextAt: BigInt(now + LATER_MS) });
    const asked = rows.slice(0, granted);
    if (asked.length === 0) return;
    if (asked.some((row) => this.#isBroken(tx, row, now))) {
      this.#sessions.retire(tx, account, device);
      for (const row of asked) noteDown(tx, wantedKey(row), now, { code: 'session-renewed' });
    }
    this.#send(tx, account, device, asked);
    const own = equalBytes(account, this.#core.self.account);
    for (const row of asked) {
      const code: ReasonCode = own ? 'asking-own' : 'asking';
      noteDown(tx, wantedKey(row), now, { code, device: deviceRef(device) });
      this.#asked(tx, row, code, now);
    }
  }

  #isBroken(tx: Tx, row: StoredWanted, now: number): boolean {
    if (row.kind !== StoredWanted_Kind.ENVELOPE) return false;
    const device = deviceRef(row.device);
    const resetAt = peerDevices.get(tx.write, device)?.resetAt ?? 0n;
    return wantsReset({
      attempts: row.attempts,
      isLost: row.reason === ('no-session' satisfies ReasonCode),
      isCurrent: currentSession(tx.write, device) === row.session,
      resetAt: resetAt === 0n ? null : Number(resetAt),
      now,
      sessionResetMs: this.#core.settings.sessionResetMs,
    });
  }

  #send(tx: Tx, account: AccountId, device: DeviceId, rows: readonly StoredWanted[]): void {
    const envelopes = rows
      .filter((row) => row.kind === StoredWanted_Kind.ENVELOPE)
      .map(({ id, tag }) => ({ envelope: id, tag }));
    const messages = rows.filter((row) => row.kind === StoredWanted_Kind.MESSAGE).map((row) => row.id);
    const value = { envelopes, messages };
    tellDevice(tx, this.#core, { account, device, body: { kind: 'retryRequest', value } });
  }

  #asked(tx: Tx, row: StoredWanted, reason: ReasonCode, now: number): void {
    const attempts = row.attempts + 1;
    const next = nextQuestion(attempts, now, this.#core.random());
    if (next === null) this.#giveUp(tx, row, now);
    else putWanted(tx, { ...row, attempts, reason, nextAt: BigInt(next) });
  }

  #giveUp(tx: Tx, row: StoredWanted, now: number): void {
    noteDown(tx, wantedKey(row), now, { code: 'given-up' });
    // The row goes; a line that stands for it says so from now on.
    dropWanted(tx, wantedKey(row));
    if (row.kind !== StoredWanted_Kind.ENVELOPE) return;
    const placeholder = placeholderRow(tx.write, envelopeRef(row.id));
    if (placeholder !== null) tellPlaceholder(tx, placeholder);
  }
}

function unique(candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter((each, i) => candidates.findIndex((other) => equalBytes(other.device, each.device)) === i);
}
