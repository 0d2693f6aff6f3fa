import { idHex } from '@sotto/wire';
import type { Clock } from './clock.ts';
import { MEMORY_GATEWAY } from './memory-air.ts';
import type { Conditions, MemoryAir } from './memory-air.ts';
import { MemoryMailbox } from './memory-mailbox.ts';
import { MemoryTransport } from './memory-transport.ts';
import type { Destination, Transport } from './transport.ts';

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Fresh random bytes for mailbox names and capabilities. */
  readonly randomBytes: (length: number) => Uint8Array;
  readonly conditions?: Partial<Conditions>;
  /** Envelopes a mailbox holds; default 1000. */
  readonly mailboxMessages?: number;
}

/** A device in a memory network. */
export interface MemoryParty {
  readonly transport: Transport;
  /** Where others reach it as contacts. */
  readonly destination: Destination;
  /** Where a stranger reaches it, once. */
  requestDestination(): Destination;
}

const MAILBOX_BYTES = 16;
const SECRET_BYTES = 32;

/** Mailboxes in memory and transports between them: for tests and simulation, with everything that can go wrong. */
export class MemoryNetwork {
  readonly #options: MemoryNetworkOptions;
  readonly #air: MemoryAir;

  constructor(options: MemoryNetworkOptions) {
    const { clock, random } = options;
    this.#options = options;
    const conditions = { delayMs: 0, lossBefore: 0, lossAfter: 0, acknowledgementLoss: 0, ...options.conditions };
    this.#air = { clock, random, conditions, mailboxes: new Map(), onCut: new Set(), connected: true };
  }

  /** To be changed at will. */
  get conditions(): Conditions {
    return this.#air.conditions;
  }

  /** Opens a mailbox with a capability for it. */
  open(): MemoryParty {
    const { clock, randomBytes, mailboxMessages = 1000 } = this.#options;
    const id = randomBytes(MAILBOX_BYTES);
    const mailbox = new MemoryMailbox({ id, clock, messages: mailboxMessages });
    this.#air.mailboxes.set(idHex(id), mailbox);
    const secret = randomBytes(SECRET_BYTES);
    mailbox.admit('contacts', secret);
    return {
      transport: new MemoryTransport(this.#air, mailbox),
      destination: { gateway: MEMORY_GATEWAY, mailbox: id, admission: { kind: 'capability', secret } },
      requestDestination: () => {
        const token = randomBytes(SECRET_BYTES);
        mailbox.admit('requests', token);
        return { gateway: MEMORY_GATEWAY, mailbox: id, admission: { kind: 'request-token', token } };
      },
    };
  }

  /** Breaks every connection; none can be made until `restore`. */
  cut(): void {
    this.#air.connected = false;
    for (const listener of this.#air.onCut) listener();
  }

  restore(): void {
    this.#air.connected = true;
  }
}
