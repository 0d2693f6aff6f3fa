import type { GroupCalls } from './group-calls.ts';
import type { MlsCalls } from './mls-calls.ts';

/**
 * Every cryptographic state change goes through `Engine.call`: records and a request in, a result and changed records
 * out (R-ENG-1). An engine keeps nothing that it could not lose: caches are keyed by the bytes they came from.
 *
 * Records are secret unless said otherwise. After the transaction, overwrite the bytes of `changed` and of the records
 * passed in that they replace.
 */
export interface Engine {
  /**
   * Pure in effect: the same request over the same records gives an equivalent reply, and nothing counts until the
   * caller has committed `changed`. Throws `EngineError` with a closed code; then no record has changed.
   * `need` names records the caller must add (or confirm as missing, by passing `null`) and call again with.
   */
  call<Kind extends RequestKind>(request: EngineRequest<Kind>, records: Records): Promise<EngineReply<Kind>>;
  close(): Promise<void>;
}

/**
 * A record's name. Whoever stores records need not understand names, only keep them apart; the engine names every record
 * that it wants read, written or deleted. Ids in names are lower-case hexadecimal.
 *
 * - `account/keys`, `device/keys`
 * - `prekey/<id>`; `prekey-uses/<id>/<0-f>`: which first messages a prekey has opened; `sealing-prekeys`: which prekeys
 *   first messages may be sealed to
 * - `session/<peer device>/<session>`; `opening/<session>`: what makes up its first messages until it is answered;
 *   `skipped/<session>/<slot>`: a key of a message that was overtaken
 * - `group-key/…`, `group-state/…`, `group-skipped/…`: sender keys
 * - `mls/<group>/…`: a group; `key-package/<ref>`
 */
export type RecordName = string;

/** Records by name; `null` says "I looked, there is none". */
export type Records = ReadonlyMap<RecordName, Uint8Array | null>;

/** A record to write, or (`null`) to delete, in the same transaction as everything else this event changes. */
export interface RecordChange {
  readonly name: RecordName;
  readonly bytes: Uint8Array | null;
}

export type EngineReply<Kind extends RequestKind> =
  | { readonly kind: 'done'; readonly result: EngineCalls[Kind]['result']; readonly changed: readonly RecordChange[] }
  | { readonly kind: 'need'; readonly names: readonly RecordName[] };

export type RequestKind = keyof EngineCalls;

export type EngineRequest<Kind extends RequestKind> = { readonly kind: Kind } & EngineCalls[Kind]['request'];

