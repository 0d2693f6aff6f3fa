import { unpad, WireError } from '@sotto/wire';

/** Content without its padding, as a view; null when the padding is none. After authentication only. */
export function unpadded(plaintext: Uint8Array): Uint8Array | null {
  try {
    return unpad(plaintext);
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}
