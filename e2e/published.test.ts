import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'sotto-published-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A folder as after installing the published packages: only what they publish, and their dependencies beside them. */
function install(): string {
  const modules = join(folder, 'node_modules');
  for (const dependency of globSync('node_modules/{@*/*,[!@.]*}', { cwd: root })) {
    if (dependency.startsWith(join('node_modules', '@sotto'))) continue;
    mkdirSync(join(folder, dependency, '..'), { recursive: true });
    symlinkSync(join(root, dependency), join(folder, dependency));
  }
  for (const manifest of globSync('packages/*/package.json', { cwd: root })) {
    const source = join(root, manifest, '..');
    const { name, files } = JSON.parse(readFileSync(join(root, manifest), 'utf8')) as { name: string; files: string[] };
    for (const file of ['package.json', ...files, 'node_modules']) {
      if (existsSync(join(source, file))) cpSync(join(source, file), join(modules, name, file), { recursive: true });
    }
  }
  return join(modules, '@sotto', 'cli', 'bin', 'sotto.mjs');
}

test('R-APP-2 what is published runs: built files only, without the sources', async () => {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root });
  const sotto = install();
  rmSync(join(folder, 'node_modules', '@sotto', 'cli', 'src'), { recursive: true });
  const run = (home: string, ...args: string[]): Record<string, unknown> =>
    JSON.parse(
      execFileSync(process.execPath, [sotto, '--json', '--data', join(folder, home), ...args], { encoding: 'utf8' }),
    ) as Record<string, unknown>;
  const server = spawn(process.execPath, [
    sotto,
    '--json',
    '--data',
    join(folder, 'gateway'),
    'serve',
    '--listen',
    '127.0.0.1:0',
    '--log',
    'silent',
  ]);
  try {
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const { value } = (await lines.next()) as { value: string };
    const { address } = JSON.parse(value) as { address: string };
    const made = run('alice', 'init', '--name', 'Alice', '--gateway', address, '--keystore', 'file');
    assert.equal(made['name'], 'Alice');
    assert.equal(run('alice', 'profile')['account'], made['account']);
  } finally {
    server.kill();
  }
});
