import { EngineError } from '@sotto/engine';
import { VaultError } from '@sotto/vault';
import type { EngineRequest, ProcessResult, RecordName } from '@sotto/engine';
import type { Incoming } from '@sotto/transport';
import { accountId, decodeEnvelope, deviceId, envelopeIdOf, idFromHex, statementHash, WireError } from '@sotto/wire';
import type { AccountId, Envelope } from '@sotto/wire';
import type { Chains } from '../chains/chains.ts';
import { findContact, putContact, stateOf } from '../contacts/rows.ts';
import { Chore } from '../core/chore.ts';
import { conversationWith, sha256 } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { SharedLock } from '../core/shared-lock.ts';
import { heal } from '../healing/heal.ts';
import { wantEnvelope } from '../healing/wanted.ts';
import type { DeviceRef, EnvelopeRef } from '../refs.ts';
import { noteSpent } from '../prekeys/keeper.ts';
import { peerDevice, putPeerDevice, rememberSession } from '../sessions/rows.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, deviceRef, envelopeOf, envelopeRef, messageRef } from '../store/refs.ts';
import { messages, peerDevices } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { noteDown, readTrail } from '../trail/store.ts';
import type { Note } from '../trail/store.ts';
import { isMarked, mark, messageOfMark } from './marks.ts';
import { NotTaken } from './opened.ts';
import { allParked, isHopeless, park, unpark } from './parking.ts';
import { owe } from './receipts.ts';
import { judgeSender, noteHead, noteOwnHead } from './sender.ts';
import { openedId, readContent, take } from './take.ts';

const TAG_BYTES = 8;
/** Envelopes remembered that could not be stored. */
const MOST_STUMBLED = 1000;
/** Milliseconds spent on looking for the session of an envelope whose tag is not known. */
const SCAN_MS = 50;

type Message = Extract<ProcessResult, { kind: 'message' }>;

/** What a new try under another key can help. */
const ASKABLE: ReadonlySet<ReasonCode> = new Set(['damaged', 'no-session', 'too-far-ahead']);

/** An envelope in work. */
interface Piece {
  readonly id: EnvelopeRef;
  readonly envelope: Envelope;
  readonly request: boolean;
  /** It was kept to be tried again. */
  readonly parked: boolean;
  /** It was at the gateway before this device was connected. */
  readonly waited: boolean;
}

/** What came of trying to open an envelope. */
type Attempt =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'not-taken';
      readonly reason: ReasonCode;
      readonly park: boolean;
      /** Its sender proved to be one of this account, with a chain that contradicts the one known. */
      readonly contradicts?: AccountId;
    };

/**
 * Takes envelopes in: each is opened, and what it says is done, in one transaction, after which the promise resolves and
 * it may be acknowledged. Nothing that cannot be opened holds up others.
 */
export class Inbox {
  readonly chore: Chore;
  readonly #core: Core;
  readonly #chains: Chains;
  readonly #sessions: Sessions;
  readonly #lock = new SharedLock();
  /** Envelopes that the vault could not take; they come again. */
  readonly #stumbled = new Set<string>();

