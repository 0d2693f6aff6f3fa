/**
 * A QR code as lines of half blocks; upper-case text needs a third less space. With `colour` the two shades are set
 * explicitly, so that a phone can read it on light and dark terminals alike.
 */
export async function qrLines(text: string, colour: boolean): Promise<string[]> {
  const { renderUnicodeCompact } = await import('uqr');
  const lines = renderUnicodeCompact(text, { border: 2 }).split('\n');
  return colour ? lines.map((line) => `\u001b[97;40m${line}\u001b[0m`) : lines;
}
