import type { Admission, Clock } from '@sotto/transport';
import type { Appended, KeyPackage, KeyPackageStock, KeyPackageUpload, LogPage, LogRange } from './log-types.ts';
import type { Network } from './network.ts';

/** What every call takes. */
export interface CallOptions {
  /** Ends the call with `aborted`. */
  readonly signal?: AbortSignal;
  /** Milliseconds; default 10 000. Ends the call with `deadline`. */
  readonly deadlineMs?: number;
}

/** What a connection to a gateway needs. */
export interface GatewayOptions {
  /** Gateway address, `sotto://host:port/pin`. Throws `malformed` when it is none. */
  readonly address: string;
  readonly clock: Clock;
  /** Default: HTTP/2 over TLS 1.3. */
  readonly network?: Network;
}

/** Who signs for a device: the engine's `sign-login`. */
export type SignLogin = (challenge: LoginChallenge) => Promise<Uint8Array>;

/** What a device signs to log in (sotto.gateway.v1.DeviceProof). */
export interface LoginChallenge {
  /** The gateway's Ed25519 identity key as pinned in its address, 32 bytes. */
  readonly gatewayIdentity: Uint8Array;
  /** TLS exporter of the connection, 32 bytes; null for a token that works on any connection. */
  readonly channelBinding: Uint8Array | null;
  /** 32 bytes, single use. */
  readonly nonce: Uint8Array;
}

/** What an authenticated connection needs. */
export interface DeviceOptions extends GatewayOptions {
  /** AccountId, 32 bytes. */
  readonly account: Uint8Array;
  /** DeviceId, 16 bytes. */
  readonly device: Uint8Array;
  readonly signLogin: SignLogin;
}

/** Who the gateway says it is. */
export interface GatewayInfo {
  readonly version: string;
  readonly envelopeVersions: readonly number[];
  /** The gateway's clock, Unix milliseconds. */
  readonly now: number;
  readonly registration: 'open' | 'code' | 'closed';
  readonly limits: GatewayLimits;
}

export interface GatewayLimits {
  /** Messages a mailbox holds. */
  readonly mailboxMessages: number;
  /** Requests of strangers a mailbox holds. */
  readonly mailboxRequests: number;
  readonly retentionSeconds: number;
  /** Largest serialised envelope, bytes. */
  readonly envelopeBytes: number;
  /** One-time prekeys of each kind that are kept for a device. */
  readonly oneTimePrekeys: number;
  /** One-time key packages that are kept for a device. */
  readonly keyPackages: number;
  /** Largest serialised log entries, bytes: commits; messages and proposals. */
  readonly logCommitBytes: number;
  readonly logMessageBytes: number;
  /** Bytes that one log holds, and seconds that an entry is kept. */
  readonly logBytes: number;
  readonly logRetentionSeconds: number;
  /** Largest blob, bytes. */
  readonly blobBytes: number;
  /** Seconds a complete blob is kept. */
  readonly blobRetentionSeconds: number;
  /** Bytes and number of blobs that an account may begin in a day. */
  readonly blobDailyBytes: number;
  readonly blobDailyCount: number;
}

/** One device's prekeys, as published. Check them against its chain (the engine's `start-session` does). */
export interface Bundle {
  /** MailboxId of the device, 16 bytes. */
  readonly mailbox: Uint8Array;
  /** Serialised sotto.gateway.v1.GetBundleResponse. */
  readonly serialized: Uint8Array;
}

export interface RequestToken {
  /** Opaque, at most 512 bytes. */
  readonly token: Uint8Array;
  /** Unix seconds. */
  readonly expiresAt: number;
}

export interface PostResult {
  /** The same bytes were in the mailbox already (or were, and have been received). */
  readonly duplicate: boolean;
}

/**
 * A connection that never logs in: looking things up and posting. Connects at the first call, and again after it broke.
 * Every call may throw `GatewayApiError`: `unreachable`, `wrong-gateway`, `deadline`, `aborted`, `closed`, `protocol`,
 * `rate-limited`, `unavailable`, and what its own doc adds.
 */