  constructor(core: Core, chains: Chains, sessions: Sessions) {
    this.#core = core;
    this.#chains = chains;
    this.#sessions = sessions;
    this.chore = new Chore(core, () => this.#retryParked());
    core.bells.on('parked', () => this.chore.kick());
  }

  /**
   * Resolves when the envelope needs not come again. Rejects when it has to: the vault failed, or is closing. `waited`:
   * it was at the gateway before this device was connected.
   */
  async receive(incoming: Incoming, waited: boolean): Promise<void> {
    const envelope = this.#decode(incoming.envelope);
    if (envelope === null) return;
    const id = envelopeRef(envelopeIdOf(envelope, (...parts) => sha256(this.#core, ...parts)));
    try {
      await this.#work({ id, envelope, request: incoming.queue === 'requests', parked: false, waited });
    } catch (cause) {
      // Nothing can be written down now: it is told when the envelope is taken in.
      if (cause instanceof VaultError && this.#stumbled.size < MOST_STUMBLED) this.#stumbled.add(id);
      throw cause;
    }
  }

  /** Null: no envelope of a version this one speaks. */
  #decode(bytes: Uint8Array): Envelope | null {
    try {
      return decodeEnvelope(bytes);
    } catch (cause) {
      if (!(cause instanceof WireError)) throw cause;
      const reason = cause.code === 'unknown_version' ? 'unknown-version' : 'damaged';
      this.#core.events.emit({ type: 'envelope-unreadable', reason, envelope: null });
      return null;
    }
  }

  async #work(piece: Piece): Promise<void> {
    if (this.#isExpected(piece)) {
      const done = await this.#lock.shared(() => this.#openExpected(piece));
      if (done) return;
    }
    // Perhaps an envelope in work makes this one readable: alone, after all that came before.
    await this.#lock.exclusive(() => this.#openUnexpected(piece));
  }

  #isExpected({ envelope }: Piece): boolean {
    return this.#sessions.tags.find(tagOf(envelope)) !== null;
  }

  /** True: dealt with. */
  async #openExpected(piece: Piece): Promise<boolean> {
    const match = this.#sessions.tags.find(tagOf(piece.envelope));
    if (match === null) return false;
    return this.#sessions.queue(deviceOfSession(match.session), async () => {
      if (this.#isRepeated(piece)) return true;
      // The one before may have changed the tags.
      const now = this.#sessions.tags.find(tagOf(piece.envelope));
      if (now === null) return false;
      const records = now.record === null ? [now.session] : [now.session, now.record];
      const attempt = await this.#open(piece, now.session, records, null);
      this.#conclude(piece, attempt, now.session);
      return true;
    });
  }

