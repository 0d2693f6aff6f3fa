/** What is wrong with wire bytes or with what should become wire bytes. Closed. */
export type WireErrorCode =
  /** Not the expected structure: truncated, trailing bytes, a missing or refused field. */
  | 'malformed'
  /** Well-formed, but not the one way to write it. */
  | 'not_canonical'
  /** An id, key or hash of the wrong length. */
  | 'length'
  /** Over a stated limit. */
  | 'too_large'
  /** A version this code does not speak, or a reserved value. */
  | 'unknown_version'
  /** A suite this code does not speak, or a reserved value. */
  | 'unknown_suite'
  /** A number, time or enum outside its range. */
  | 'range'
  /** Sealed bytes that do not fill a size bucket, or padding that is not padding. */
  | 'padding'
  /** A signature is missing, twice there, of an unknown algorithm, or does not verify. */
  | 'signature'
  /** A link or address whose checksum does not match: mistyped. */
  | 'checksum'
  /** Text with characters that are not allowed there. */
  | 'text';

/** Thrown by everything in this package. The message never contains input. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
