/** What went wrong in a pairwise or group protocol. Closed. */
export type RatchetErrorCode =
  /** The state was used up, or is not one in which this step is possible. */
  | 'wrong_state'
  /** What the caller passed does not fit: a missing key, a wrong length. */
  | 'parameters'
  /** Not the expected structure: truncated, trailing bytes, a wrong length. */
  | 'malformed'
  /** A version, suite or pattern this code does not speak, or a reserved value. */
  | 'unsupported'
  /** Over a stated limit. */
  | 'too_long'
  /** A peer's key of low order or a wrong length. */
  | 'bad_key'
  /** The authentication tag or the signature does not match. */
  | 'not_authentic'
  /** A message further ahead than keys are ever made for. */
  | 'too_far'
  /** A session that claims to start more than a day from now: it would win over every later one. */
  | 'future'
  /** What a peer says contradicts what it said before. */
  | 'conflict'
  /** A counter reached its end; a new key is needed. */
  | 'exhausted';

/** Thrown by everything in this package; then nothing has changed. The message never contains input. */
export class RatchetError extends Error {
  override readonly name = 'RatchetError';
  readonly code: RatchetErrorCode;

  constructor(code: RatchetErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
