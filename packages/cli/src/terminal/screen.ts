import { stripVTControlCharacters } from 'node:util';
import { layoutDraft } from '../chat/layout.ts';
import type { Draft } from '../chat/line-editor.ts';
import { emptyDraft } from '../chat/line-editor.ts';
import { cells } from '../output/width.ts';
import { sequences } from './sequences.ts';

/** The part of a terminal's stdout that the screen uses. */
export interface TerminalStream {
  readonly columns: number;
  readonly rows: number;
  write(text: string): boolean;
}

/** Lines above the input. `mark` can be changed later, as long as the line is on the screen. */
export interface Block {
  readonly lines: readonly string[];
  /** A place of fixed width in the first line. */
  readonly mark?: { readonly key: string; readonly column: number };
}

interface Printed {
  readonly rows: number;
  readonly mark?: { readonly key: string; readonly column: number } | undefined;
}

/** What is kept at the bottom. */
export interface Footer {
  /** One line above the input: who this goes to, and how things stand. */
  readonly status: string;
  readonly prompt: string;
  readonly draft: Draft;
}

/** Rows of a long draft that are shown at once. */
const MAX_DRAFT_ROWS = 8;

/**
 * Lines that scroll, with a footer that stays below them. It is no full-screen program: what was printed is in the
 * terminal's own scrollback, can be selected and copied, and stays when the program ends.
 * Lines are left for the terminal to wrap (so that it can wrap them anew); the footer never wraps by itself.
 */
export class Screen {
  readonly #out: TerminalStream;
  #footer: Footer = { status: '', prompt: '> ', draft: emptyDraft };
  /** The footer as drawn, for erasing it. Empty: not drawn. */
  #drawn: { rows: readonly string[]; cursorRow: number; cursorColumn: number } | null = null;
  /** Blocks at the bottom whose rows are counted; oldest first. */
  #printed: Printed[] = [];
  #columns: number;

  constructor(out: TerminalStream) {
    this.#out = out;
    this.#columns = out.columns;
  }

  /** Prints above the footer. */
  print(...blocks: readonly Block[]): void {
    let text = '';
    for (const block of blocks) {
      text += block.lines.map((line) => `${line}\r\n`).join('');
      this.#count(block);
    }
    this.#update(text);
  }

  /** Changes what stands at the bottom. */
  footer(footer: Partial<Footer>): void {
    this.#footer = { ...this.#footer, ...footer };
    this.#update('');
  }

  /** Rewrites a mark where it stands; false when its line is not on the screen any more. */
  patch(key: string, text: string): boolean {
    const index = this.#printed.findLastIndex((block) => block.mark?.key === key);
    const block = this.#printed[index];
    if (block?.mark === undefined || this.#drawn === null) return false;
    const above = this.#printed.slice(index).reduce((sum, { rows }) => sum + rows, 0);
    const up = above + this.#drawn.cursorRow;
    if (above + this.#drawn.rows.length > this.#out.rows) return false;
    this.#write(
      `${sequences.up(up)}\r${sequences.right(block.mark.column)}${text}` +
        `${sequences.down(up)}\r${sequences.right(this.#drawn.cursorColumn)}`,
    );
    return true;
  }

  /** The window has another size: everything the terminal wrapped, it has wrapped anew. */
  resized(): void {
    const drawn = this.#drawn;
    const columns = this.#out.columns;
    if (drawn === null) {
      this.#columns = columns;
      return;
    }
    if (columns !== this.#columns) this.#printed = [];
    this.#columns = columns;
    // Rows that were short lines before may take several rows now; the cursor moved along with its character.
    const rowsOf = (row: string): number => Math.max(1, Math.ceil(cells(row) / columns));
    const above = drawn.rows.slice(0, drawn.cursorRow).reduce((sum, row) => sum + rowsOf(row), 0);
    const up = above + Math.floor(drawn.cursorColumn / columns);
    this.#drawn = null;
    this.#write(`${sequences.up(up)}\r${sequences.eraseBelow}${this.#draw()}`);
  }

  /** Clears what is visible; scrollback stays. */
  clear(): void {
    this.#printed = [];
    this.#drawn = null;
    this.#write(sequences.clearScreen + this.#draw());
  }

  /** Takes the footer away; the cursor stands at the start of an empty line. */
  close(): void {
    if (this.#drawn !== null) this.#write(this.#erase());
    this.#drawn = null;
  }

  #update(text: string): void {
    this.#write(this.#erase() + text + this.#draw());
  }

  #write(text: string): void {
    this.#out.write(sequences.syncStart + sequences.hideCursor + text + sequences.showCursor + sequences.syncEnd);
  }

  #erase(): string {
    return this.#drawn === null ? '' : `${sequences.up(this.#drawn.cursorRow)}\r${sequences.eraseBelow}`;
  }

  #draw(): string {
    const width = Math.max(8, this.#columns - 1);
    const { status, prompt, draft } = this.#footer;
    const maxRows = Math.max(1, Math.min(MAX_DRAFT_ROWS, this.#out.rows - 3));
    const layout = layoutDraft(draft, { prompt, width, maxRows });
    const rows = status === '' ? layout.rows : [clip(status, width), ...layout.rows];
    const cursorRow = layout.cursorRow + (rows.length - layout.rows.length);
    this.#drawn = { rows, cursorRow, cursorColumn: layout.cursorColumn };
    const back = rows.length - 1 - cursorRow;
    return `${rows.join('\r\n')}${sequences.up(back)}\r${sequences.right(layout.cursorColumn)}`;
  }

  #count(block: Block): void {
    let rows = 0;
    for (const line of block.lines) {
      const width = cells(line);
      // Terminals disagree about the width of emoji made of several characters. Where that could change the number of
      // rows, nothing above this line is counted any more: a mark in the wrong place is worse than an old one.
      const unsure =
        Array.from(line.matchAll(/\p{Extended_Pictographic}|\p{Regional_Indicator}|\u200d|\ufe0f/gu)).length * 2;
      if (unsure > 0 && Math.ceil((width + unsure) / this.#columns) > 1) this.#printed = [];
      rows += Math.max(1, Math.ceil(width / this.#columns));
    }
    this.#printed.push({ rows, mark: block.mark });
    if (this.#printed.length > 200) this.#printed.shift();
  }
}

function clip(text: string, width: number): string {
  if (cells(text) <= width) return text;
  let kept = '';
  // Styled text would have to be cut between sequences; the status is short, so this is for very small windows.
  for (const character of stripVTControlCharacters(text)) {
    if (cells(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
