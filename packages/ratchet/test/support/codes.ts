import { RatchetError } from '@sotto/ratchet';
import { CryptoError } from '@sotto/crypto';

/** The code with which `run` is refused; `done` when it is not; the text of anything that has no code. */
export function codeOf(run: () => unknown): string {
  try {
    run();
    return 'done';
  } catch (error) {
    return error instanceof RatchetError || error instanceof CryptoError ? error.code : String(error);
  }
}
