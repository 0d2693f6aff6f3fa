/** A runnable block of a Markdown file. */
export interface Block {
  /** Path of the Markdown file. */
  readonly file: string;
  /** Line of the fence, from 1. */
  readonly line: number;
  /** The code, on the very lines it has in the file, so that every reported position is one of the file. */
  readonly code: string;
}

/**
 * The blocks that are fenced as exactly ```` ```ts ````; other languages are for reading. Throws for a fence that looks
 * like one and is not, because its block would silently not run.
 */
export function blocksOf(file: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split('\n');
  let open: { readonly line: number; readonly runs: boolean; readonly fence: string } | null = null;
  for (const [index, text] of lines.entries()) {
    const [, indent = '', fence, language = ''] = /^(\s*)(`{3,})(.*)$/.exec(text) ?? [];
    if (fence === undefined) continue;
    const line = index + 1;
    if (open !== null) {
      if (language.trim() !== '' || fence.length < open.fence.length) continue;
      if (open.runs) blocks.push({ file, line: open.line, code: onItsLines(lines, open.line, index) });
      open = null;
      continue;
    }
    const runs = language === 'ts' && indent === '' && fence === '```';
    if (!runs && /^(?:ts|typescript|tsx)\b/i.test(language.trim())) {
      throw new Error(`${file}:${line}: a runnable block begins with exactly \`\`\`ts at the start of the line`);
    }
    open = { line, runs, fence };
  }
  if (open !== null) throw new Error(`${file}:${open.line}: a block that does not end`);
  return blocks;
}

function onItsLines(lines: readonly string[], fenceLine: number, end: number): string {
  return '\n'.repeat(fenceLine) + lines.slice(fenceLine, end).join('\n') + '\n';
}
