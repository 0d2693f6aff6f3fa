import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorDetailSchema, Refusal } from '@sotto/wire';
import { GatewayApiError } from './error.ts';
import type { GatewayApiErrorCode } from './error.ts';

const REFUSALS: Record<Refusal, GatewayApiErrorCode> = {
  [Refusal.UNSPECIFIED]: 'protocol',
  [Refusal.MALFORMED]: 'malformed',
  [Refusal.UNSUPPORTED_VERSION]: 'unsupported-version',
  [Refusal.TOO_LARGE]: 'too-large',
  [Refusal.UNAUTHENTICATED]: 'unauthenticated',
  [Refusal.FORBIDDEN]: 'forbidden',
  [Refusal.NOT_FOUND]: 'not-found',
  [Refusal.CONFLICT]: 'conflict',
  [Refusal.MAILBOX_FULL]: 'mailbox-full',
  [Refusal.CAPABILITY]: 'capability',
  [Refusal.QUOTA]: 'quota',
  [Refusal.RATE_LIMITED]: 'rate-limited',
  [Refusal.EXPIRED]: 'expired',
  [Refusal.REGISTRATION_CLOSED]: 'registration-closed',
  [Refusal.REVOKED]: 'revoked',
  [Refusal.UNAVAILABLE]: 'unavailable',
  [Refusal.SLOW_CONSUMER]: 'slow-consumer',
  [Refusal.REPLACED]: 'replaced',
  [Refusal.STORAGE_FULL]: 'storage-full',
  [Refusal.RANGE]: 'range',
  [Refusal.STALE_EPOCH]: 'stale-epoch',
  [Refusal.UNKNOWN_EPOCH]: 'unknown-epoch',
  [Refusal.SIGNATURE]: 'signature',
  [Refusal.SPENT]: 'spent',
  [Refusal.LOG_FULL]: 'log-full',
};

/** A refusal as an error; an unknown number (a newer gateway) is `protocol`. */
export function refusalError(refusal: Refusal, retryAfterMs = 0, cause?: unknown): GatewayApiError {
  const code = (REFUSALS as Partial<Record<number, GatewayApiErrorCode>>)[refusal] ?? 'protocol';
  return new GatewayApiError(code, `the gateway refused: ${code}`, {
    cause,
    ...(retryAfterMs > 0 ? { retryAfterMs } : {}),
  });
}

/** Whatever a call threw, as a `GatewayApiError`. */
export function toGatewayApiError(error: unknown): GatewayApiError {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof GatewayApiError) return cause;
  }
  if (!(error instanceof ConnectError)) return broken(error);
  const [detail] = error.findDetails(ErrorDetailSchema);
  if (detail !== undefined) return refusalError(detail.refusal, Number(detail.retryAfterMs), error);
  switch (error.code) {
    case Code.InvalidArgument:
      return refusalError(Refusal.MALFORMED, 0, error);
    case Code.ResourceExhausted:
      return refusalError(Refusal.SLOW_CONSUMER, 0, error);
    case Code.Unauthenticated:
      return refusalError(Refusal.UNAUTHENTICATED, 0, error);
    case Code.PermissionDenied:
      return refusalError(Refusal.FORBIDDEN, 0, error);
    case Code.Unimplemented:
    case Code.NotFound:
    case Code.DataLoss:
    case Code.OutOfRange:
    case Code.AlreadyExists:
    case Code.FailedPrecondition:
      return new GatewayApiError('protocol', 'the gateway answered something unexpected', { cause: error });
    case Code.Canceled:
    case Code.Unknown:
    case Code.DeadlineExceeded:
    case Code.Aborted:
    case Code.Internal:
    case Code.Unavailable:
      return broken(error);
  }
}

function broken(cause: unknown): GatewayApiError {
  return new GatewayApiError('unreachable', 'the connection to the gateway broke or could not be made', { cause });
}
