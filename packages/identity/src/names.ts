import { MAX_NAME_CHARACTERS } from '@sotto/wire';
import { IdentityError } from './error.ts';

// Controls, line and paragraph separators, embeddings/overrides/isolates that reorder what stands around them, unpaired
// surrogates, private use and unassigned characters (which each system draws differently), and the invisible fillers.
const REFUSED = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\u202a-\u202e\u2066-\u2069\u061c\ufeff\u115f\u1160\u3164\uffa0]/u;
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

/**
 * A person's or device's name as it is stored and compared: NFC, without spaces around it. Throws `IdentityError` `name`
 * when nothing visible is left, over 64 characters (code points), or with characters that could pass as something else.
 */
export function normaliseName(name: string): string {
  // Bounds the work before normalising, which can lengthen text.
  if (name.length > MAX_NAME_CHARACTERS * 8) throw new IdentityError('name', 'the name is too long');
  const normal = name.normalize('NFC').trim();
  if (REFUSED.test(normal)) throw new IdentityError('name', 'the name contains characters that are not allowed');
  if (!VISIBLE.test(normal)) throw new IdentityError('name', 'the name is empty');
  if (Array.from(normal).length > MAX_NAME_CHARACTERS) throw new IdentityError('name', 'the name is too long');
  return normal;
}

/** A name from outside: it must be what `normaliseName` makes of it. Throws `IdentityError` `name`. */
export function checkName(name: string): string {
  if (normaliseName(name) !== name) throw new IdentityError('name', 'the name is not normalised');
  return name;
}