export interface GatewayConnection {
  /** As given. */
  readonly address: string;
  info(options?: CallOptions): Promise<GatewayInfo>;
  /** AccountId of a name. `not-found`; `malformed` when the name breaks the rules for names. */
  resolveName(name: string, options?: CallOptions): Promise<Uint8Array>;
  /** Statements of an account from a sequence (default 0) on, each a serialised Signed. `not-found`. Unverified. */
  chain(account: Uint8Array, fromSequence?: number, options?: CallOptions): Promise<Uint8Array[]>;
  /** A bundle; one-time keys in it are handed out once. `not-found`, `capability`, `quota`, `unauthenticated`. */
  bundle(request: BundleRequest, options?: CallOptions): Promise<Bundle>;
  /** A token to write to a stranger's devices. Given for unknown accounts too: it just opens nothing. */
  requestToken(account: Uint8Array, options?: CallOptions): Promise<RequestToken>;
  /**
   * Posts one serialised Envelope; resolves once it is on the gateway's disk. Calls in flight share one stream.
   * `mailbox-full`, `capability`, `quota`, `expired`, `too-large`, `malformed`, `unsupported-version`, `not-found`.
   */
  post(envelope: Uint8Array, admission: Admission, options?: CallOptions): Promise<PostResult>;
  /**
   * A key package, for adding the device to a group; one-time ones are handed out once. `not-found`: it keeps none.
   * `capability`, `quota`, `unauthenticated`.
   */
  keyPackage(request: BundleRequest, options?: CallOptions): Promise<KeyPackage>;
  /**
   * Appends one entry, a serialised LogPost (`encodeLogPost`); resolves once it is on the gateway's disk. The same entry
   * again: the same position. `conflict`: a commit, and an entry of its epoch other than a message came after the
   * position that it names. `stale-epoch`, `unknown-epoch`, `signature`, `spent`, `expired`, `log-full`, `not-found`,
   * `too-large`, `malformed`, `unsupported-version`.
   */
  append(post: Uint8Array, options?: CallOptions): Promise<Appended>;
  /** The oldest entries of a log after a position. `not-found`. */
  readLog(range: LogRange, options?: CallOptions): Promise<LogPage>;
  /** Ends calls in flight with `closed`. */
  close(): Promise<void>;
}

export interface BundleRequest {
  readonly account: Uint8Array;
  readonly device: Uint8Array;
  readonly admission: Admission;
}

export interface Registration {
  /** The account's chain from Genesis on, each statement a serialised Signed. */
  readonly statements: readonly Uint8Array[];
  /** Where the gateway asks for one. */
  readonly code?: string;
}

export interface PrekeyStock {
  readonly oneTime: number;
  readonly oneTimeKem: number;
}

/** Serialised sotto.gateway.v1.PrekeyEntry each. */
export interface PrekeyUpload {
  /** The three lasting kinds, or none to keep those of before. */
  readonly lasting: readonly Uint8Array[];
  readonly oneTime: readonly Uint8Array[];
  /** One-time keys uploaded before are no longer handed out. Default false: they stay. */
  readonly replace?: boolean;
}

export interface CapabilityOrder {
  /** `capabilityHash(secret)`, 32 bytes. */
  readonly hash: Uint8Array;
  /** Mailbox of a device of the own account. */
  readonly mailbox: Uint8Array;
  /** Envelopes a day; left out: the gateway's default. */
  readonly dailyQuota?: number;
}

export interface BlobOrder {
  /** `blobIdOf(secret that fetches it)`, 32 bytes. */
  readonly blob: Uint8Array;
  /** `blobOwnerOf(secret that writes and removes it)`, 32 bytes. */
  readonly owner: Uint8Array;
  /** Bytes it will have. */
  readonly length: number;
}

export interface BlobProgress {
  /** Bytes that are on the gateway's disk; the whole length: it is complete. */
  readonly offset: number;
  /** Unix seconds until which it is kept. */
  readonly expiresAt: number;
}

export interface DeviceMailbox {
  readonly device: Uint8Array;
  readonly mailbox: Uint8Array;
}

/** An envelope in the own mailbox. */
export interface Arrival {
  /** Grows within the mailbox. */
  readonly sequence: number;
  /** Serialised Envelope. */
  readonly envelope: Uint8Array;
  readonly queue: 'contacts' | 'requests';
  /** Unix milliseconds when it was stored. */
  readonly storedAt: number;
}

export interface Page {
  /** Oldest first. */
  readonly arrivals: readonly Arrival[];
  /** There are more after the last one. */
  readonly more: boolean;
}

