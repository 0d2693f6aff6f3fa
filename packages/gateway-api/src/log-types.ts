import type { TransportState } from '@sotto/transport';

/** Where an entry stands in its log. */
export interface Appended {
  /** From 1 on, without gaps. */
  readonly position: number;
  /** The same entry was there already; `position` is that one's. */
  readonly duplicate: boolean;
}

/** An entry in its place. */
export interface LogRecord {
  readonly position: number;
  /** Serialised LogEntry; `decodeLogEntry` reads it. Unverified. */
  readonly entry: Uint8Array;
  /** Unix ms when it was stored. */
  readonly storedAt: number;
}

/** What a log holds. */
export interface LogExtent {
  /** Position of the oldest entry that is kept; `head` + 1 when none is. */
  readonly oldest: number;
  /** Position of the last entry; 0: there never was one. */
  readonly head: number;
}

export interface LogRange {
  /** LogId, 32 bytes. */
  readonly log: Uint8Array;
  /** Position after which to begin; default 0: the oldest kept. */
  readonly after?: number;
  /** Default and most 100. */
  readonly limit?: number;
}

export interface LogPage {
  /** Oldest first. */
  readonly records: readonly LogRecord[];
  /** There are more after the last one. */
  readonly more: boolean;
  readonly extent: LogExtent;
}

/** A key package of one device; a serialised MLSMessage, unverified. */
export interface KeyPackage {
  readonly keyPackage: Uint8Array;
  /** Others may be given the same. */
  readonly lastResort: boolean;
}

export interface KeyPackageOrder {
  /** From 1 on. One-time ones grow. */
  readonly id: number;
  /** Unix seconds. */
  readonly expiresAt: number;
  /** A serialised MLSMessage, at most `MAX_KEY_PACKAGE_BYTES`. */
  readonly keyPackage: Uint8Array;
}

export interface KeyPackageUpload {
  /** Added; ids that are not above the highest seen so far are ignored. */
  readonly oneTime: readonly KeyPackageOrder[];
  /** Takes the place of the one before; left out: that stays. */
  readonly lastResort?: KeyPackageOrder;
  /** Those of before go first: their private keys are lost. Default false. */
  readonly replace?: boolean;
}

export interface KeyPackageStock {
  /** One-time key packages left. */
  readonly oneTime: number;
  /** One is there to be handed out when those are used up. */
  readonly lastResort: boolean;
  /** Highest id of a one-time key package seen so far: new ones go above it. 0: none. */
  readonly highest: number;
}

/** What becomes of followed logs. Calls for one log come one after the other, in its order. */
export interface LogSink {
  /**
   * The next entry of a log; the one after it is handed over when the promise resolves. If it rejects, the log is begun
   * again at this entry, after a pause. The caller stores its cursor (`record.position`) with what it makes of it.
   */
  readonly onRecord: (log: Uint8Array, record: LogRecord) => Promise<void>;
  /** Everything stored when the following began (or began again) has been handed over and is done with. */
  readonly onCaughtUp?: (log: Uint8Array) => void;
  /**
   * Entries between the cursor and `extent.oldest` have expired, or the log was set back (`extent.head` is below the
   * cursor): the group needs a resync. What is left follows.
   */
  readonly onGap?: (log: Uint8Array, extent: LogExtent) => void;
  /** The log is not followed any more. */
  readonly onRefused?: (log: Uint8Array, code: 'not-found' | 'quota') => void;
}

export interface FollowOptions {
  /** How many entries may be with the sink or on their way to it, over all logs. Default 64. */
  readonly inFlight?: number;
}

/**
 * Follows logs at one gateway over one connection that never logs in; reconnects with back-off and goes on where each
 * log's sink left off, so nothing is lost and nothing comes twice. Connected only while there is a log to follow.
 */
export interface LogFollower {
  readonly state: TransportState;
  /** Called on every change of `state`; returns the function that stops it. */
  onState(listener: (state: TransportState) => void): () => void;
  /** Follows a log from after `after` on; one that is followed already begins anew there. */
  follow(log: Uint8Array, after: number): void;
  /** Nothing more of it is handed over; a call under way ends on its own. */
  unfollow(log: Uint8Array): void;
  /** Resolves when the sink's calls under way are done. */
  close(): Promise<void>;
}
