import { EngineError } from '@sotto/engine';
import { GatewayApiError } from '@sotto/gateway-api';
import type { Bundle, GatewayApiErrorCode, GatewayTransport } from '@sotto/gateway-api';
import type { Admission, Destination } from '@sotto/transport';
import { accountId, decodeEnvelope, deviceId, equalBytes } from '@sotto/wire';
import type { AccountId, DeviceId } from '@sotto/wire';
import { StoredDelivery_State, StoredOutbound_Audience } from '@sotto/wire/stored';
import type { StoredDelivery, StoredOutbound } from '@sotto/wire/stored';
import { findContact } from '../contacts/rows.ts';
import { envelopeNames } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { MOST_ENVELOPES } from '../healing/sent-log.ts';
import type { DeviceRef, MessageRef } from '../refs.ts';
import { currentSession } from '../sessions/rows.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, deviceRef } from '../store/refs.ts';
import { deliveries, outbounds } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { GatewayTimes } from './gateway-times.ts';
import { RequestTokens } from './request-tokens.ts';
import { deliveryKey, isPending, note, putDelivery } from './rows.ts';
import { routeTo, routeToStranger } from './route.ts';
import type { Route } from './route.ts';

/** What came of preparing an envelope. */
export type Sealing =
  | { readonly kind: 'ready'; readonly destination: Destination; readonly envelope: Uint8Array }
  /** Not now: `event` says that only news of the account help, not time. */
  | {
      readonly kind: 'obstacle';
      readonly reason: ReasonCode;
      readonly until: 'time' | 'event';
      readonly retryAfterMs?: number;
    }
  /** No longer wanted. */
  | { readonly kind: 'gone' };

interface Job {
  readonly outbound: StoredOutbound;
  readonly delivery: StoredDelivery;
  readonly account: AccountId;
  readonly device: DeviceId;
  readonly route: Route;
}

interface Addressed {
  readonly destination: Destination;
  /** Fetched for this message, if a session had to be started. */
  readonly bundle: Bundle | null;
}

/** Turns a stored content into a sealed envelope for one device, stored before it may leave. */
export class Sealer {
  readonly #core: Core;
  readonly #sessions: Sessions;
  readonly #transport: GatewayTransport;
  readonly #tokens: RequestTokens;
  readonly #times: GatewayTimes;

  constructor(core: Core, sessions: Sessions, transport: GatewayTransport) {
    this.#core = core;
    this.#sessions = sessions;
    this.#transport = transport;
    this.#tokens = new RequestTokens(transport, core.clock);
    this.#times = new GatewayTimes(transport, core.clock);
  }

  /** The sealed envelope of a delivery and where it goes: the one stored, or a new one. */
  async prepare(message: MessageRef, device: DeviceRef, signal: AbortSignal): Promise<Sealing> {
    await this.#core.clearance.passed();
    const job = this.#job(message, device);
    if (job === null) return { kind: 'gone' };
    if (job.route.kind === 'none') return { kind: 'obstacle', reason: job.route.reason, until: 'event' };
    try {
      if (job.delivery.state === StoredDelivery_State.SEALED) {
        const { mailbox } = decodeEnvelope(job.delivery.envelope);
        const destination = { ...(await this.#reach(job, signal)), mailbox };
        return { kind: 'ready', destination, envelope: job.delivery.envelope };
      }
      return await this.#seal(job, message, signal);
    } catch (cause) {
      return this.#obstacle(job, cause);
    }
  }

  /** A refused request token is of no further use. */
  refused(account: AccountId): void {
    this.#tokens.drop(account);
  }

  /** Whether a delivery would still go where it went. */
  leadsTo(message: MessageRef, device: DeviceRef, { gateway, mailbox, admission }: Destination): boolean {
    const route = this.#job(message, device)?.route;
    if (route?.kind !== 'address' || admission.kind !== 'capability' || route.admission.kind !== 'capability')
      return true;
    const same = equalBytes(route.admission.secret, admission.secret) && equalBytes(route.mailbox, mailbox);
    return same && route.gateway === gateway;
  }

  /** A gateway called an envelope expired: the next one is made by its clock. */
  askTime(gateway: string, signal: AbortSignal): Promise<void> {
    return this.#times.ask(gateway, signal);
  }

  /** Whether what it called expired was so by its clock only. */
  clockDiffers(gateway: string): boolean {
    return this.#times.differs(gateway);
  }

  /** When an envelope has to expire there (Unix seconds) that is of use until `until` (own clock, ms). */
  expiryAt(gateway: string, until: number): number {
    return this.#times.expiryAt(gateway, until);
  }

  #job(message: MessageRef, device: DeviceRef): Job | null {
    return this.#core.ledger.read((read) => {
      const outbound = outbounds.get(read, message);
      const delivery = deliveries.get(read, deliveryKey(message, device));
      // A receipt or a revocation may have come while it waited.
      if (outbound === null || delivery === null || !isPending(delivery)) return null;
      const account = accountId(delivery.account);
      const id = deviceId(delivery.device);
      const stranger = outbound.audience === StoredOutbound_Audience.STRANGER;
      const route = stranger ? routeToStranger(read, account) : routeTo(read, this.#core, account, id);
      return { outbound, delivery, account, device: id, route };
    });
  }

