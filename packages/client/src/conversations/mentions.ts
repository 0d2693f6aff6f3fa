import { create } from '@bufbuild/protobuf';
import { MAX_MENTIONS, MentionSchema, utf8Length } from '@sotto/wire';
import type { Mention as WireMention } from '@sotto/wire';
import { MessengerError } from '../error.ts';
import { accountOf, accountRef } from '../store/refs.ts';
import type { Mention } from './types.ts';

/**
 * Mentions as they travel: in order, in bytes of UTF-8. Throws `invalid_argument` for ranges outside the text, over one
 * another, or cutting a character.
 */
export function writeMentions(text: string, mentions: readonly Mention[]): WireMention[] {
  if (mentions.length > MAX_MENTIONS) refuse(`a text has at most ${MAX_MENTIONS} mentions`);
  let end = 0;
  return mentions
    .toSorted((a, b) => a.start - b.start)
    .map(({ account, start, length }) => {
      const to = start + length;
      if (!Number.isInteger(start) || !Number.isInteger(length)) refuse('a mention has whole numbers');
      if (start < end || length < 1 || to > text.length) refuse('a mention is out of place');
      if (cuts(text, start) || cuts(text, to)) refuse('a mention cuts a character');
      end = to;
      return create(MentionSchema, {
        account: accountOf(account),
        start: utf8Length(text.slice(0, start)),
        length: utf8Length(text.slice(start, to)),
      });
    });
}

/** Mentions as applications use them: in units of the string, so that `text.slice(start, start + length)` is the name. */
export function readMentions(text: string, mentions: readonly WireMention[]): Mention[] {
  if (mentions.length === 0) return [];
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return mentions.map(({ account, start, length }) => ({
    account: accountRef(account),
    start: decoder.decode(bytes.subarray(0, start)).length,
    length: decoder.decode(bytes.subarray(start, start + length)).length,
  }));
}

/** Between the two halves of one character. */
function cuts(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000;
}

function refuse(why: string): never {
  throw new MessengerError('invalid_argument', why);
}
