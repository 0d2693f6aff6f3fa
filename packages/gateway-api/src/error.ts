import type { RefusalCode } from '@sotto/transport';

/** Why a call to a gateway failed. Closed. The first group is what a gateway says, the second what happened on the way. */
export type GatewayApiErrorCode =
  | RefusalCode
  | 'unauthenticated'
  | 'forbidden'
  | 'conflict'
  | 'registration-closed'
  | 'slow-consumer'
  /** Another stream of the same device took this one's place. */
  | 'replaced'
  /** The gateway has no more disk space for blobs. */
  | 'storage-full'
  /** A part of a blob does not begin where the blob ends so far, or a range lies outside of it. */
  | 'range'
  /** Messages and proposals of an epoch that another one has followed are no longer taken. */
  | 'stale-epoch'
  /** The log knows no such epoch key. */
  | 'unknown-epoch'
  /** The signature of an entry or of an admission does not verify. */
  | 'signature'
  /** The admission was used already. */
  | 'spent'
  /** The log holds as many bytes as it may. */
  | 'log-full'
  /** No connection, or it broke before an answer; nothing is known about the effect. */
  | 'unreachable'
  /** The other side is not the gateway that the address pins. */
  | 'wrong-gateway'
  /** It is, but its certificate is not valid now: expired, or this machine's clock is wrong. */
  | 'certificate'
  /** The deadline passed before an answer; nothing is known about the effect. */
  | 'deadline'
  /** The caller's signal aborted; nothing is known about the effect. */
  | 'aborted'
  /** The connection object was closed by its owner. */
  | 'closed'
  /** The gateway's answer breaks the contract. */
  | 'protocol';

/** The one error of this package. Its text never holds ids, names, tokens or content. */
export class GatewayApiError extends Error {
  override readonly name = 'GatewayApiError';
  readonly code: GatewayApiErrorCode;
  /** Milliseconds after which trying again makes sense, when the gateway said so. */
  readonly retryAfterMs: number | undefined;

  constructor(code: GatewayApiErrorCode, message: string, options?: ErrorOptions & { readonly retryAfterMs?: number }) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options?.retryAfterMs;
  }
}
