/** The control sequences the chat uses (ECMA-48 and what every terminal of today adds to it). */
export const sequences = {
  up: (rows: number): string => (rows > 0 ? `\u001b[${rows}A` : ''),
  down: (rows: number): string => (rows > 0 ? `\u001b[${rows}B` : ''),
  right: (columns: number): string => (columns > 0 ? `\u001b[${columns}C` : ''),
  eraseBelow: '\u001b[J',
  clearScreen: '\u001b[H\u001b[2J',
  hideCursor: '\u001b[?25l',
  showCursor: '\u001b[?25h',
  /** The terminal shows everything up to `syncEnd` at once; terminals that do not know it ignore it. */
  syncStart: '\u001b[?2026h',
  syncEnd: '\u001b[?2026l',
  pasteOn: '\u001b[?2004h',
  pasteOff: '\u001b[?2004l',
  /** Answered with `ESC [ row ; column R`. */
  askPosition: '\u001b[6n',
  reset: '\u001b[0m',
} as const;

/** Styles; `plain` of them when colour is off. */
export interface Styles {
  dim(text: string): string;
  bold(text: string): string;
  own(text: string): string;
  other(text: string): string;
  good(text: string): string;
  warn(text: string): string;
}

const wrap =
  (code: number) =>
  (text: string): string =>
    `\u001b[${code}m${text}${sequences.reset}`;

const plain = (text: string): string => text;

/** Styles with the terminal's own sixteen colours, which people have set to what they can read. */
export function styles(colour: boolean): Styles {
  if (!colour) {
    return { dim: plain, bold: plain, own: plain, other: plain, good: plain, warn: plain };
  }
  return { dim: wrap(2), bold: wrap(1), own: wrap(36), other: wrap(35), good: wrap(32), warn: wrap(33) };
}