export interface Token {
  /** Sent as `authorization: Bearer …`. A secret. */
  readonly token: string;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/**
 * A device's own, logged-in connection. Logs in by itself, again before the token ends and after a reconnection; the
 * token is bound to the TLS connection. Every call may throw what `GatewayConnection` lists and `unauthenticated`
 * (not registered here, or the signature is refused) or `revoked` (the device is no longer one).
 */
export interface DeviceConnection {
  readonly address: string;
  /** Registers the device and opens its mailbox; again: the same mailbox. `registration-closed`, `conflict`. */
  register(registration: Registration, options?: CallOptions): Promise<Uint8Array>;
  /** Appends statements; resolves to the sequence of the chain's last one. `conflict`: fetch the chain and rebase. */
  publish(statements: readonly Uint8Array[], options?: CallOptions): Promise<number>;
  /** Names the account here. `conflict`: taken. `malformed`: breaks the rules for names. */
  claimName(name: string, options?: CallOptions): Promise<void>;
  uploadPrekeys(upload: PrekeyUpload, options?: CallOptions): Promise<PrekeyStock>;
  prekeyStock(options?: CallOptions): Promise<PrekeyStock>;
  /** Adds one-time key packages, replaces the last-resort one. Resolves once that is on disk. */
  uploadKeyPackages(upload: KeyPackageUpload, options?: CallOptions): Promise<KeyPackageStock>;
  keyPackageStock(options?: CallOptions): Promise<KeyPackageStock>;
  /**
   * Opens a group's log: a random LogId and the Ed25519 key of its first epoch, 32 bytes each. Again: no change.
   * `conflict`: the id is taken. `quota`: the account has as many logs as it may.
   */
  createLog(log: Uint8Array, epochKey: Uint8Array, options?: CallOptions): Promise<void>;
  /** Entries that exist already stay as they are. `forbidden`: not a mailbox of one's own account. */
  createCapabilities(orders: readonly CapabilityOrder[], options?: CallOptions): Promise<void>;
  /**
   * Makes room for a blob, or finds it again. `quota` (the account's day is used up), `too-large`, `storage-full`,
   * `conflict` (another one has this id).
   */
  beginBlob(order: BlobOrder, options?: CallOptions): Promise<BlobProgress>;
  revokeCapabilities(hashes: readonly Uint8Array[], options?: CallOptions): Promise<void>;
  /** What this device left as its witness; empty: nothing. */
  witness(options?: CallOptions): Promise<Uint8Array>;
  /**
   * Leaves another witness (1 to 128 bytes, opaque to the gateway) in place of the one `expected` (empty: none).
   * `conflict`: it is not the one there; this device was set back, or has a twin, or the gateway was set back.
   */
  replaceWitness(expected: Uint8Array, witness: Uint8Array, options?: CallOptions): Promise<void>;
  /** Mailboxes of all active devices of the own account. */
  mailboxes(options?: CallOptions): Promise<DeviceMailbox[]>;
  /** The oldest envelopes after a sequence (default 0), at most `limit` (default and most 100). */
  poll(request?: { readonly afterSequence?: number; readonly limit?: number }, options?: CallOptions): Promise<Page>;
  /** Removes envelopes; resolves once that is on disk. */
  acknowledge(sequences: readonly number[], options?: CallOptions): Promise<void>;
  /**
   * Opens the delivery stream and hands arrivals over until `signal` aborts (resolves) or the stream ends (throws).
   * Does not reconnect: `GatewayTransport.receive` does.
   */
  stream(handlers: StreamHandlers, options: StreamOptions): Promise<void>;
  /** A token for another program (curl). Not bound to a connection: whoever holds it acts as this device until it ends. */
  unboundToken(options?: CallOptions): Promise<Token>;
  close(): Promise<void>;
}

export interface StreamHandlers {
  /** The envelope is acknowledged after the promise resolves; if it rejects it stays, and comes with the next stream. */
  readonly onArrival: (arrival: Arrival) => Promise<void>;
  /** The gateway has answered: the stream stands. */
  readonly onOpen?: () => void;
  /** All that waited when the stream opened has been handed over and its handlers are done. */
  readonly onCaughtUp?: () => void;
  readonly onLowPrekeys?: (stock: PrekeyStock) => void;
}

export interface StreamOptions {
  readonly signal: AbortSignal;
  /** How many arrivals may be in work at once; the credit given to the gateway. */
  readonly inFlight: number;
}
