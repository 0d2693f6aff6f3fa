/** What went wrong in the vault. Closed. */
export type VaultErrorCode =
  /** There is no vault in this folder, or making it was never finished. */
  | 'not_found'
  /** There is a vault in this folder already. */
  | 'exists'
  /** Another process (or another handle of this one) has the vault open. */
  | 'locked'
  /** The passphrase does not fit. */
  | 'wrong_passphrase'
  /** The vault key is wrapped by another kind of keystore than the one given. */
  | 'wrong_keystore'
  /** What guards the vault key cannot be reached: the key file is missing, or is not this vault's. */
  | 'keystore_unavailable'
  /** The key file can be read by others than its owner. */
  | 'insecure_permissions'
  /** Readable, but not what this vault wrote: changed, removed, replayed or swapped rows, or a rolled-back head. */
  | 'tampered'
  /** Not readable as a vault: truncated or overwritten. */
  | 'damaged'
  /** Written by a newer version of this program. */
  | 'newer_version'
  /** No room: the disk, a quota or the vault's own limit. */
  | 'full'
  /** The folder or the files cannot be written. */
  | 'read_only'
  /** The operating system failed a read, write or sync. After a failed commit the vault must be opened again. */
  | 'io'
  /** The vault was closed. */
  | 'closed'
  /** A mistake in the calling code: a nested or asynchronous event, a writer used after its event, an argument out of range. */
  | 'misuse';

/** Thrown by everything in this package. The message never contains keys, values or names of rows. */
export class VaultError extends Error {
  override readonly name = 'VaultError';
  readonly code: VaultErrorCode;

  constructor(code: VaultErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
