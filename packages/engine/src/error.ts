/** Why an engine call failed. Closed. */
export type EngineErrorCode =
  /** A field of the request has a wrong length, is out of range or does not parse. */
  | 'request'
  /** A record the call cannot do without does not exist. */
  | 'missing_record'
  /** A record is damaged, of another version, or not the one its name says. */
  | 'damaged_record'
  /** There are keys already; they are never overwritten. */
  | 'exists'
  /** A name, certificate, statement or chain is refused; `cause` says why. */
  | 'identity'
  /** The device is not, or no longer, an active device of its account. */
  | 'revoked'
  /** A prekey bundle that the device did not make, or that is incomplete or out of date. */
  | 'bundle'
  /** Only a weaker suite than one side's certificate allows is possible. */
  | 'suite'
  /** The content fits no envelope. */
  | 'too_large'
  /** The session cannot send any more: start another. */
  | 'exhausted'
  /** The group is over for this device, or not open yet. */
  | 'group_closed'
  /** The engine is closed. */
  | 'closed';

/** Thrown by `Engine.call`; then no record has changed. The message never contains input. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: EngineErrorCode;

  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
