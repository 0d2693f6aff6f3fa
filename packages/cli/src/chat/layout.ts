import { cells, splitGraphemes } from '../output/width.ts';
import type { Draft } from './line-editor.ts';

/** The draft as terminal rows. */
export interface DraftLayout {
  /** Each at most `width` cells, the prompt or its indent included. */
  readonly rows: readonly string[];
  /** Where the cursor stands: a row of `rows`, and cells from the left. */
  readonly cursorRow: number;
  readonly cursorColumn: number;
}

export interface LayoutOptions {
  readonly prompt: string;
  readonly width: number;
  /** At least 1. A longer draft shows the part around the cursor. */
  readonly maxRows: number;
}

interface VisualRow {
  text: string;
  width: number;
  /** Range in the draft's text. */
  readonly from: number;
  to: number;
}

/** Graphemes of plain ASCII are one cell; asking the width table for each would make long drafts slow. */
function widthOf(grapheme: string): number {
  const code = grapheme.charCodeAt(0);
  return grapheme.length === 1 && code >= 0x20 && code < 0x7f ? 1 : cells(grapheme);
}

function shown(grapheme: string): string {
  return grapheme === '\t' ? '    ' : grapheme;
}

function wrapLine(line: string, from: number, width: number): VisualRow[] {
  let row: VisualRow = { text: '', width: 0, from, to: from };
  const rows = [row];
  for (const grapheme of splitGraphemes(line)) {
    const text = shown(grapheme);
    const taken = grapheme === '\t' ? 4 : widthOf(grapheme);
    if (row.width + taken > width && row.width > 0) {
      row = { text: '', width: 0, from: row.to, to: row.to };
      rows.push(row);
    }
    row.text += text;
    row.width += taken;
    row.to += grapheme.length;
  }
  return rows;
}

/** Wraps only the lines near the cursor: a pasted document of thousands of lines costs what fits on the screen. */
function rowsAround(draft: Draft, width: number, maxRows: number): VisualRow[] {
  const { text, cursor } = draft;
  const rows: VisualRow[] = [];
  let start = text.lastIndexOf('\n', cursor - 1) + 1;
  for (let above = 0; above < maxRows && start > 0; above++) start = text.lastIndexOf('\n', start - 2) + 1;
  let below = 0;
  for (let at = start; at <= text.length && below <= maxRows;) {
    const end = text.indexOf('\n', at);
    const lineEnd = end === -1 ? text.length : end;
    rows.push(...wrapLine(text.slice(at, lineEnd), at, width));
    if (at > cursor) below++;
    at = lineEnd + 1;
  }
  return rows;
}

/** Lays a draft out under its prompt; every row is wrapped here, so that the terminal never has to. */
export function layoutDraft(draft: Draft, options: LayoutOptions): DraftLayout {
  const promptWidth = cells(options.prompt);
  const width = Math.max(4, options.width - promptWidth);
  const all = rowsAround(draft, width, options.maxRows);
  // At a soft break the cursor belongs to the row that begins there.
  let at = all.findLastIndex((row) => row.from <= draft.cursor && draft.cursor <= row.to);
  if (at === -1) at = 0;
  const first = Math.max(0, Math.min(at - Math.floor(options.maxRows / 2), all.length - options.maxRows));
  const visible = all.slice(first, first + options.maxRows);
  const current = all[at] ?? { text: '', width: 0, from: 0, to: 0 };
  const beforeCursor = draft.text.slice(current.from, draft.cursor);
  const rows = visible.map((row, i) => {
    const isStart = row.from === 0 && i === 0 && first === 0;
    return `${isStart ? options.prompt : ' '.repeat(promptWidth)}${row.text}`;
  });
  return {
    rows,
    cursorRow: at - first,
    cursorColumn: promptWidth + splitGraphemes(beforeCursor).reduce((sum, g) => sum + (g === '\t' ? 4 : widthOf(g)), 0),
  };
}
