/** What went wrong in the SDK. Closed. */
export type MessengerErrorCode =
  /** The vault holds an account already: `open` it. */
  | 'account_exists'
  /** The vault holds no account: `create` one. */
  | 'no_account'
  /** The gateway takes no new registrations, or wants a (different) registration code. */
  | 'registration_refused'
  /** The account name is taken at this gateway. */
  | 'name_taken'
  /** A name, link, text or other argument breaks its rules; the message says which rule. */
  | 'invalid_argument'
  /** No such contact, request, conversation or message here. */
  | 'not_found'
  /** The contact's state does not allow this (sending to a blocked contact, answering an answered request). */
  | 'wrong_state'
  /** The group's rules do not allow it to this account. */
  | 'forbidden'
  /** A change of a group was given up; the message says why, in the words of its `GroupReason`. */
  | 'group_refused'
  /** What a gateway or contact sent does not prove what it should: wrong chain, wrong keys. Nothing was kept. */
  | 'untrusted'
  /** The gateway could not be reached. */
  | 'unreachable'
  /** The gateway refused; `cause` carries its code. */
  | 'refused'
  /** This device was revoked by another device of the account. */
  | 'revoked'
  /** The message expired before what was waited for came true. */
  | 'expired'
  /** The message cannot be delivered at all; `explain` says why. */
  | 'undeliverable'
  /** The listener did not keep up and its buffer is full; open a new stream and read `history`. */
  | 'slow_consumer'
  /** An event listener threw; nothing else was disturbed. */
  | 'listener_failed'
  /** A file to be sent cannot be read, or changed while it was read; or what is to be stripped of its metadata is damaged. */
  | 'attachment_unreadable'
  /** The gateway has the attachment no more: its time is over, or it was taken back. */
  | 'attachment_gone'
  /** What the gateway has is not what was sent. Nothing of it was kept. */
  | 'attachment_damaged'
  /** The attachment is not what its message says, or of a kind that is not safe to show. It can still be saved. */
  | 'attachment_mismatch'
  /** The messenger was closed. */
  | 'closed'
  /** The caller's signal aborted. */
  | 'aborted'
  /** A mistake in this package or a failure of what it stands on; `cause` says which. */
  | 'internal'
  /** The vault failed (full disk, I/O): nothing of the call has happened; `cause` is the `VaultError`. */
  | 'storage'
  /** A stored row does not parse: the vault was written by something else. */
  | 'corrupt_store';

/** The one error of this package. The message never contains names, ids, keys or content. */
export class MessengerError extends Error {
  override readonly name = 'MessengerError';
  readonly code: MessengerErrorCode;

  constructor(code: MessengerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
