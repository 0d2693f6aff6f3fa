import type { Rate } from './rate-limiter.ts';

/** Everything a gateway bounds. Operators may change what `config.ts` lists; the rest are constants with a reason. */
export interface Limits {
  /** Messages of contacts that a mailbox holds. */
  readonly mailboxMessages: number;
  /** Requests of strangers that a mailbox holds. */
  readonly mailboxRequests: number;
  /** Seconds a message is kept at most. */
  readonly retentionSeconds: number;
  /** Envelopes a day through one capability, where its owner names no number. */
  readonly capabilityDailyQuota: number;
  /** Bytes of a serialised log entry: commits; messages and proposals. */
  readonly logCommitBytes: number;
  readonly logMessageBytes: number;
  /** Bytes of entries that one log holds; then it refuses. */
  readonly logBytes: number;
  /** Seconds a log entry is kept. */
  readonly logRetentionSeconds: number;
  /** Entries a minute under one epoch key; twice as many in a whole log. */
  readonly logEntriesPerMinute: number;
  /** Logs that one account may open. */
  readonly logsPerAccount: number;
  /** TLS connections from one address (an IPv6 /64 counts as one). */
  readonly connectionsPerAddress: number;
  /** TLS connections in all. */
  readonly connections: number;
  /**
   * Bytes in use (heap, buffers, connections) above which connections and calls are refused with `UNAVAILABLE` and what
   * is stuck is let go of. Resident memory is this and what the allocators keep in reserve.
   */
  readonly memoryBytes: number;
  /** Bytes of one blob, as sealed. */
  readonly blobBytes: number;
  /** Bytes of all blobs together. */
  readonly blobTotalBytes: number;
  /** Bytes of the disk that blobs leave to everything else. */
  readonly blobFreeBytes: number;
  /** Seconds a complete blob is kept. */
  readonly blobRetentionSeconds: number;
  /** Bytes of blobs that one account may begin in a day (UTC), and how many. */
  readonly blobDailyBytes: number;
  readonly blobDailyCount: number;
}

export const DEFAULT_LIMITS: Limits = {
  mailboxMessages: 1000,
  mailboxRequests: 50,
  retentionSeconds: 7 * 24 * 3600,
  capabilityDailyQuota: 10_000,
  logCommitBytes: 1024 * 1024,
  logMessageBytes: 96 * 1024,
  logBytes: 256 * 1024 ** 2,
  logRetentionSeconds: 30 * 24 * 3600,
  logEntriesPerMinute: 600,
  logsPerAccount: 500,
  connectionsPerAddress: 256,
  connections: 20_000,
  memoryBytes: 2 * 1024 ** 3,
  blobBytes: 4 * 1024 ** 3,
  blobTotalBytes: 64 * 1024 ** 3,
  blobFreeBytes: 1024 ** 3,
  blobRetentionSeconds: 30 * 24 * 3600,
  blobDailyBytes: 16 * 1024 ** 3,
  blobDailyCount: 2000,
};

/** How often one caller may do what costs the gateway or lets somebody guess. Bursts, then a steady rate. */
export interface Rates {
  /** Name look-ups of one address: enough to add contacts, too few to walk through names. */
  readonly names: Rate;
  /** Other look-ups of one address: chains and bundles of all contacts after a long absence. */
  readonly lookups: Rate;
  /** Request tokens for one address, and for one target account. */
  readonly tokens: Rate;
  readonly tokensPerTarget: Rate;
  /** Registrations of one address: each replays a chain, which costs up to 100 ms. */
  readonly registrations: Rate;
  /** Logins of one address: many devices behind one router, all reconnecting. */
  readonly logins: Rate;
  /** Appends from one address: everyone behind one router, all writing. */
  readonly appends: Rate;
  /** Pages of logs read by one address. Who has much to catch up with follows instead. */
  readonly logPages: Rate;
  /** Changes by one device to its account: statements, names, prekeys, capabilities, logs. */
  readonly changes: Rate;
  /** Transfers of blobs begun from one address, and blobs begun by one device: albums, resumed again and again. */
  readonly blobs: Rate;
}

