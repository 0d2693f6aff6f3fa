/**
 * Lints the contract and generates its code: `npm run generate`. With `--check` nothing is written; it fails when what
 * would be generated differs from what is there.
 */
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

const check = process.argv.includes('--check');
const root = resolve(import.meta.dirname, '..');
const proto = join(root, 'proto');
const target = join(root, 'packages/wire/src/gen');

/** buf runs the local plugin by name and must find it, and the Node it needs, before anything else on the machine. */
function buf(...args: readonly string[]): void {
  const bin = join(root, 'node_modules/.bin');
  execFileSync(join(bin, 'buf'), args, {
    cwd: proto,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` },
  });
}

function read(folder: string): Map<string, string> {
  const files = globSync('**/*.ts', { cwd: folder }).toSorted();
  return new Map(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

/** Names of files that are missing, left over or different. */
function drift(wanted: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): string[] {
  const names = new Set([...wanted.keys(), ...found.keys()]);
  return [...names].filter((name) => wanted.get(name) !== found.get(name));
}

try {
  buf('lint');
  if (check) {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-generate-'));
    try {
      const template = join(folder, 'buf.gen.yaml');
      const configured = readFileSync(join(proto, 'buf.gen.yaml'), 'utf8');
      const output = join(folder, 'gen');
      writeFileSync(template, configured.replace(/^(\s*out:).*$/m, `$1 ${JSON.stringify(output)}`));
      buf('generate', '--template', template);
      const different = drift(read(output), read(target));
      if (different.length > 0) {
        console.error(`Generated code differs from proto/: ${different.join(', ')}. Run npm run generate.`);
        process.exitCode = 1;
      } else console.log('Generated code matches proto/.');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  } else {
    buf('generate');
    console.log(`Generated ${read(target).size} files.`);
  }
} catch (error) {
  // buf has said what is wrong; anything else says it here.
  if (!(error instanceof Error && 'status' in error)) throw error;
  process.exitCode = 1;
}
