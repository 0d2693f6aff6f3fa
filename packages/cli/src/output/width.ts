import stringWidth from 'string-width';

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** What a person takes for characters: an emoji of a family is one, and so is a letter with its accents. */
export function splitGraphemes(text: string): string[] {
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
}

/** Terminal cells a text takes on one line: wide characters two, combining ones none. */
export function cells(text: string): number {
  return stringWidth(text);
}

/** Fills up with spaces to a number of cells. */
function padCells(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - cells(text)));
}

/** Rows of cells separated by two spaces, each column as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cells(cell))));
  return rows.map((row) =>
    row
      .map((cell, i) => padCells(cell, widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
