import { join } from 'node:path';
import {
  createLoginTokens,
  createSocketlessGateway,
  DEFAULT_LIMITS,
  DEFAULT_RATES,
  openEmbeddedStore,
} from '@sotto/gateway';
import type { EmbeddedStore, Limits, LoginTokens, Post, PostOutcome, SocketlessGateway } from '@sotto/gateway';
import { seededProvider } from '@sotto/crypto/simulation';
import { formatGatewayAddress, parseHost } from '@sotto/wire';
import { Process } from '../time/process.ts';
import type { Random } from '../time/random.ts';
import type { Timeline } from '../time/timeline.ts';
import { mischievous } from './mischief.ts';
import type { Prank } from './mischief.ts';

/** ms in which requests gather for one commit. */
const COMMIT_MS = 2;
const SEED_BYTES = 32;
const PORT = 7443;
/** ms for streams to end when the gateway is stopped in order. */
const FAREWELL_MS = 500;

export interface GatewayNodeOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly folder: string;
  readonly prank: (post: Post) => Prank | null;
  readonly onPost: (post: Post, outcome: PostOutcome) => void;
  readonly onAcknowledged: (device: Uint8Array, envelope: Uint8Array) => void;
  /** It could not commit. */
  readonly onFailure: (error: unknown) => void;
}

interface Up {
  readonly process: Process;
  readonly store: EmbeddedStore;
  readonly service: SocketlessGateway;
}

/** The gateway: its real services and store, run without sockets, which can crash and come up again. */
export class GatewayNode {
  readonly address: string;
  /** ms that its clock is ahead. */
  skewMs = 0;
  readonly #options: GatewayNodeOptions;
  readonly #identity: Uint8Array;
  readonly #limits: { -readonly [Name in keyof Limits]: Limits[Name] } = { ...DEFAULT_LIMITS, memoryBytes: Infinity };
  #up: Up | null = null;

  constructor(options: GatewayNodeOptions) {
    this.#options = options;
    const provider = seededProvider(options.random.bytes(SEED_BYTES));
    this.#identity = provider.generate('ed25519').publicKey;
    this.address = formatGatewayAddress({ host: parseHost('gateway.test'), port: PORT, pin: this.#identity });
  }

  /** The most messages that a mailbox may ever hold. */
  get mostMessages(): number {
    return DEFAULT_LIMITS.mailboxMessages;
  }

  /** How many messages a mailbox takes for the moment; null: as many as usual. */
  set mailboxMessages(messages: number | null) {
    this.#limits.mailboxMessages = messages ?? this.mostMessages;
  }

  /** Null: it is down. */
  get running(): { readonly process: Process; readonly service: SocketlessGateway } | null {
    return this.#up;
  }

  /** Messages in the fullest mailbox; null: it is down. */
  fullest(): number | null {
    const row = this.#up?.store.database
      .prepare('SELECT COUNT(*) AS n FROM messages GROUP BY device_no, queue ORDER BY n DESC LIMIT 1')
      .get();
    return this.#up === null ? null : Number(row?.['n'] ?? 0);
  }

  start(): void {
    if (this.#up !== null) return;
    const { timeline, random, folder, prank, onPost, onAcknowledged, onFailure } = this.#options;
    const process = new Process(timeline, () => this.skewMs);
    const { clock } = process;
    const store = openEmbeddedStore({
      file: join(folder, 'gateway.db'),
      clock,
      limits: this.#limits,
      onFailure,
      // Held by the process: what was not committed when it dies is lost.
      endOfTurn: (task) => void clock.after(COMMIT_MS, task),
    });
    const service = createSocketlessGateway({
      provider: seededProvider(random.bytes(SEED_BYTES)),
      clock,
      store: { ...store, mailboxes: mischievous(store.mailboxes, { process, prank, onPost, onAcknowledged }) },
      identity: this.#identity,
      limits: this.#limits,
      rates: DEFAULT_RATES,
      registration: { kind: 'open' },
      registrationCodes: [],
      tokens: inTurn(timeline, createLoginTokens(clock, this.#identity)),
    });
    this.#up = { process, store, service };
  }

  /** Dies at once. What it has committed is there when it starts again, nothing else. */
  crash(): void {
    const up = this.#up;
    this.#up = null;
    up?.process.kill();
    up?.store.database.close();
  }

  /** Ends in order, as at a restart by its operator. */
  stop(): void {
    const up = this.#up;
    if (up === null) return;
    this.#up = null;
    up.service.end();
    up.process.clock.after(FAREWELL_MS, () => {
      up.service.stop();
      up.store.close();
      up.process.kill();
    });
  }
}

/** Tokens are signed on another thread; simulated time waits for it. */
function inTurn(timeline: Timeline, tokens: LoginTokens): LoginTokens {
  return {
    issue: (account, device, binding) => timeline.offThread(() => tokens.issue(account, device, binding)),
    verify: (token, binding) => timeline.offThread(() => tokens.verify(token, binding)),
  };
}