export const DEFAULT_RATES: Rates = {
  names: { burst: 30, perMs: 4000 },
  lookups: { burst: 500, perMs: 100 },
  tokens: { burst: 30, perMs: 10_000 },
  tokensPerTarget: { burst: 60, perMs: 10_000 },
  registrations: { burst: 30, perMs: 20_000 },
  logins: { burst: 600, perMs: 100 },
  appends: { burst: 1000, perMs: 10 },
  logPages: { burst: 300, perMs: 20 },
  changes: { burst: 120, perMs: 1000 },
  blobs: { burst: 600, perMs: 100 },
};

/** The largest daily quota a device may ask for: twelve a second, all day. */
export const MAX_DAILY_QUOTA = 1_000_000;
/** Capabilities of one mailbox: contacts of a very busy account, with years of renewals. */
export const MAX_CAPABILITIES = 20_000;
/** Devices of one account with a mailbox here; as many as one message can list. */
export const MAX_DEVICES = 64;
/** Bytes of a chain kept here: some 400 statements, decades of adding and removing devices. */
export const MAX_CHAIN_BYTES = 192 * 1024;
/** Names of one account over its life; an old name stays the account's, so that nobody can pose as it. */
export const MAX_NAMES = 3;
/** One-time prekeys of one kind that are kept for a device: two batches, so that a refill never collides with one. */
export const MAX_ONE_TIME_PREKEYS = 200;
/** Below this many one-time prekeys of a kind, the device is told. */
export const LOW_PREKEYS = 20;
/** Serialised prekey entry: the largest key (X-Wing, 1216 bytes), a Merkle proof and a signed batch root. */
export const MAX_PREKEY_BYTES = 4096;
/** Bytes of a witness: a sealed number. */
export const MAX_WITNESS_BYTES = 128;
/** Bundles a day through one capability: a contact with many devices, several restarts, and no more. */
export const BUNDLES_PER_DAY = 50;
/** One-time key packages that are kept for a device: a busy day of being added to groups, and a reserve. */
export const MAX_KEY_PACKAGES = 200;
/** One-time key packages a day through one capability; then the last-resort one is handed out, so nobody drains them. */
export const KEY_PACKAGES_PER_DAY = 50;

/** ms for which an epoch's messages and proposals are still taken after another epoch has begun on top of it. */
export const EPOCH_GRACE_MS = 60_000;
/** Commits on top of one epoch in an hour: enough for every race, and a bound on how often garbage costs a round trip. */
export const COMMITS_PER_EPOCH_HOUR = 32;
/** Of these from one address: whoever uses them up alone leaves room for others. */
export const COMMITS_PER_EPOCH_ADDRESS_HOUR = 8;
/** Commits in one log in an hour, and epochs that it knows in all: bounds what is kept for ever, about 150 bytes each. */
export const COMMITS_PER_LOG_HOUR = 1000;
export const MAX_EPOCHS = 200_000;
/**
 * Commits on top of epochs that others have followed for longer than `EPOCH_GRACE_MS`: needed where garbage came first,
 * and all that someone removed can still post. They fill this share of a log at most, and come this often in an hour.
 */
export const LATE_COMMIT_SHARE = 1 / 4;
export const LATE_COMMITS_PER_LOG_HOUR = 32;
/** Seconds ahead that an admission may expire: its nonce is kept for as long. */
export const MAX_ADMISSION_SECONDS = 7 * 24 * 3600;
/** Entries in one page of a log, and bytes, a little more with a last large entry. */
export const LOG_PAGE_ENTRIES = 100;
export const LOG_PAGE_BYTES = 1024 * 1024;
/** Logs followed on one stream, from one address, and in all: about 500 bytes each. */
export const FOLLOWS_PER_STREAM = 10_000;
export const FOLLOWS_PER_ADDRESS = 50_000;
export const FOLLOWS = 500_000;
/** Logs named in one frame, and bytes of that frame, JSON included. */
export const FOLLOWS_PER_FRAME = 512;
export const FOLLOW_FRAME_BYTES = 96 * 1024;

