import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'peers');

/**
 * Installs what the benchmarks compare with, once, from its own lockfile. Null when that is not possible (no network):
 * then there are only our own figures.
 */
export function installPeers(say: (line: string) => void): string | null {
  const modules = join(folder, 'node_modules');
  const stamp = join(modules, '.package-lock.json');
  if (existsSync(stamp)) return folder;
  say('Installing what to compare with (about 150 MB, once) …');
  try {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return folder;
  } catch {
    say('It could not be installed; only our own figures follow.');
    return null;
  }
}

/** `package@version` as the peers' package.json pins it. */
export function peerName(name: string): string {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return `${name}@${dependencies[name] ?? 'unknown'}`;
}
