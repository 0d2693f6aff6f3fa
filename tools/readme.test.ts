// Runs and type-checks every ```ts block of the READMEs, so that what they promise stays true.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { blocksOf } from './readme/blocks.ts';
import type { Block } from './readme/blocks.ts';

const TIME_LIMIT_MS = 30_000;

const root = resolve(import.meta.dirname, '..');
// Inside the repository, so that imports of its packages resolve; not shared with another run.
mkdirSync(join(root, '.cache'), { recursive: true });
const folder = mkdtempSync(join(root, '.cache', 'readme-'));
const workingFolder = mkdtempSync(join(tmpdir(), 'sotto-readme-'));
after(() => {
  for (const path of [folder, workingFolder]) rmSync(path, { recursive: true, force: true });
});

const blocks = globSync(['README.md', 'packages/*/README.md'], { cwd: root })
  .toSorted()
  .flatMap((file) => blocksOf(file, readFileSync(join(root, file), 'utf8')));
for (const block of blocks) writeFileSync(sourceOf(block), block.code);

describe('README', () => {
  for (const block of blocks) {
    it(`${block.file}:${block.line} runs`, () => {
      const child = spawnSync(
        process.execPath,
        ['--conditions=@sotto/source', '--disable-warning=ExperimentalWarning', sourceOf(block)],
        { cwd: workingFolder, encoding: 'utf8', timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL' },
      );
      const ended = child.status === null ? `killed after ${TIME_LIMIT_MS / 1000} s` : `exit code ${child.status}`;
      assert.equal(child.status, 0, `${block.file}:${block.line}: ${ended}\n${inReadme(child.stderr || child.stdout)}`);
    });
  }

  it('every block has right types', () => {
    assert.ok(blocks.length > 0, 'no block found');
    const config = {
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: { noEmit: true, moduleDetection: 'force', typeRoots: [join(root, 'node_modules/@types')] },
      include: ['*.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const child = spawnSync(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], { encoding: 'utf8' });
    assert.equal(child.status, 0, inReadme(child.stdout + child.stderr));
  });
});

describe('Blocks of a Markdown file', () => {
  it('keep their line numbers; other languages are left out', () => {
    const markdown = ['# Title', '', '```sh', 'npm ci', '```', '```ts', 'first();', '```', '````', '```ts', '````'];
    assert.deepEqual(blocksOf('README.md', markdown.join('\n')), [
      { file: 'README.md', line: 6, code: '\n\n\n\n\n\nfirst();\n' },
    ]);
  });

  it('that would silently not run are errors', () => {
    for (const fence of ['```typescript', ' ```ts', '```ts title=x', '````ts', '```TS']) {
      assert.throws(() => blocksOf('README.md', `${fence}\n${fence.replace(/[^`]/g, '')}`), /README\.md:1/, fence);
    }
    assert.throws(() => blocksOf('README.md', '```ts\nnever closed'), /README\.md:1/);
  });
});

function sourceOf({ file, line }: Block): string {
  return join(folder, `${file.replaceAll(/[\\/]/g, '+')}+${line}.ts`);
}

/** Positions in an extracted file are those of its README: only the name has to be put back. */
function inReadme(output: string): string {
  return output.replaceAll(
    /[^\s('"]*\.cache[\\/]readme-[^\s\\/]+[\\/]([^\s\\/]+README\.md|README\.md)\+\d+\.ts/g,
    (_, name: string) => name.replaceAll('+', '/'),
  );
}
