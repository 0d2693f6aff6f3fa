import { RatchetError } from '@sotto/ratchet';
import type { RatchetErrorCode } from '@sotto/ratchet';

/** For `assert.throws`: a RatchetError with this code. */
export function refused(code: RatchetErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof RatchetError && error.code === code;
}
