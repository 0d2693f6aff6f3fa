import { WireError } from './error.ts';

/** UTF-8 length of a string, bytes, without encoding it. An unpaired surrogate counts as three. */
export function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < text.length) {
      length += 4;
      i++;
    } else length += 3;
  }
  return length;
}

/** Throws `WireError` `text` for unpaired surrogates, which UTF-8 cannot carry; `too_large` over `maxBytes`. */
export function checkText(text: string, maxBytes: number): void {
  if (text.length > maxBytes || utf8Length(text) > maxBytes) throw new WireError('too_large', 'the text is too long');
  if (!text.isWellFormed()) throw new WireError('text', 'the text is not well-formed Unicode');
}

/** The same with a limit in characters (code points). */
export function checkCharacters(text: string, maxCharacters: number): void {
  // A code point is at most two units: this keeps counting bounded.
  if (text.length > maxCharacters * 2 || Array.from(text).length > maxCharacters) {
    throw new WireError('too_large', 'the text is too long');
  }
  if (!text.isWellFormed()) throw new WireError('text', 'the text is not well-formed Unicode');
}
