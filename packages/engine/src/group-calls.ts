import type { RecordName, SessionTag, UnreadableReason } from './engine.ts';

/** Calls on Sender Keys: one chain for each sending device of a group, its key handed out over pairwise sessions. */
export interface GroupCalls {
  /**
   * Makes a key to send to a group with; nobody can read what it encrypts before it is distributed to them. Make another
   * when somebody leaves or a device is revoked. `group` has 1 to 64 bytes. Writes `group-key/…`, `group-state/…`.
   */
  'create-group-key': {
    request: {
      readonly account: Uint8Array;
      readonly device: Uint8Array;
      readonly group: Uint8Array;
      readonly now: number;
    };
    result: { readonly key: RecordName };
  };
  /**
   * What lets its receiver read from the next message on: a serialised sotto.session.v1.SenderKeyDistribution. Secret;
   * goes over pairwise sessions to the devices of the roster, and nowhere else. `roster`: its SHA-256, 32 bytes.
   */
  'distribute-group-key': {
    request: { readonly key: RecordName; readonly roster: Uint8Array };
    result: { readonly distribution: Uint8Array };
  };
  /**
   * Takes a key that a pairwise session brought. `account` and `device` are whom that session says it is from; that they
   * are members of `group` is for the caller to know. Writes `group-key/…`, `group-state/…` if the key is new. Throws
   * `request` for a distribution that does not parse, is for another group, or contradicts what is known.
   */
  'accept-group-key': {
    request: {
      readonly account: Uint8Array;
      readonly device: Uint8Array;
      readonly group: Uint8Array;
      readonly distribution: Uint8Array;
      readonly now: number;
    };
    result: {
      readonly key: RecordName;
      readonly isNew: boolean;
      /** Hash of the roster that the sender made it for, as the sender claims. */
      readonly roster: Uint8Array;
      readonly tags: readonly SessionTag[];
    };
  };
  /**
   * Encrypts and signs one content for a group. `associated` is bound to the message without being sent. Reads
   * `group-key/…`, writes `group-state/…`: commit it before the message leaves. Throws `too_large`, `exhausted`.
   */
  'encrypt-group': {
    request: {
      readonly key: RecordName;
      readonly roster: Uint8Array;
      readonly content: Uint8Array;
      readonly associated: Uint8Array;
    };
    result: { readonly message: Uint8Array; readonly index: number };
  };
  /** Opens a message of the sender whose key is named; its tag told which (pass the record that the tag names, too). */
  'process-group': {
    request: {
      readonly key: RecordName;
      readonly message: Uint8Array;
      readonly associated: Uint8Array;
      readonly now: number;
    };
    result: GroupProcessResult;
  };
  /** Tags by which messages of another sender will be recognised: the next 32 and those that are missing. */
  'group-key-tags': {
    request: { readonly key: RecordName };
    result: { readonly tags: readonly SessionTag[] };
  };
  /** Deletes a key, own or of another, with everything that belongs to it. */
  'end-group-key': {
    request: { readonly key: RecordName };
    result: { readonly ended: boolean };
  };
}

export type GroupProcessResult =
  | {
      readonly kind: 'message';
      readonly from: { readonly account: Uint8Array; readonly device: Uint8Array };
      readonly content: Uint8Array;
      /** Number in the sender's chain. */
      readonly index: number;
      /** Hash of the roster that the sender was sending to: drop the message if it is none you accept. */
      readonly roster: Uint8Array;
    }
  | { readonly kind: 'duplicate' }
  /** Sent before this device was given the key. */
  | { readonly kind: 'before-joining' }
  | { readonly kind: 'unreadable'; readonly reason: Extract<UnreadableReason, GroupUnreadable> };

/** `no-session`: not of this sender's chain. */
type GroupUnreadable = 'no-session' | 'too-far-ahead' | 'damaged' | 'unknown-version';
