import type { VaultReader } from '@sotto/vault';
import type { LogRecord } from '@sotto/gateway-api';
import { GatewayApiError } from '@sotto/gateway-api';
import { EngineError } from '@sotto/engine';
import { equalBytes, LogEntryKind } from '@sotto/wire';
import { StoredGroup_State } from '@sotto/wire/stored';
import type { StoredGroup, StoredGroupIntent, StoredGroupPost } from '@sotto/wire/stored';
import { Alarm } from '../core/alarm.ts';
import { backoffMs } from '../outbox/backoff.ts';
import { note } from '../outbox/rows.ts';
import type { ConversationRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { messageRef } from '../store/refs.ts';
import { groupOffers, groups, outbounds } from '../store/tables.ts';
import { beginResync } from './begin-resync.ts';
import { newPost } from './enqueue.ts';
import { carryLarge } from './invite.ts';
import { Housekeeping } from './housekeeping.ts';
import { join, replaceMembers } from './join.ts';
import { makeCommit, noWish } from './make-commit.ts';
import type { CommitWish } from './make-commit.ts';
import { noteAccepted, noteRefused, outcomeOf } from './poster.ts';
import type { Posted } from './poster.ts';
import { planIntent } from './plan-intent.ts';
import type { IntentPlan } from './plan-intent.ts';
import type { GroupReason } from './reasons.ts';
import { askBackIn, forgetInfo, mayAskAt, offer, rejoin } from './resync.ts';
import {
  decisionsOf,
  deletePost,
  intentsOf,
  postByEntry,
  putGroup,
  putIntent,
  putPost,
  requireRules,
  tellGroup,
  viewGroup,
  waitingPosts,
} from './rows.ts';
import { closeAll, overtaken, takeEntry } from './take-entry.ts';
import { isProfileDue, tellProfile } from './tell-profile.ts';
import type { WorkerParts } from './worker-parts.ts';

/** Messages sealed and posted at once. */
const WINDOW = 16;
/** Posts looked at: those whose files are still on their way are not in the way of others. */
const LOOK_AHEAD = 64;
/** Steps in one go; more means that something does not hold. */
const MOST_STEPS = 10_000;
/** The log takes messages of an epoch for a minute after it ended; then nothing of it can come. */
const FORGET_MS = 10 * 60_000;
/** An invitation is tried for this long, while keys of the account cannot be had. */
const KEYS_MS = 7 * 86_400_000;

/** One thing to be done; null: nothing for now. */
type Step = (signal: AbortSignal) => Promise<void>;

/**
 * Everything that one group does at this device, one thing after the other. What is to be done follows from the rows, so
 * nothing here needs to be remembered; entries of the log are taken in between, never while state is being changed.
 */
export class GroupWorker {
  readonly ref: ConversationRef;
  readonly #parts: WorkerParts;
  readonly #alarm: Alarm;
  readonly #housekeeping: Housekeeping;
  #tail: Promise<unknown> = Promise.resolve();
  #running = false;
  #again = false;
  #failures = 0;
  #pausedUntil = 0;
  /** Keys of epochs that ended before this (Unix ms) can go; null: none can. */
  #forgetBefore: number | null = null;
  /** The last epoch ended before this, and has to be remembered for a while; null: none has. */
  #endedBefore: number | null = null;
  #cancelForget: (() => void) | null = null;
  #closed = false;

  constructor(parts: WorkerParts, ref: ConversationRef) {
    this.ref = ref;
    this.#parts = parts;
    this.#alarm = new Alarm(parts.core, () => this.kick());
    this.#housekeeping = new Housekeeping(parts, ref);
  }

  /** Looks at what there is to do. */
  kick(): void {
    if (this.#closed || this.#parts.core.background.closing) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    this.#parts.core.background.start((signal) => this.#run(signal));
  }

  /** The same, whatever it waited for. */
  wake(): void {
    this.#pausedUntil = 0;
    this.kick();
  }

  close(): void {
    this.#closed = true;
    this.#cancelForget?.();
    this.#alarm.clear();
  }

  /** Takes the next entry of the log; resolves when it is dealt with. Rejects when it has to come again. */
  async receive(record: LogRecord): Promise<void> {
    const taken = await this.#locked(() => this.#take(record));
    if (taken.rejoined) await this.#locked(() => this.#readMembers());
    if (taken.moved) {
      this.#housekeeping.moved();
      this.#endedBefore = this.#parts.core.clock.now() + 1;
      this.#rememberAWhile();
    }
    this.kick();
  }

  /** Entries that this device had not read are gone from the log. */
  expired(oldest: number): void {
    this.#parts.core.ledger.commit((tx) => {
      const group = groups.get(tx.write, this.ref);
      if (group === null || group.cursor + 1n >= BigInt(oldest)) return;
      beginResync(tx, this.#parts, group, 'log-expired');
      putGroup(tx, group);
    });
  }

  /** Something that housekeeping looks at has changed: a chain, own devices. */
  look(): void {
    this.#housekeeping.moved();
    this.kick();
  }

  /**
   * Keys of an epoch that is over go after a while. Measured by a timer: a clock that is set must not make messages
   * unreadable that are still on their way.
   */
  #rememberAWhile(): void {
    if (this.#closed || this.#cancelForget !== null || this.#endedBefore === null) return;
    const before = this.#endedBefore;
    this.#endedBefore = null;
    this.#cancelForget = this.#parts.core.clock.after(FORGET_MS, () => {
      this.#cancelForget = null;
      this.#forgetBefore = before;
      this.#rememberAWhile();
      this.kick();
    });
  }

  #locked<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task, task);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #run(signal: AbortSignal): Promise<void> {
    try {
      do {
        this.#again = false;
        await this.#work(signal);
      } while (this.#again && !signal.aborted);
      this.#failures = 0;
    } catch (cause) {
      if (signal.aborted) return;
      this.#pause();
      if (!(cause instanceof GatewayApiError)) this.#parts.core.background.report(cause);
    } finally {
      this.#running = false;
    }
  }

  /** Nothing is tried before a while has passed. */
  #pause(): void {
    const { clock, random, settings } = this.#parts.core;
    this.#failures++;
    const { retryBaseMs: baseMs, retryMostMs: mostMs } = settings;
    this.#pausedUntil = clock.now() + backoffMs(this.#failures, { baseMs, mostMs, random: random() });
    this.#alarm.set(this.#pausedUntil);
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let steps = 0; steps < MOST_STEPS && !signal.aborted && !this.#closed; steps++) {
      if (this.#pausedUntil > this.#parts.core.clock.now()) {
        this.#alarm.set(this.#pausedUntil);
        return;
      }
      // A copy of this vault must not use this device's leaf beside it.
      await this.#parts.core.clearance.passed();
      if (signal.aborted || this.#closed) return;
      const step = this.#next();
      if (step === null) return;
      await step(signal);
    }
  }

  /** What is to be done first. */
  #next(): Step | null {
    const { core } = this.#parts;
    return core.ledger.read((read): Step | null => {
      const group = groups.get(read, this.ref);
      if (group === null) return null;
      switch (group.state) {
        case StoredGroup_State.UNSPECIFIED:
        case StoredGroup_State.ASKING:
          return null;
        case StoredGroup_State.REMOVED:
          return this.#nextOfEnd(group);
        case StoredGroup_State.FOUNDING:
          return (signal) => this.#found(group, signal);
        case StoredGroup_State.INVITED:
          return group.invitation?.accepted === true && group.invitation.content.length > 0
            ? (signal) => this.#join(signal)
            : null;
        case StoredGroup_State.RESYNCING:
          return this.#nextOfResync(group, decisionsOf(read, this.ref));
        case StoredGroup_State.LEFT:
          if ((group.invitation?.content.length ?? 0) > 0) return (signal) => this.#join(signal);
          break;
        case StoredGroup_State.JOINED:
          break;
      }
      const decisions = decisionsOf(read, this.ref);
      const unposted = decisions.find((post) => !post.accepted);
      if (unposted !== undefined) return (signal) => this.#post(group, unposted, signal);
      // What is being decided decides what can be wished for next.
      if (decisions.length > 0) return null;
      const intents = intentsOf(read, this.ref);
      const intent = this.#ready(intents);
      if (intent !== null) return (signal) => this.#try(intent, signal);
      if (group.state !== StoredGroup_State.JOINED) return intents.length > 0 ? null : this.#nextOfEnd(group);
      const offers = groupOffers.find(read, 'group', this.ref)[0];
      if (offers !== undefined) return (signal) => this.#locked(() => offer(this.#parts, offers.row, signal));
      const before = this.#forgetBefore;
      if (before !== null) return () => this.#locked(() => this.#forget(group, before));
      if (isProfileDue(this.#parts, read, group)) return () => this.#tellProfile();
      const chore = this.#housekeeping.next(read, group);
      if (chore.kind === 'do') return (signal) => this.#keepHouse(signal);
      if (chore.kind === 'at') this.#alarm.set(chore.at);
      const waiting = waitingPosts(read, this.ref, LOOK_AHEAD)
        .filter((post) => !isUploading(read, post))
        .slice(0, WINDOW);
      return waiting.length === 0 ? null : (signal) => this.#send(group, waiting, signal);
    });
  }

  /** Of a group that is over, no key stays. */
  #nextOfEnd(group: StoredGroup): Step | null {
    if (group.epochKey.length === 0) return null;
    return () =>
      this.#locked(async () => {
        await this.#parts.core.engine.perform<'end-group', void>({
          request: { kind: 'end-group', group: group.id },
          records: [],
          commit: (tx) => {
            const row = groups.need(tx.write, this.ref);
            row.epochKey = new Uint8Array(0);
            putGroup(tx, row);
            tx.ring('groupFollow', this.ref);
          },
        });
      });
  }

  #nextOfResync(group: StoredGroup, decisions: readonly StoredGroupPost[]): Step | null {
    const commit = decisions[0];
    if (commit !== undefined) return commit.accepted ? null : (signal) => this.#post(group, commit, signal);
    if (group.resyncInfo.length > 0) {
      return async (signal) => {
        const made = await this.#locked(() => rejoin(this.#parts, this.ref, signal));
        if (!made) this.#pause();
      };
    }
    const at = mayAskAt(this.#parts, group);
    if (at > this.#parts.core.clock.now()) {
      this.#alarm.set(at);
      return null;
    }
    return () => {
      this.#parts.core.ledger.commit((tx) => askBackIn(tx, this.#parts, this.ref));
      return Promise.resolve();
    };
  }

  /** The first intent whose time has come. */
  #ready(intents: readonly StoredGroupIntent[]): StoredGroupIntent | null {
    const now = this.#parts.core.clock.now();
    for (const intent of intents) {
      if (Number(intent.notBefore) <= now) {
        if (intent.kind.case === 'leave' && intent.kind.value.proposed) continue;
        return intent;
      }
      this.#alarm.set(Number(intent.notBefore));
    }
    return null;
  }

  /** Opens the log of a group that was made here. */
  async #found(group: StoredGroup, signal: AbortSignal): Promise<void> {
    const { core, transport } = this.#parts;
    const log = group.log?.log ?? new Uint8Array(0);
    await transport.device.createLog(log, group.epochKey, { signal });
    core.ledger.commit((tx) => {
      const row = groups.need(tx.write, this.ref);
      if (row.state !== StoredGroup_State.FOUNDING) return;
      row.state = StoredGroup_State.JOINED;
      row.reason = '';
      putGroup(tx, row);
      tx.emit({ type: 'group-joined', group: viewGroup(core, row) });
      tellGroup(tx, core, this.ref);
      tx.ring('groupFollow', this.ref);
    });
  }

  async #forget(group: StoredGroup, before: number): Promise<void> {
    const { engine } = this.#parts.core;
    this.#forgetBefore = null;
    await engine.perform<'expire-group', void>({
      request: { kind: 'expire-group', group: group.id, before },
      records: [],
      commit: () => undefined,
    });
  }

  #tellProfile(): Promise<void> {
    this.#parts.core.ledger.commit((tx) => tellProfile(tx, this.#parts, this.ref));
    return Promise.resolve();
  }

  async #join(signal: AbortSignal): Promise<void> {
    const joining = await this.#locked(() => join(this.#parts, this.ref, signal));
    if (joining.kind === 'later') this.#pause();
    else this.#parts.core.bells.ring('groupFollow', this.ref);
  }

  // Commits and proposals.

  async #try(intent: StoredGroupIntent, signal: AbortSignal): Promise<void> {
    const { core, acquaintances, changes } = this.#parts;
    const plan = core.ledger.read((read): IntentPlan => {
      const group = groups.need(read, this.ref);
      return planIntent(read, core, acquaintances, group, intent);
    });
    switch (plan.kind) {
      case 'satisfied':
        core.ledger.commit((tx) => changes.end(tx, intent, { kind: 'already' }));
        return;
      case 'refused':
        core.ledger.commit((tx) => changes.end(tx, intent, plan));
        return;
      case 'wait':
        this.#postpone(intent, plan.reason);
        return;
      case 'end':
        this.#endAlone();
        return;
      case 'propose-leave':
        await this.#locked(() => this.#proposeLeave(intent));
        return;
      case 'commit':
        await this.#commit(intent, plan, signal);
        return;
    }
  }

  #postpone(intent: StoredGroupIntent, reason: GroupReason): void {
    const { core, changes } = this.#parts;
    const { retryBaseMs: baseMs, retryMostMs: mostMs } = core.settings;
    intent.attempts++;
    const wait = backoffMs(intent.attempts, { baseMs, mostMs, random: core.random() });
    core.ledger.commit((tx) => changes.wait(tx, intent, reason, core.clock.now() + wait));
  }

  async #commit(
    intent: StoredGroupIntent,
    plan: Extract<IntentPlan, { kind: 'commit' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { core, packages, changes } = this.#parts;
    const found = await packages.gather(this.ref, plan.add, signal);
    const add = found.flatMap((each) => (each.kind === 'found' ? [each] : []));
    if (plan.add.length > 0 && add.length === 0) {
      if (found.every((each) => each.kind === 'refused')) {
        core.ledger.commit((tx) => changes.end(tx, intent, { kind: 'refused', reason: 'identity-refused' }));
      } else if (Number(intent.createdAt) + KEYS_MS < core.clock.now()) {
        core.ledger.commit((tx) => changes.end(tx, intent, { kind: 'refused', reason: 'no-device' }));
      } else this.#postpone(intent, 'waiting-keys');
      return;
    }
    const wish: CommitWish = { ...noWish, ...plan, add, intents: [intent.id] };
    const made = await this.#locked(() => makeCommit(this.#parts, this.ref, wish, signal));
    if (made.kind === 'later') this.#postpone(intent, made.reason);
    else if (made.kind === 'nothing-to-do') {
      core.ledger.commit((tx) => changes.end(tx, intent, { kind: 'already' }));
    } else if (made.kind === 'refused') {
      core.ledger.commit((tx) => changes.end(tx, intent, { kind: 'refused', reason: 'forbidden' }));
    }
  }

  async #keepHouse(signal: AbortSignal): Promise<void> {
    const wish = await this.#housekeeping.wish(signal);
    if (wish === null) return;
    const made = await this.#locked(() => makeCommit(this.#parts, this.ref, wish, signal));
    this.#housekeeping.tried(made.kind === 'made');
  }

  async #proposeLeave(intent: StoredGroupIntent): Promise<void> {
    const { core, changes } = this.#parts;
    const { id: group } = core.ledger.read((read) => groups.need(read, this.ref));
    await core.engine.perform<'create-proposals', void>({
      request: { kind: 'create-proposals', group, propose: { kind: 'leave', allDevices: true } },
      records: [],
      commit: (tx, { posts }) => {
        for (const { post, entryId } of posts) {
          const row = groups.need(tx.write, this.ref);
          putPost(tx, newPost(tx, row, { kind: LogEntryKind.PROPOSAL, post, entry: entryId }));
        }
        if (intent.kind.case === 'leave') intent.kind.value.proposed = true;
        changes.wait(tx, intent, 'waiting-committer', core.clock.now());
      },
    });
  }

  /** The last one just goes. */
  #endAlone(): void {
    const { core } = this.#parts;
    core.ledger.commit((tx) => {
      const group = groups.need(tx.write, this.ref);
      group.state = StoredGroup_State.LEFT;
      putGroup(tx, group);
      closeAll(tx, this.#parts, this.ref);
      tx.ring('groupFollow', this.ref);
    });
  }

  // Posting.

  async #append(group: StoredGroup, post: StoredGroupPost, signal: AbortSignal): Promise<Posted> {
    const { gateway } = requireRules(group).log;
    try {
      await this.#parts.transport.directory(gateway).append(post.post, { signal });
      return { kind: 'accepted' };
    } catch (cause) {
      return outcomeOf(cause);
    }
  }

  async #post(group: StoredGroup, post: StoredGroupPost, signal: AbortSignal): Promise<void> {
    const { core } = this.#parts;
    await carryLarge(this.#parts, this.ref, post, signal);
    const posted = await this.#append(group, post, signal);
    switch (posted.kind) {
      case 'accepted':
        core.ledger.commit((tx) => noteAccepted(tx, core, post.entry));
        return;
      case 'later':
        this.#pause();
        this.#tellWaiting(post, posted);
        return;
      case 'overtaken':
      case 'stale':
      case 'not-admitted':
      case 'hopeless':
        await this.#locked(() => this.#drop(post, posted));
        // What came first is on its way to here; without it nothing can go better.
        this.#pausedUntil = core.clock.now() + core.settings.retryBaseMs * (0.1 + 0.4 * core.random());
    }
  }

  #tellWaiting(post: StoredGroupPost, { reason }: Extract<Posted, { kind: 'later' }>): void {
    const { core, changes } = this.#parts;
    core.ledger.commit((tx) => {
      for (const intent of intentsOf(tx.write, this.ref)) {
        if (!post.intents.some((id) => equalBytes(id, intent.id))) continue;
        changes.wait(tx, intent, reason, core.clock.now());
      }
    });
  }

  /** A commit or proposal that the log did not take. */
  async #drop(post: StoredGroupPost, posted: Posted): Promise<void> {
    const { core, changes } = this.#parts;
    const settle = (tx: Tx): void => {
      const row = postByEntry(tx.write, post.entry);
      // Read back after all.
      if (row === null) return;
      if (posted.kind !== 'hopeless') {
        overtaken(tx, this.#parts, row);
        return;
      }
      deletePost(tx, row);
      for (const intent of intentsOf(tx.write, this.ref)) {
        if (!row.intents.some((id) => equalBytes(id, intent.id))) continue;
        changes.end(tx, intent, { kind: 'refused', reason: posted.reason });
      }
    };
    if (post.kind === LogEntryKind.COMMIT) {
      await core.engine.perform<'drop-commit', void>({
        request: { kind: 'drop-commit', group: post.group, entryId: post.entry },
        records: [],
        commit: settle,
      });
      return;
    }
    core.ledger.commit((tx) => {
      settle(tx);
      if (post.kind === LogEntryKind.EXTERNAL_COMMIT) {
        forgetInfo(tx, this.ref);
        const group = groups.need(tx.write, this.ref);
        group.resyncAt = 0n;
        putGroup(tx, group);
        return;
      }
      for (const intent of intentsOf(tx.write, this.ref)) {
        if (intent.kind.case !== 'leave') continue;
        intent.kind.value.proposed = false;
        putIntent(tx, intent);
      }
    });
  }

  // Messages.

  async #send(group: StoredGroup, waiting: readonly StoredGroupPost[], signal: AbortSignal): Promise<void> {
    const { core } = this.#parts;
    const ready: StoredGroupPost[] = [];
    for (const post of waiting) {
      const sealed = post.post.length > 0 ? post : await this.#locked(() => this.#seal(post));
      if (sealed !== null) ready.push(sealed);
    }
    const outcomes = await Promise.all(ready.map((post) => this.#append(group, post, signal)));
    let pause = false;
    core.ledger.commit((tx) => {
      for (const [i, post] of ready.entries()) {
        const posted = outcomes[i];
        if (posted === undefined) continue;
        if (posted.kind === 'accepted') {
          noteAccepted(tx, core, post.entry);
          continue;
        }
        if (posted.kind !== 'hopeless') pause = true;
        // It may have been read back although no answer came.
        const row = postByEntry(tx.write, post.entry);
        if (row !== null) noteRefused(tx, core, row, posted);
      }
    });
    if (pause) this.#pause();
    else this.#failures = 0;
  }

  /** Encrypts a content in the epoch of this moment; null: it is not wanted any more. */
  async #seal(post: StoredGroupPost): Promise<StoredGroupPost | null> {
    const { core } = this.#parts;
    const content = core.ledger.read((read) => {
      if (groups.need(read, this.ref).state !== StoredGroup_State.JOINED) return null;
      if (post.message.length === 0) return Number(post.expiresAt) > core.clock.now() ? post.content : null;
      return outbounds.get(read, messageRef(post.message))?.content ?? null;
    });
    if (content === null) {
      core.ledger.commit((tx) => {
        if (groups.need(tx.write, this.ref).state === StoredGroup_State.JOINED) deletePost(tx, post);
      });
      return null;
    }
    try {
      return await core.engine.perform<'encrypt-entry', StoredGroupPost>({
        request: { kind: 'encrypt-entry', group: post.group, content },
        records: [],
        commit: (tx, made) => {
          const sealed = { ...post, post: made.post, entry: made.entryId };
          putPost(tx, sealed);
          if (post.message.length > 0) note(tx, core, messageRef(post.message), 'group-sealed');
          return sealed;
        },
      });
    } catch (cause) {
      if (!(cause instanceof EngineError) || cause.code !== 'too_large') throw cause;
      core.ledger.commit((tx) => noteRefused(tx, core, post, { kind: 'hopeless', reason: 'too-large' }));
      return null;
    }
  }

  // Reading.

  async #take(record: LogRecord): Promise<{ readonly moved: boolean; readonly rejoined: boolean }> {
    const { core } = this.#parts;
    const quiet = { moved: false, rejoined: false };
    const group = core.ledger.read((read) => groups.get(read, this.ref));
    if (group === null || !this.#reads(group) || BigInt(record.position) <= group.cursor) return quiet;
    return core.engine.perform<'process-entry', { readonly moved: boolean; readonly rejoined: boolean }>({
      request: {
        kind: 'process-entry',
        own: core.own.identity(),
        group: group.id,
        entry: record.entry,
        now: core.clock.now(),
      },
      records: [],
      commit: (tx, result) => {
        const taken = takeEntry(tx, this.#parts, this.ref, record, result);
        if (isDone(groups.need(tx.write, this.ref))) tx.ring('groupFollow', this.ref);
        return taken;
      },
    });
  }

  #reads(group: StoredGroup): boolean {
    if (group.state === StoredGroup_State.RESYNCING) {
      return this.#parts.core.ledger.read((read) => decisionsOf(read, this.ref).length > 0);
    }
    const isIn = group.state === StoredGroup_State.JOINED || group.state === StoredGroup_State.LEFT;
    return isIn && group.epochKey.length > 0;
  }

  async #readMembers(): Promise<void> {
    const { core } = this.#parts;
    const { id: group } = core.ledger.read((read) => groups.need(read, this.ref));
    const { head, members } = await core.engine.ask({ kind: 'group-members', group }, []);
    core.ledger.commit((tx) => {
      const row = groups.need(tx.write, this.ref);
      row.policy = head.policy;
      row.epoch = BigInt(head.epoch);
      row.epochKey = head.epochKey;
      replaceMembers(tx, this.#parts, row, members);
      putGroup(tx, row);
      tellGroup(tx, core, this.ref);
    });
  }
}

/** Nothing more is read of it. */
const isDone = (group: StoredGroup): boolean => group.state === StoredGroup_State.REMOVED;

/** Its attachments are not at the gateway yet. */
function isUploading(read: VaultReader, { message }: StoredGroupPost): boolean {
  return message.length > 0 && outbounds.get(read, messageRef(message))?.afterUpload === true;
}