  /** It was dealt with before; the message that it brought says that it came again. */
  #isRepeated({ id }: Piece): boolean {
    const { repeated, message } = this.#core.ledger.read((read) => {
      const ref = messageOfMark(read, id);
      const told = ref === null || readTrail(read, ref).steps.at(-1)?.code === 'duplicate';
      return { repeated: isMarked(read, id), message: told ? null : ref };
    });
    const now = this.#core.clock.now();
    if (message !== null) this.#core.ledger.commit((tx) => noteDown(tx, message, now, { code: 'duplicate' }));
    return repeated;
  }

  async #openUnexpected(piece: Piece): Promise<void> {
    if (this.#isRepeated(piece)) return;
    if (this.#isExpected(piece) && (await this.#openExpected(piece))) return;
    let attempt = await this.#openInitial(piece);
    if (attempt.kind === 'not-taken' && attempt.reason === 'no-session') attempt = await this.#scan(piece);
    this.#conclude(piece, attempt, null);
  }

  async #openInitial(piece: Piece): Promise<Attempt> {
    const known = ['device/keys', 'sealing-prekeys'];
    const first = await this.#process(piece, null, known, null);
    if (first instanceof NotTaken || first.kind !== 'need-chain') return this.#attempt(first);
    const account = accountId(first.account);
    const chain = this.#chainOf(account);
    if (chain === null || chain.length <= first.sequence) {
      this.#core.bells.ring('chain', accountRef(account));
      return { kind: 'not-taken', reason: 'waiting-identity', park: true };
    }
    return this.#open(piece, null, known, chain);
  }

  #chainOf(account: ReturnType<typeof accountId>): readonly Uint8Array[] | null {
    if (accountRef(account) === this.#core.self.accountRef) return this.#core.own.identity().chain;
    return this.#core.ledger.read((read) => findContact(read, account)?.chain ?? null);
  }

  /** No tag and no first message: it may still belong to a session whose tags were passed by. */
  async #scan(piece: Piece): Promise<Attempt> {
    const until = this.#core.clock.now() + SCAN_MS;
    for (const { session } of this.#sessions.newestFirst()) {
      const attempt = this.#attempt(await this.#process(piece, session, [session], null, true));
      if (attempt.kind === 'done' || (attempt.reason !== 'no-session' && attempt.reason !== 'damaged')) return attempt;
      if (this.#core.clock.now() > until) break;
    }
    return { kind: 'not-taken', reason: 'no-session', park: true };
  }

  async #open(
    piece: Piece,
    session: RecordName | null,
    records: readonly RecordName[],
    senderChain: readonly Uint8Array[] | null,
  ): Promise<Attempt> {
    return this.#attempt(await this.#process(piece, session, records, senderChain));
  }

  #attempt(result: ProcessResult | { readonly kind: 'taken' } | NotTaken): Attempt {
    if (result instanceof NotTaken) {
      const { reason, contradicts } = result;
      return { kind: 'not-taken', reason, park: result.park, ...(contradicts === null ? {} : { contradicts }) };
    }
    switch (result.kind) {
      case 'taken':
        return { kind: 'done' };
      case 'unreadable': {
        const { reason } = result;
        const mayHelp = reason === 'no-session' || reason === 'too-far-ahead' || reason === 'future';
        return { kind: 'not-taken', reason: reason === 'expired' ? 'arrived-late' : reason, park: mayHelp };
      }
      case 'need-chain':
        return { kind: 'not-taken', reason: 'waiting-identity', park: true };
      case 'duplicate':
      case 'message':
        return { kind: 'done' };
    }
  }

  /** The engine's word on it; a message is taken in on the way. */
  async #process(
    piece: Piece,
    session: RecordName | null,
    records: readonly RecordName[],
    senderChain: readonly Uint8Array[] | null,
    untagged = false,
  ): Promise<ProcessResult | { readonly kind: 'taken' } | NotTaken> {
    const request: EngineRequest<'process'> = {
      kind: 'process',
      own: this.#core.own.identity(),
      mailbox: this.#core.own.mailbox,
      envelope: piece.envelope.bytes,
      session,
      untagged,
      senderChain,
      now: this.#core.clock.now(),
    };
    try {
      const outcome = await this.#core.engine.performIf<'process', void>(
        {
          request,
          records,
          commit: (tx, result, changed) => {
            if (result.kind !== 'message') return;
            noteSpent(tx.write, changed);
            this.#takeIn(tx, piece, result);
          },
        },
        (result) => result.kind === 'message',
      );
      return outcome.kind === 'left' ? outcome.result : { kind: 'taken' };
    } catch (cause) {
      if (cause instanceof NotTaken) return cause;
      if (!(cause instanceof EngineError)) throw cause;
      // A damaged record must not stop the queue; what hangs on it heals from the other side.
      this.#core.background.report(cause);
      return new NotTaken('no-session', true);
    }
  }

  #takeIn(tx: Tx, piece: Piece, message: Message): void {
    const { from, content: bytes } = message;
    const sender = judgeSender(tx, this.#core, this.#chains, from);
    const content = readContent(bytes);
    const now = this.#core.clock.now();
    this.#rememberSession(tx, sender, message, now);
    noteHead(tx, this.#core, this.#chains, sender, content.chainHead);
    const opened = {
      tx,
      core: this.#core,
      chains: this.#chains,
      ...sender,
      request: piece.request,
      delays: this.#delaysOf(piece),
      content,
      bytes,
      id: openedId(this.#core, { device: sender.device, bytes }),
    };
    const taken = take(opened);
    if (taken === 'receipt') owe(tx, sender.account, 'delivered', [opened.id]);
    const { expiresAt } = piece.envelope;
    const isHere = messages.get(tx.write, messageRef(opened.id)) !== null;
    mark(tx, piece.id, { outcome: 'opened', expiresAt, now, ...(isHere ? { message: opened.id } : {}) });
    tx.after(() => this.#stumbled.delete(piece.id));
    // It was given up for unreadable before.
    if (piece.parked) heal(tx, this.#core, piece.id, messageRef(opened.id));
    if (piece.parked) unpark(tx, piece.id);
    tx.after(() => this.#sessions.tags.apply(message.session, message.tags));
    tx.ring('heard', { account: accountRef(sender.account), device: deviceRef(sender.device) });
  }

  /** What kept it from coming in at once. */
  #delaysOf({ id, waited }: Piece): readonly Note[] {
    const notes: Note[] = [];
    if (waited) notes.push({ code: 'waited-at-gateway' });
    if (this.#stumbled.has(id)) notes.push({ code: 'storage-failed' });
    return notes;
  }

  #rememberSession(
    tx: Tx,
    sender: Pick<ReturnType<typeof judgeSender>, 'account' | 'device'>,
    { session, initial }: Message,
    now: number,
  ): void {
    if (initial === null) return;
    const row = peerDevice(tx.write, sender.account, deviceId(sender.device));
    rememberSession(row, { name: session, own: false, startedAt: initial.startedAt }, now);
    putPeerDevice(tx, row);
    tx.after(() => this.#core.background.start(() => this.#sessions.endOver(deviceRef(sender.device))));
    const { sequence, hash } = initial.recipientHead;
    noteOwnHead(tx, this.#core, { sequence, hash: statementHash(hash) });
    tx.ring('parked', null);
  }

  /** `session`: the one whose tag it has, so that its sender is known; null: anyone may have sent it. */
  #conclude(piece: Piece, attempt: Attempt, session: RecordName | null): void {
    if (attempt.kind === 'done') return;
    const { reason } = attempt;
    const now = this.#core.clock.now();
    this.#core.ledger.commit((tx) => {
      const { id, request } = piece;
      if (attempt.park) {
        const isNews = park(tx, { id, envelope: piece.envelope.bytes, request, reason }, now);
        if (!isNews) return;
      } else {
        unpark(tx, id);
        mark(tx, id, { outcome: 'refused', expiresAt: piece.envelope.expiresAt, now, reason });
      }
      const contact = attempt.contradicts === undefined ? null : findContact(tx.write, attempt.contradicts);
      if (contact !== null) {
        this.#chains.noteFork(tx, contact, 'conflicting-chain');
        putContact(tx, this.#core, contact);
      }
      if (session !== null && ASKABLE.has(reason)) this.#want(tx, piece, session, reason);
      tx.emit({ type: 'envelope-unreadable', reason, envelope: id });
    });
  }

  /** Asks its sender for it, and shows that it is missing: only of own devices and of people who may write here. */
  #want(tx: Tx, { id, envelope }: Piece, session: RecordName, reason: ReasonCode): void {
    const peer = peerDevices.get(tx.write, deviceOfSession(session));
    if (peer === null) return;
    const account = accountId(peer.account);
    const own = accountRef(account) === this.#core.self.accountRef;
    const contact = own ? null : findContact(tx.write, account);
    if (!own && (contact === null || stateOf(contact) !== 'accepted')) return;
    wantEnvelope(tx, this.#core, {
      envelope: envelopeOf(id),
      account,
      device: deviceId(peer.device),
      session,
      tag: tagOf(envelope).slice(),
      reason,
      // Receipts and the like are never urgent; of an own device's message nobody knows where it belongs.
      shownIn: !own && envelope.urgency === 'high' ? conversationWith(this.#core, account) : null,
    });
  }

  async #retryParked(): Promise<void> {
    const all = this.#core.ledger.read((read) => allParked(read));
    for (const each of all) {
      const opened = this.#core.ledger.read((read) => isMarked(read, each.key));
      if (opened || isHopeless(each, this.#core.clock.now())) {
        this.#core.ledger.commit((tx) => unpark(tx, each.key));
        continue;
      }
      const envelope = decodeEnvelope(each.row.envelope);
      await this.#work({
        id: each.key as EnvelopeRef,
        envelope,
        request: each.row.request,
        parked: true,
        waited: false,
      });
    }
  }
}

function tagOf(envelope: Envelope): Uint8Array {
  return envelope.sealed.subarray(0, TAG_BYTES);
}

/** Sessions are queued by their device, which the record's name tells. */
function deviceOfSession(session: RecordName): DeviceRef {
  return deviceRef(idFromHex('DeviceId', session.split('/')[1] ?? ''));
}
