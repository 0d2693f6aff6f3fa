/** What went wrong in a primitive. Closed. */
export type CryptoErrorCode =
  | 'length'
  | 'low_order'
  | 'bad_key'
  | 'unsupported'
  | 'parameters'
  | 'sequence_exhausted'
  /** A stream's header commits to another key. */
  | 'commitment';

/** Thrown by providers and HPKE. The message never contains input. */
export class CryptoError extends Error {
  override readonly name = 'CryptoError';
  readonly code: CryptoErrorCode;

  constructor(code: CryptoErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
