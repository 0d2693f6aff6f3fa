import { Code, ConnectError } from '@connectrpc/connect';
import { IdentityError } from '@sotto/identity';
import { ErrorDetailSchema, Refusal, WireError } from '@sotto/wire';
import { Refused } from '../refused.ts';

/** The Connect (and gRPC) code that goes with a refusal, for programs that know nothing of refusals. */
const CODES: Record<Refusal, Code> = {
  [Refusal.UNSPECIFIED]: Code.Internal,
  [Refusal.MALFORMED]: Code.InvalidArgument,
  [Refusal.UNSUPPORTED_VERSION]: Code.InvalidArgument,
  [Refusal.TOO_LARGE]: Code.ResourceExhausted,
  [Refusal.UNAUTHENTICATED]: Code.Unauthenticated,
  [Refusal.FORBIDDEN]: Code.PermissionDenied,
  [Refusal.NOT_FOUND]: Code.NotFound,
  [Refusal.CONFLICT]: Code.AlreadyExists,
  [Refusal.MAILBOX_FULL]: Code.ResourceExhausted,
  [Refusal.CAPABILITY]: Code.PermissionDenied,
  [Refusal.QUOTA]: Code.ResourceExhausted,
  [Refusal.RATE_LIMITED]: Code.ResourceExhausted,
  [Refusal.EXPIRED]: Code.FailedPrecondition,
  [Refusal.REGISTRATION_CLOSED]: Code.PermissionDenied,
  [Refusal.REVOKED]: Code.PermissionDenied,
  [Refusal.UNAVAILABLE]: Code.Unavailable,
  [Refusal.SLOW_CONSUMER]: Code.ResourceExhausted,
  [Refusal.REPLACED]: Code.Aborted,
  [Refusal.STORAGE_FULL]: Code.ResourceExhausted,
  [Refusal.RANGE]: Code.OutOfRange,
  [Refusal.STALE_EPOCH]: Code.FailedPrecondition,
  [Refusal.UNKNOWN_EPOCH]: Code.FailedPrecondition,
  [Refusal.SIGNATURE]: Code.PermissionDenied,
  [Refusal.SPENT]: Code.PermissionDenied,
  [Refusal.LOG_FULL]: Code.ResourceExhausted,
};

/** What goes over the wire for an error; anything unforeseen becomes `UNAVAILABLE` without its text. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const refused = toRefused(error);
  const { refusal, retryAfterMs } = refused;
  const detail = { refusal, retryAfterMs: BigInt(retryAfterMs) };
  return new ConnectError(
    refused.message,
    CODES[refusal],
    undefined,
    [{ desc: ErrorDetailSchema, value: detail }],
    error,
  );
}

/** Every error as a refusal. */
export function toRefused(error: unknown): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof WireError) return refusedWire(error);
  if (error instanceof IdentityError) return refusedIdentity(error);
  return new Refused(Refusal.UNAVAILABLE, 'something went wrong here', { cause: error });
}

function refusedWire(error: WireError): Refused {
  const options = { cause: error };
  switch (error.code) {
    case 'too_large':
      return new Refused(Refusal.TOO_LARGE, error.message, options);
    case 'unknown_version':
    case 'unknown_suite':
      return new Refused(Refusal.UNSUPPORTED_VERSION, error.message, options);
    case 'malformed':
    case 'not_canonical':
    case 'length':
    case 'range':
    case 'padding':
    case 'signature':
    case 'checksum':
    case 'text':
      return new Refused(Refusal.MALFORMED, error.message, options);
  }
}

function refusedIdentity(error: IdentityError): Refused {
  const options = { cause: error };
  switch (error.code) {
    case 'too_large':
      return new Refused(Refusal.TOO_LARGE, error.message, options);
    case 'unknown_version':
    case 'unsupported_statement':
      return new Refused(Refusal.UNSUPPORTED_VERSION, error.message, options);
    case 'foreign_signer':
    case 'revoked_signer':
    case 'missing_right':
    case 'policy':
      return new Refused(Refusal.FORBIDDEN, error.message, options);
    case 'missing_previous':
    case 'wrong_sequence':
    case 'known_device':
    case 'unknown_device':
      return new Refused(Refusal.CONFLICT, error.message, options);
    case 'malformed':
    case 'signature':
    case 'genesis':
    case 'wrong_account':
    case 'certificate':
    case 'name':
      return new Refused(Refusal.MALFORMED, error.message, options);
  }
}
