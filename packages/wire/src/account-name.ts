import { WireError } from './error.ts';

declare const brand: unique symbol;

/** A name an account has at a gateway: 3 to 32 of `a–z 0–9 . - _`, unique there. */
export type AccountName = string & { readonly [brand]: 'AccountName' };

// First and last are a letter or digit and separators never meet, so that no two names differ by punctuation alone.
const NAME = /^[a-z0-9](?:[._-]?[a-z0-9])*$/;

/** Throws `WireError` `text`. Upper case is refused, not folded: what a person typed is folded where it is typed. */
export function accountName(text: string): AccountName {
  if (text.length < 3 || text.length > 32 || !NAME.test(text)) {
    throw new WireError(
      'text',
      'an account name has 3 to 32 characters: letters, digits, and single . - _ between them',
    );
  }
  return text as AccountName;
}