/** All calls. Byte fields are serialised messages of proto/ unless said otherwise; ids are raw bytes; times Unix ms. */
export interface EngineCalls extends GroupCalls, MlsCalls {
  /**
   * Makes account, recovery and first device keys and signs Genesis. Writes `account/keys`, `device/keys`.
   * Throws `identity` for a name that is none, `exists` if there are keys already.
   */
  'create-account': {
    request: { readonly deviceName: string; readonly devices: 'multi' | 'single-active'; readonly now: number };
    result: { readonly account: Uint8Array; readonly device: Uint8Array; readonly statements: readonly Uint8Array[] };
  };
  /**
   * Makes keys and a certificate for a further device of an account, with all rights. Writes `device/keys`.
   * `accountKey` is the account's Ed25519 key. Throws `identity`, `exists`.
   */
  'create-device': {
    request: { readonly accountKey: Uint8Array; readonly deviceName: string; readonly now: number };
    result: { readonly device: Uint8Array; readonly certificate: Uint8Array };
  };
  /**
   * Signs AddDevice or RevokeDevice on top of `chain` with this device's key. Reads `device/keys`. Store the statement
   * before publishing it, and sign once on top of one head. Throws `identity` for what the chain would not accept.
   */
  'sign-statement': {
    request: {
      readonly chain: readonly Uint8Array[];
      readonly statement:
        | { readonly kind: 'add-device'; readonly certificate: Uint8Array }
        | {
            readonly kind: 'revoke-device';
            readonly device: Uint8Array;
            readonly reason: 'removed' | 'lost' | 'compromised';
          };
      readonly now: number;
    };
    result: { readonly statement: Uint8Array };
  };
  /** Signs a gateway login (DeviceProof). Reads `device/keys`. */
  'sign-login': {
    request: {
      readonly gatewayIdentity: Uint8Array;
      readonly channelBinding: Uint8Array | null;
      readonly nonce: Uint8Array;
    };
    result: { readonly signature: Uint8Array };
  };
  /**
   * Makes prekeys, signed as one batch. Writes `prekey/<id>`, `sealing-prekeys`. Reads `device/keys`. `oneTime` is the count of each of the
   * two one-time kinds; ids run from `firstId` (at least 1) upwards, the result's last id + 1 is the next free one.
   * Throws `exists` when one of them is taken: nothing is overwritten.
   */
  'create-prekeys': {
    request: {
      readonly lasting: boolean;
      readonly oneTime: number;
      readonly firstId: number;
      readonly now: number;
    };
    /** Serialised sotto.gateway.v1.PrekeyEntry each. */
    result: { readonly lasting: readonly PrekeyMade[]; readonly oneTime: readonly PrekeyMade[] };
  };
  /** Deletes private prekeys whose `keptUntil` has passed, and the marks of what they opened. */
  'delete-prekeys': {
    request: { readonly ids: readonly number[] };
    result: { readonly deleted: number };
  };
  /**
   * Verifies a bundle against the peer's chain and starts a session with one device. Writes the session and its
   * `opening`. Reads `device/keys`. Throws `revoked` when the device is not active in `peerChain`, `bundle` for a bundle
   * that the device did not make or that is out of date, `suite` when only a weaker suite than allowed is possible.
   */
  'start-session': {
    request: {
      readonly own: OwnIdentity;
      readonly peerChain: readonly Uint8Array[];
      readonly peerDevice: Uint8Array;
      /** Unix ms when `peerChain` was last compared with what its gateway holds. */
      readonly peerChainCheckedAt: number;
      /** Serialised sotto.gateway.v1.GetBundleResponse. */
      readonly bundle: Uint8Array;
      readonly now: number;
      /** `startedAt` of the newest session with this device, if there is one: the new one wins over it on both sides. */
      readonly replaces?: number;
    };
    result: {
      readonly session: RecordName;
      readonly suite: number;
      /** Unix ms, a full second. */
      readonly startedAt: number;
      /** By which the answer will be recognised. */
      readonly tags: readonly SessionTag[];
    };
  };
  /**
   * Encrypts one content into one envelope. Reads and writes the session; until it is answered, reads its `opening`.
   * Throws `too_large`, and `exhausted` when the session must be replaced by another.
   */
  encrypt: {
    request: {
      readonly session: RecordName;
      readonly content: Uint8Array;
      readonly mailbox: Uint8Array;
      /** Unix seconds, a full hour. */
      readonly expiresAt: number;
      readonly urgency: 'high' | 'normal';
    };
    result: { readonly envelope: Uint8Array };
  };
  /**
   * Opens an envelope. `session` is the session whose tag matched (pass the record that the tag names, too), or null:
   * then it is tried as an initial message. Reads and writes session, skipped-key and prekey records. What is not
   * `message` has changed nothing; what is, counts only once committed, so the caller may still drop it.
   */
  process: {
    request: {
      readonly own: OwnIdentity;
      /** MailboxId that the envelope was taken from. */
      readonly mailbox: Uint8Array;
      readonly envelope: Uint8Array;
      readonly session: RecordName | null;
      /**
       * True when the table of tags is complete and says nothing about this envelope: the session is tried for messages
       * beyond its upcoming tags. Keys of overtaken messages, each of which has its tag, are not asked for then.
       */
      readonly untagged?: boolean;
      /**
       * Statements of the sender's account as far as known. Null: not known who sends; then an initial message that
       * carries no chain is answered with `need-chain`. Given, it is merged with what the message carries, and a device
       * revoked in either is refused; so pass it again when `from` turns out to be a known contact whose pinned head is
       * not `initial.senderHead`.
       */
      readonly senderChain: readonly Uint8Array[] | null;
      readonly now: number;
    };
    result: ProcessResult;
  };
  /** All tags by which messages of a session will be recognised, to rebuild the table at unlock. Memory only. */
  'session-tags': {
    request: { readonly session: RecordName };
    result: { readonly tags: readonly SessionTag[] };
  };
  /**
   * Deletes keys of overtaken messages that are too old. `process` does the same in passing; this is for sessions at
   * rest, about once a day.
   */
  'expire-skipped': {
    request: { readonly session: RecordName; readonly now: number };
    result: { readonly expired: number };
  };
  /** Deletes a session with everything that belongs to it. */
  'end-session': {
    request: { readonly session: RecordName };
    result: { readonly ended: boolean };
  };
}

