/** Why a gateway does not start. Closed. */
export type GatewayErrorCode =
  /** The configuration is incomplete or contradicts itself; the text says which setting and what to do. */
  | 'config'
  /** Another process uses the data folder. */
  | 'data-in-use'
  /** The data folder or a file in it cannot be read, written or understood. */
  | 'data'
  /** A certificate or key does not fit. */
  | 'certificate'
  /** The address to listen on is taken or not ours. */
  | 'listen';

/** Thrown while a gateway starts. The text is for the operator and never holds a secret. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: GatewayErrorCode;

  constructor(code: GatewayErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
