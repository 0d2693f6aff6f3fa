import { stripVTControlCharacters } from 'node:util';
import { layoutDraft } from '../chat/layout.ts';
import type { Draft } from '../chat/line-editor.ts';
import { emptyDraft } from '../chat/line-editor.ts';
import { cells } from '../output/width.ts';
import type { CliClock } from '../clock.ts';
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
/** A window that is being dragged changes its size many times: what it has become counts, ms. */
const RESIZE_SETTLES_MS = 40;
/** Terminals answer at once; those that do not know the question never do, ms. */
const POSITION_TIMEOUT_MS = 250;

/** The footer as it was drawn, for erasing it. */
interface Drawn {
  readonly rows: readonly string[];
  readonly cursorRow: number;
  readonly cursorColumn: number;
}

/**
 * Lines that scroll, with a footer that stays below them. It is no full-screen program: what was printed is in the
 * terminal's own scrollback, can be selected and copied, and stays when the program ends.
 * Lines are left for the terminal to wrap (so that it can wrap them anew); the footer never wraps by itself.
 */
export class Screen {
  readonly #out: TerminalStream;
  #footer: Footer = { status: '', prompt: '> ', draft: emptyDraft };
  /** Null: not drawn. */
  #drawn: Drawn | null = null;
  /** Blocks at the bottom whose rows are counted; oldest first. */
  #printed: Printed[] = [];
  #columns: number;
  readonly #clock: CliClock;
  /** The window's size is changing: nothing is drawn until it is known where things have moved. */
  #resizing: { cancel: () => void; asked: boolean } | null = null;
  #held: Block[] = [];

  constructor(out: TerminalStream, clock: CliClock) {
    this.#out = out;
    this.#clock = clock;
    this.#columns = out.columns;
  }

  /** True while an answer of the terminal is awaited: `position` takes it. */
  get asksPosition(): boolean {
    return this.#resizing?.asked === true;
  }

  /** Prints above the footer. */
  print(...blocks: readonly Block[]): void {
    if (this.#resizing !== null) {
      this.#held.push(...blocks);
      return;
    }
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
    if (this.#resizing === null) this.#update('');
  }

  /** Rewrites a mark where it stands; false when its line is not on the screen any more. */
  patch(key: string, text: string): boolean {
    const index = this.#printed.findLastIndex((block) => block.mark?.key === key);
    const block = this.#printed[index];
    if (block?.mark === undefined || this.#drawn === null || this.#resizing !== null) return false;
    const above = this.#printed.slice(index).reduce((sum, { rows }) => sum + rows, 0);
    const up = above + this.#drawn.cursorRow;
    if (above + this.#drawn.rows.length > this.#out.rows) return false;
    this.#write(
      `${sequences.up(up)}\r${sequences.right(block.mark.column)}${text}` +
        `${sequences.down(up)}\r${sequences.right(this.#drawn.cursorColumn)}`,
    );
    return true;
  }

  /**
   * The window has another size. Terminals wrap lines anew in different ways (some leave the cursor's line as it is), so
   * the terminal is asked where the cursor has gone before anything is drawn.
   */
  resized(): void {
    this.#resizing?.cancel();
    const cancel = this.#clock.after(RESIZE_SETTLES_MS, () => {
      const timeout = this.#clock.after(POSITION_TIMEOUT_MS, () => this.#redraw(null));
      this.#resizing = { cancel: timeout, asked: true };
      this.#out.write(sequences.askPosition);
    });
    this.#resizing = { cancel, asked: false };
  }

  /** The terminal's answer: the cursor's column, from 0. */
  position(column: number): void {
    if (this.#resizing?.asked === true) this.#redraw(column);
  }

  #redraw(column: number | null): void {
    this.#resizing?.cancel();
    this.#resizing = null;
    const drawn = this.#drawn;
    const columns = this.#out.columns;
    if (columns !== this.#columns) this.#printed = [];
    this.#columns = columns;
    this.#drawn = null;
    const up = drawn === null ? 0 : rowsAboveCursor(drawn, columns, column);
    this.#write(`${sequences.up(up)}\r${sequences.eraseBelow}${this.#draw()}`);
    const held = this.#held;
    this.#held = [];
    if (held.length > 0) this.print(...held);
  }

  /** Clears what is visible; scrollback stays. */
  clear(): void {
    this.#printed = [];
    this.#drawn = null;
    this.#write(sequences.clearScreen + this.#draw());
  }

  /** Takes the footer away; the cursor stands at the start of an empty line. */
  close(): void {
    this.#resizing?.cancel();
    this.#resizing = null;
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

/**
 * Rows from the footer's first to the cursor's, once the terminal has another width: rows that became too long take
 * several. A cursor that stands at the edge was cut off there: that terminal does not wrap the cursor's line.
 */
function rowsAboveCursor(drawn: Drawn, columns: number, column: number | null): number {
  const rowsOf = (row: string): number => Math.max(1, Math.ceil(cells(row) / columns));
  const above = drawn.rows.slice(0, drawn.cursorRow).reduce((sum, row) => sum + rowsOf(row), 0);
  const wraps = drawn.cursorColumn >= columns;
  if (!wraps || (column === columns - 1 && drawn.cursorColumn % columns !== columns - 1)) return above;
  return above + Math.floor(drawn.cursorColumn / columns);
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
