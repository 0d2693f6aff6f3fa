import type { GatewayTransport } from '@sotto/gateway-api';
import { accountId } from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import type { Chains } from '../chains/chains.ts';
import { findContact, stateOf } from '../contacts/rows.ts';
import { composeControl } from '../conversations/compose.ts';
import { conversationWith } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import type { DeviceRef } from '../refs.ts';
import { currentSession } from '../sessions/rows.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { deviceOf } from '../store/refs.ts';
import { routeTo } from './route.ts';
import type { Sealer } from './sealer.ts';

/** A notice nobody got in time is worth nothing: the shortest expiry there is. */
const LIFETIME_MS = 60_000;

export interface TypingParts {
  readonly core: Core;
  readonly chains: Chains;
  readonly sessions: Sessions;
  readonly sealer: Pick<Sealer, 'expiryAt' | 'askTime'>;
  readonly transport: GatewayTransport;
}

/** Typing notices: encrypted like everything else, tried once, never stored. */
export class Typing {
  readonly #core: Core;
  readonly #chains: Chains;
  readonly #sessions: Sessions;
  readonly #sealer: TypingParts['sealer'];
  readonly #transport: GatewayTransport;

  constructor({ core, chains, sessions, sealer, transport }: TypingParts) {
    this.#core = core;
    this.#chains = chains;
    this.#sessions = sessions;
    this.#sealer = sealer;
    this.#transport = transport;
  }

  /** Starts sending; whether it arrives nobody learns. */
  send(account: AccountId, active: boolean): void {
    const contact = this.#core.ledger.read((read) => findContact(read, account));
    if (contact === null || stateOf(contact) !== 'accepted') return;
    const value = { active };
    const { bytes } = composeControl(this.#core, conversationWith(this.#core, account), { kind: 'typing', value });
    for (const device of this.#chains.activeDevices(contact) ?? []) {
      this.#core.background.start((signal) => this.#whisper(accountId(contact.account), device, bytes, signal));
    }
  }

  async #whisper(account: AccountId, device: DeviceRef, content: Uint8Array, signal: AbortSignal): Promise<void> {
    const { route, session } = this.#core.ledger.read((read) => ({
      route: routeTo(read, this.#core, account, deviceOf(device)),
      session: currentSession(read, device),
    }));
    if (route.kind !== 'address' || session === null || !this.#core.clearance.isOpen) return;
    const { gateway, mailbox, admission } = route;
    const expiresAt = this.#sealer.expiryAt(gateway, this.#core.clock.now() + LIFETIME_MS);
    const envelope = await this.#sessions.queue(device, () =>
      this.#core.engine.perform<'encrypt', Uint8Array>({
        request: { kind: 'encrypt', session, content, mailbox, expiresAt, urgency: 'normal' },
        records: [session],
        commit: (_tx, result) => result.envelope,
      }),
    );
    const outcome = await this.#transport.deliver({ destination: { gateway, mailbox, admission }, envelope }, signal);
    // One of the two clocks is wrong: the next notice is made by the gateway's.
    if (outcome.kind === 'refused' && outcome.code === 'expired') await this.#sealer.askTime(gateway, signal);
  }
}
