export const NO_BYTES = new Uint8Array(0);

/** Not TextEncoder, which bare engines lack; labels are ASCII. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Of public bytes; constant-time comparison is the provider's `equal`. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += (byte < 16 ? '0' : '') + byte.toString(16);
  return text;
}

/** Bytes as a map key: one character a byte. */
export function keyOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