/** Seconds a request token lives: to fetch a bundle and post, not to collect. */
export const REQUEST_TOKEN_SECONDS = 600;
/** Seconds a login token lives. */
export const TOKEN_SECONDS = 300;
/** Seconds a challenge can be answered. */
export const CHALLENGE_SECONDS = 60;

/** Bytes of a unary request to the directory: ids, a name, a token. */
export const DIRECTORY_REQUEST_BYTES = 4 * 1024;
/** Bytes of one post, JSON included (base64 makes 96 KiB into 128). */
export const POST_REQUEST_BYTES = 160 * 1024;
/** Bytes of one frame of a post stream. */
export const POST_FRAME_BYTES = 768 * 1024;
/** Posts in one frame of a post stream. */
export const POSTS_PER_FRAME = 64;
/** Bytes of a request of a logged-in device: 200 one-time prekeys with their proofs, JSON included. */
export const DEVICE_REQUEST_BYTES = 2 * 1024 * 1024;
/** Bytes of key packages in one upload: a stock of 200 of 3 KiB (X-Wing), JSON included, or fewer of larger ones. */
export const KEY_PACKAGES_BYTES = 4 * 1024 * 1024;
/** Bytes of a frame on a device's stream: acknowledgements only. */
export const DEVICE_FRAME_BYTES = 16 * 1024;
/** Bytes of a registration: a whole chain, JSON included. Unlike other device calls it comes from strangers. */
export const REGISTER_REQUEST_BYTES = 288 * 1024;

/** Concurrent HTTP/2 streams of one connection. */
export const STREAMS_PER_CONNECTION = 32;
/** Posts of one stream that may wait for their commit; beyond it the gateway stops reading (HTTP/2 flow control). */
export const POSTS_IN_FLIGHT = 512;
/** Refused capabilities after which a connection is closed: guessing is hopeless, but costs us. */
export const WRONG_CAPABILITIES = 100;
/** Bytes of all operations that wait for a commit; beyond it `UNAVAILABLE`. */
export const PENDING_BYTES = 64 * 1024 * 1024;
/** Operations in one transaction: bounds the time the first one waits. */
export const OPERATIONS_PER_COMMIT = 1024;
/** Deliveries and bytes that wait in memory for one stream; beyond it they are read back from disk. */
export const STREAM_BUFFER_MESSAGES = 128;
export const STREAM_BUFFER_BYTES = 512 * 1024;
/** Deliveries read from disk at once. */
export const PAGE_MESSAGES = 100;
/** Bytes of deliveries in one frame; a larger one is sent alone. */
export const FRAME_BYTES = 256 * 1024;
/** ms a device may take to read what was sent, and anyone to send a whole request. */
export const SLOW_CONSUMER_MS = 60_000;
export const REQUEST_MS = 30_000;
/** ms after which a connection without any call is closed. */
export const IDLE_CONNECTION_MS = 60_000;

/** Seconds after its last part for which an unfinished blob waits for the next: over a night without a network. */
export const BLOB_UPLOAD_SECONDS = 12 * 3600;
/** Bytes after which a part under way is made durable up to there: what a broken connection costs at most. */
export const BLOB_CHECKPOINT_BYTES = 16 * 1024 * 1024;
/** Bytes of a part gathered before they are written: a write costs a trip to another thread. */
export const BLOB_GATHER_BYTES = 1024 * 1024;
/** Transfers under way at once, of all callers and of one. Each holds up to 4 MiB between socket and disk. */
export const BLOB_TRANSFERS = 256;
export const BLOB_TRANSFERS_PER_CALLER = 32;
