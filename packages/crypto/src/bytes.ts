export const NO_BYTES = new Uint8Array(0);

/** Not TextEncoder, which bare engines lack; labels are ASCII. */
export function ascii(text: string): Uint8Array {
  return text === '' ? NO_BYTES : Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** I2OSP(value, 2) */
export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

/** One array of public bytes; secrets would be left behind in it. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** For constants of standards. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