  async #reach(job: Job, signal: AbortSignal): Promise<{ readonly gateway: string; readonly admission: Admission }> {
    const { route } = job;
    if (route.kind === 'address') return { gateway: route.gateway, admission: route.admission };
    if (route.kind === 'none') throw new TypeError('no route was checked before');
    const token = await this.#tokens.get(route.gateway, job.account, signal);
    return { gateway: route.gateway, admission: { kind: 'request-token', token } };
  }

  async #seal(job: Job, message: MessageRef, signal: AbortSignal): Promise<Sealing> {
    const { destination, bundle } = await this.#address(job, signal);
    if (bundle !== null) await this.#start(job, message, bundle);
    const device = deviceRef(job.device);
    return this.#sessions.queue(device, async () => {
      const session = this.#core.ledger.read((read) => currentSession(read, device));
      // Healing or a revocation was faster: the next try finds out.
      if (session === null) return { kind: 'obstacle', reason: 'waiting-keys', until: 'time' };
      try {
        return await this.#encrypt(job, message, session, destination);
      } catch (cause) {
        if (!(cause instanceof EngineError) || cause.code === 'too_large') throw cause;
        // Used up, lost or damaged: another session takes its place at the next try.
        this.#core.background.report(cause);
        this.#core.ledger.commit((tx) => this.#sessions.lost(tx, job.account, job.device, session));
        return { kind: 'obstacle', reason: 'waiting-keys', until: 'time' };
      }
    });
  }

  /** Mailbox and admission, and a bundle unless a session exists; a stranger's mailbox comes with the bundle only. */
  async #address(job: Job, signal: AbortSignal): Promise<Addressed> {
    const { route } = job;
    const { gateway, admission } = await this.#reach(job, signal);
    const known = this.#core.ledger.read((read) => currentSession(read, deviceRef(job.device)));
    if (route.kind === 'address' && known !== null) {
      return { destination: { gateway, admission, mailbox: route.mailbox }, bundle: null };
    }
    const { account, device } = job;
    const bundle = await this.#transport.directory(gateway).bundle({ account, device, admission }, { signal });
    const mailbox = route.kind === 'address' ? route.mailbox : bundle.mailbox;
    return { destination: { gateway, admission, mailbox }, bundle: known === null ? bundle : null };
  }

  async #start(job: Job, message: MessageRef, bundle: Bundle): Promise<void> {
    const { account, device } = job;
    const peer = { account, device, ...this.#chainOf(account), bundle: bundle.serialized };
    await this.#sessions.start(peer, (tx) => note(tx, this.#core, message, 'session-started', deviceRef(device)));
  }

  #chainOf(account: AccountId): { readonly chain: readonly Uint8Array[]; readonly chainCheckedAt: number } {
    const own = equalBytes(account, this.#core.self.account);
    const row = own ? this.#core.own.row() : this.#core.ledger.read((read) => findContact(read, account));
    return { chain: row?.chain ?? [], chainCheckedAt: Number(row?.chainCheckedAt ?? 0n) };
  }

  #encrypt(job: Job, message: MessageRef, session: string, destination: Destination): Promise<Sealing> {
    const { outbound, delivery, device } = job;
    const expiresAt = this.#times.expiryAt(destination.gateway, Number(outbound.expiresAt));
    return this.#core.engine.perform<'encrypt', Sealing>({
      request: {
        kind: 'encrypt',
        session,
        content: outbound.content,
        mailbox: destination.mailbox,
        expiresAt,
        // Who asked is awake; and a message that could not be opened is not announced a second time.
        urgency: outbound.urgent && delivery.resent === 0 && delivery.heals === 0 ? 'high' : 'normal',
      },
      records: [session],
      commit: (tx, { envelope }) => {
        const sealed = this.#keep(tx, message, deviceRef(device), { envelope, expiresAt, session });
        return sealed ? { kind: 'ready', destination, envelope } : { kind: 'gone' };
      },
    });
  }

  #keep(
    tx: Tx,
    message: MessageRef,
    device: DeviceRef,
    sealed: { readonly envelope: Uint8Array; readonly expiresAt: number; readonly session: string },
  ): boolean {
    const row = deliveries.get(tx.write, deliveryKey(message, device));
    // Read, expired or dropped in the meantime: the key is spent, and nothing was encrypted that could leave.
    if (row === null || row.state !== StoredDelivery_State.WAITING) return false;
    row.state = StoredDelivery_State.SEALED;
    row.envelope = sealed.envelope;
    const { id, tag } = envelopeNames(this.#core, sealed.envelope);
    row.envelopes = [...row.envelopes, id].slice(-MOST_ENVELOPES);
    row.tags = [...row.tags, tag].slice(-MOST_ENVELOPES);
    row.envelopeExpiresAt = BigInt(sealed.expiresAt);
    row.session = sealed.session;
    row.reason = 'sealed' satisfies ReasonCode;
    putDelivery(tx, row);
    note(tx, this.#core, message, 'sealed', device);
    return true;
  }

  #obstacle(job: Job, cause: unknown): Sealing {
    if (cause instanceof EngineError) {
      this.#core.background.report(cause);
      // What its gateway shows does not fit the chain as known: perhaps the chain has moved on.
      this.#core.bells.ring('chain', accountRef(job.account));
      if (cause.code === 'too_large') return { kind: 'obstacle', reason: 'too-large', until: 'event' };
      return { kind: 'obstacle', reason: 'identity-refused', until: 'event' };
    }
    if (!(cause instanceof GatewayApiError)) throw cause;
    const { code, retryAfterMs } = cause;
    if (code === 'revoked') {
      // Its gateway knows of a statement that is not known here yet.
      this.#core.bells.ring('chain', accountRef(job.account));
      return { kind: 'obstacle', reason: 'mailbox-gone', until: 'event' };
    }
    if (code === 'capability' || code === 'unauthenticated') {
      this.refused(job.account);
      return { kind: 'obstacle', reason: 'address-refused', until: 'event' };
    }
    const obstacle = {
      kind: 'obstacle',
      until: 'time',
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    } as const;
    // A request token opens each device once; the next try gets another one.
    if (code === 'quota' && job.route.kind === 'stranger') this.refused(job.account);
    if (code === 'quota') return { ...obstacle, reason: 'quota-used-up' };
    if (code === 'rate-limited') return { ...obstacle, reason: 'rate-limited' };
    // A device that has just registered uploads its keys next.
    if (code === 'not-found') return { ...obstacle, reason: 'waiting-keys' };
    if (AWAY.has(code)) return { ...obstacle, reason: 'waiting-connection' };
    this.#core.background.report(cause);
    return { ...obstacle, reason: 'waiting-keys' };
  }
}

const AWAY: ReadonlySet<GatewayApiErrorCode> = new Set(['unreachable', 'deadline', 'closed', 'aborted']);
