/**
 * A way for sealed envelopes to travel. Gateway, peer network, MQTT and the in-memory one implement the same interface
 * and pass the same compliance suite (`transportCompliance`).
 */
export interface Transport {
  /** Stable, for trails and settings: `gateway`, `memory`, … */
  readonly kind: string;
  readonly state: TransportState;
  /** Called on every change of `state`; returns the function that stops it. */
  onState(listener: (state: TransportState) => void): () => void;

  /**
   * Hands an envelope over. Resolves `accepted` only once the other side has it on disk. Never throws for reasons of the
   * network or the other side; those are outcomes. The same bytes may be delivered again without harm.
   */
  deliver(delivery: Delivery, signal?: AbortSignal): Promise<DeliveryOutcome>;

  /**
   * Receives until `signal` aborts, reconnecting with back-off. Each envelope is acknowledged after `sink` resolves;
   * if `sink` rejects, the envelope stays and comes again. At most `inFlight` sinks run at once.
   */
  receive(sink: Sink, options: ReceiveOptions): Promise<void>;

  close(): Promise<void>;
}

export type TransportState =
  | { readonly kind: 'offline' }
  | { readonly kind: 'connecting'; readonly attempt: number }
  | { readonly kind: 'online' }
  | { readonly kind: 'closed' };

/** Where an envelope goes. */
export interface Destination {
  /** Gateway address, `sotto://host:port/pin`. */
  readonly gateway: string;
  /** MailboxId, 16 bytes. */
  readonly mailbox: Uint8Array;
  readonly admission: Admission;
}

/** What lets the sender post. */
export type Admission =
  | { readonly kind: 'capability'; readonly secret: Uint8Array }
  | { readonly kind: 'request-token'; readonly token: Uint8Array };

export interface Delivery {
  readonly destination: Destination;
  /** Serialised Envelope. */
  readonly envelope: Uint8Array;
}

export type DeliveryOutcome =
  | { readonly kind: 'accepted'; readonly duplicate: boolean }
  /** The other side said no; `code` says whether trying again can help. */
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly retryAfterMs?: number }
  /** Nobody answered; nothing is known about the envelope. */
  | { readonly kind: 'unreachable' };

export type RefusalCode =
  | 'malformed'
  | 'unsupported-version'
  | 'too-large'
  | 'not-found'
  | 'mailbox-full'
  | 'capability'
  | 'quota'
  | 'rate-limited'
  | 'expired'
  | 'revoked'
  | 'unavailable';

/** An envelope that arrived. */
export interface Incoming {
  /** Serialised Envelope. */
  readonly envelope: Uint8Array;
  /** Posted by a contact with a capability, or by a stranger with a token. */
  readonly queue: 'contacts' | 'requests';
  /** Unix milliseconds when the other side stored it. */
  readonly storedAt: number;
}

export type Sink = (incoming: Incoming) => Promise<void>;

export interface ReceiveOptions {
  readonly signal: AbortSignal;
  /** How many envelopes may be in work at once. */
  readonly inFlight: number;
  /** Everything that waited when the connection opened has been handed over. */
  readonly onCaughtUp?: () => void;
}
