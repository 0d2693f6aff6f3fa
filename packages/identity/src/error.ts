/** What is wrong with an identity. Closed. */
export type IdentityErrorCode =
  /** Bytes that do not parse: structure, lengths, ranges. `cause` says more. */
  | 'malformed'
  /** A version or statement kind of a newer program. */
  | 'unknown_version'
  /** A kind whose format is known and whose rules are not in force: TakeOver, SetEndpoints, SetPolicy, RotateAccountKey. */
  | 'unsupported_statement'
  /** More statements, devices or bytes than allowed. */
  | 'too_large'
  /** A signature does not verify. */
  | 'signature'
  /** Signed by someone who has no say there, or lacking someone who must sign. */
  | 'foreign_signer'
  /** Signed by a device that was revoked before. */
  | 'revoked_signer'
  /** Signed by a device without the manage right. */
  | 'missing_right'
  /** No Genesis, or a second one. */
  | 'genesis'
  /** A statement of another account. */
  | 'wrong_account'
  /** The statement before is not among those given. */
  | 'missing_previous'
  /** The sequence does not follow the statement before. */
  | 'wrong_sequence'
  /** The device or one of its keys is in the chain already. */
  | 'known_device'
  /** No such device, or it was revoked already. */
  | 'unknown_device'
  /** The account's policy does not allow it. */
  | 'policy'
  /** A certificate that is not about this account or that contradicts itself. */
  | 'certificate'
  /** A name with characters that are not allowed, too long, or empty. */
  | 'name';

/** Thrown by everything in this package. The message never contains input. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly code: IdentityErrorCode;

  constructor(code: IdentityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
