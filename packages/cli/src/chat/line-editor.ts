import { splitGraphemes } from '../output/width.ts';

/** What is being typed: text of one or more lines and where the cursor stands, in UTF-16 units at a grapheme's edge. */
export interface Draft {
  readonly text: string;
  readonly cursor: number;
}

/** Nothing typed yet. */
export const emptyDraft: Draft = { text: '', cursor: 0 };

/** Inserts at the cursor. */
export function insert(draft: Draft, piece: string): Draft {
  const text = draft.text.slice(0, draft.cursor) + piece + draft.text.slice(draft.cursor);
  return { text, cursor: draft.cursor + piece.length };
}

function lengthOfLast(text: string): number {
  return splitGraphemes(text).at(-1)?.length ?? 0;
}

function lengthOfFirst(text: string): number {
  return splitGraphemes(text).at(0)?.length ?? 0;
}

/** Long drafts are segmented line by line: a keystroke must not cost the length of a pasted document. */
function beforeOnLine(draft: Draft): string {
  return draft.text.slice(lineStart(draft), draft.cursor);
}

function afterOnLine(draft: Draft): string {
  return draft.text.slice(draft.cursor, lineEnd(draft));
}

function lineStart({ text, cursor }: Draft): number {
  return text.lastIndexOf('\n', cursor - 1) + 1;
}

function lineEnd({ text, cursor }: Draft): number {
  const end = text.indexOf('\n', cursor);
  return end === -1 ? text.length : end;
}

function stepBack(draft: Draft): number {
  if (draft.cursor === 0) return 0;
  return draft.cursor - (lengthOfLast(beforeOnLine(draft)) || 1);
}

function stepForward(draft: Draft): number {
  if (draft.cursor === draft.text.length) return draft.cursor;
  return draft.cursor + (lengthOfFirst(afterOnLine(draft)) || 1);
}

function cut({ text }: Draft, from: number, to: number): Draft {
  return { text: text.slice(0, from) + text.slice(to), cursor: from };
}

function wordBack({ text, cursor }: Draft): number {
  return text.slice(0, cursor).search(/[^\s]*\s*$/u);
}

function wordForward({ text, cursor }: Draft): number {
  return cursor + (/^\s*[^\s]*/u.exec(text.slice(cursor))?.[0].length ?? 0);
}

/** Edits by key, named as people know them from shells. Each leaves the draft as it is when there is nothing to do. */
export const edits = {
  backspace: (draft) => cut(draft, stepBack(draft), draft.cursor),
  delete: (draft) => cut(draft, draft.cursor, stepForward(draft)),
  left: (draft) => ({ ...draft, cursor: stepBack(draft) }),
  right: (draft) => ({ ...draft, cursor: stepForward(draft) }),
  wordLeft: (draft) => ({ ...draft, cursor: wordBack(draft) }),
  wordRight: (draft) => ({ ...draft, cursor: wordForward(draft) }),
  home: (draft) => ({ ...draft, cursor: lineStart(draft) }),
  end: (draft) => ({ ...draft, cursor: lineEnd(draft) }),
  killWord: (draft) => cut(draft, wordBack(draft), draft.cursor),
  killToStart: (draft) => cut(draft, lineStart(draft), draft.cursor),
  killToEnd: (draft) => cut(draft, draft.cursor, lineEnd(draft)),
} as const satisfies Record<string, (draft: Draft) => Draft>;

export type EditName = keyof typeof edits;

/** The cursor one line up or down, at the same distance from the line's start; null when there is no such line. */
export function moveLine(draft: Draft, direction: 'up' | 'down'): Draft | null {
  const start = lineStart(draft);
  const column = splitGraphemes(beforeOnLine(draft)).length;
  const target = direction === 'up' ? start - 1 : lineEnd(draft) + 1;
  if (target < 0 || target > draft.text.length) return null;
  const at: Draft = { text: draft.text, cursor: target };
  const from = direction === 'up' ? lineStart(at) : target;
  const line = draft.text.slice(from, lineEnd({ text: draft.text, cursor: from }));
  return { text: draft.text, cursor: from + splitGraphemes(line).slice(0, column).join('').length };
}