/**
 * A tag of a message to come, 8 bytes: the first 8 of `Envelope.sealed`. `record`, if any, holds the key of that very
 * message: pass it to `process` along with the session.
 */
export interface SessionTag {
  readonly tag: Uint8Array;
  readonly record: RecordName | null;
}

/** How the tags of a session change with a message that was opened. */
export interface TagChange {
  /** In place of all tags without a record; null: those stay, but for the used one. */
  readonly upcoming: readonly SessionTag[] | null;
  /** To add: messages that were overtaken. */
  readonly skipped: readonly SessionTag[];
  /** To remove. */
  readonly used: Uint8Array | null;
}

export interface PrekeyMade {
  readonly kind: 'signed' | 'last-resort-kem' | 'sealing' | 'one-time' | 'one-time-kem';
  readonly id: number;
  /** Serialised sotto.gateway.v1.PrekeyEntry. */
  readonly entry: Uint8Array;
  /** Unix ms after which it should no longer be handed out. */
  readonly expiresAt: number;
  /** Unix ms when the private half is to be deleted (`delete-prekeys`), if it was not used up before. */
  readonly keptUntil: number;
}

/** Who is calling: public facts that go into associated data. */
export interface OwnIdentity {
  readonly account: Uint8Array;
  readonly device: Uint8Array;
  /** Serialised statements of the own chain. */
  readonly chain: readonly Uint8Array[];
}

export type ProcessResult =
  | {
      readonly kind: 'message';
      readonly from: Sender;
      readonly session: RecordName;
      /** Given when this message began the session: it is to be added to the caller's sessions. */
      readonly initial: InitialFacts | null;
      readonly content: Uint8Array;
      readonly tags: TagChange;
    }
  /** Decrypted before. */
  | { readonly kind: 'duplicate' }
  /**
   * The message does not carry the chain its sender relied on: call again with `senderChain` that reaches `sequence`
   * (the one known, or fetched anew).
   */
  | { readonly kind: 'need-chain'; readonly account: Uint8Array; readonly sequence: number }
  | { readonly kind: 'unreadable'; readonly reason: UnreadableReason };

export type UnreadableReason =
  /** Neither of this session nor a first message to this device. */
  | 'no-session'
  | 'wrong-mailbox'
  | 'expired'
  | 'unknown-version'
  | 'unknown-suite'
  | 'prekey-gone'
  | 'revoked-sender'
  | 'invalid-sender'
  /** Without the post-quantum part that one of the two certificates demands. */
  | 'weak-suite'
  /** Begun more than a day in the future, by this device's clock. */
  | 'future'
  | 'too-far-ahead'
  | 'damaged';

/** Sender of a message, authenticated. */
export interface Sender {
  readonly account: Uint8Array;
  readonly device: Uint8Array;
  /** The sender's statements if the message carried them (until the session is answered), else null. */
  readonly chain: readonly Uint8Array[] | null;
}

/** What the first message of a session says of itself, authenticated. */
export interface InitialFacts {
  /** Unix ms by the sender's clock, a full second. */
  readonly startedAt: number;
  /** Head of its own chain that the sender relied on. Compare it with the pinned one before committing. */
  readonly senderHead: HeadRef;
  /** Head of this account's chain that the sender relied on: what its gateway showed it. */
  readonly recipientHead: HeadRef;
}

/** A place in a sigchain: sequence and hash (32 bytes) of a statement. */
export interface HeadRef {
  readonly sequence: number;
  readonly hash: Uint8Array;
}
