import { base32nopad } from '@scure/base';
import { WireError } from './error.ts';

/** Lower-case RFC 4648 base32 without padding. */
export function toBase32(bytes: Uint8Array): string {
  return base32nopad.encode(bytes).toLowerCase();
}

/** Inverse of `toBase32`. Throws `WireError` `text`: other characters, upper case, or bits left over. */
export function fromBase32(text: string): Uint8Array {
  if (!/^[a-z2-7]*$/.test(text)) throw new WireError('text', 'not base32');
  try {
    return base32nopad.decode(text.toUpperCase());
  } catch (cause) {
    throw new WireError('text', 'not base32', { cause });
  }
}
