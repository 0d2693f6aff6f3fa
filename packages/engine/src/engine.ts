/**
 * Every cryptographic state change goes through `Engine.call`: records and a request in, a result and changed records
 * out (R-ENG-1). An engine keeps nothing that it could not lose: caches are keyed by the bytes they came from.
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

/** A record's name: `device/keys`, `session/<device>/<session>`, … See records.ts. */
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
export interface EngineCalls {
  /** Makes account, recovery and first device keys and signs Genesis. Writes `account/keys`, `device/keys`. */
  'create-account': {
    request: { readonly deviceName: string; readonly devices: 'multi' | 'single-active'; readonly now: number };
    result: { readonly account: Uint8Array; readonly device: Uint8Array; readonly statements: readonly Uint8Array[] };
  };
  /** Makes keys for a further device of an account. Writes `device/keys`. */
  'create-device': {
    request: { readonly accountKey: Uint8Array; readonly deviceName: string; readonly now: number };
    result: { readonly device: Uint8Array; readonly certificate: Uint8Array };
  };
  /** Signs AddDevice or RevokeDevice on top of `chain` with this device's key. Reads `device/keys`. */
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
  /** Makes prekeys, signed as one batch. Ids start at `firstId`. Writes `prekey/<id>`. Reads `device/keys`. */
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
  /**
   * Verifies a bundle against the peer's chain and starts a session with one device.
   * Writes `session/<device>/<session>`. Reads `device/keys`.
   */
  'start-session': {
    request: {
      readonly own: OwnIdentity;
      readonly peerChain: readonly Uint8Array[];
      readonly peerDevice: Uint8Array;
      /** Serialised sotto.gateway.v1.GetBundleResponse. */
      readonly bundle: Uint8Array;
      readonly now: number;
    };
    result: { readonly session: RecordName; readonly suite: number };
  };
  /** Encrypts one content into one envelope. Reads and writes the session record. */
  encrypt: {
    request: {
      readonly session: RecordName;
      readonly content: Uint8Array;
      readonly mailbox: Uint8Array;
      /** Unix seconds, a full hour. */
      readonly expiresAt: number;
      readonly urgency: 'high' | 'normal';
    };
    result: { readonly envelope: Uint8Array; readonly envelopeId: Uint8Array };
  };
  /**
   * Opens an envelope. `session` is the session whose tag matched, or null: then it is tried as an initial message.
   * Reads and writes session, skipped-key and prekey records. A failure changes nothing.
   */
  process: {
    request: {
      readonly own: OwnIdentity;
      readonly envelope: Uint8Array;
      readonly session: RecordName | null;
      /** Statements of the sender's account, after an earlier reply asked for them with `need-chain`; else null. */
      readonly senderChain: readonly Uint8Array[] | null;
      readonly now: number;
    };
    result: ProcessResult;
  };
  /** Tags by which the next messages of a session will be recognised. Held in memory only. */
  'session-tags': {
    request: { readonly session: RecordName };
    result: { readonly tags: readonly Uint8Array[] };
  };
}

export interface PrekeyMade {
  readonly kind: 'signed' | 'last-resort-kem' | 'sealing' | 'one-time' | 'one-time-kem';
  readonly id: number;
  /** Serialised sotto.gateway.v1.PrekeyEntry. */
  readonly entry: Uint8Array;
  /** Unix ms. */
  readonly expiresAt: number;
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
      /** True when this message began the session. */
      readonly initial: boolean;
      readonly content: Uint8Array;
      /** The session's tags from now on. */
      readonly tags: readonly Uint8Array[];
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
  | 'no-session'
  | 'wrong-mailbox'
  | 'expired'
  | 'unknown-version'
  | 'unknown-suite'
  | 'prekey-gone'
  | 'revoked-sender'
  | 'invalid-sender'
  | 'too-far-ahead'
  | 'damaged';

/** Sender of a message, authenticated. */
export interface Sender {
  readonly account: Uint8Array;
  readonly device: Uint8Array;
  /** The sender's statements if the message carried them (first contact). */
  readonly chain: readonly Uint8Array[] | null;
}
