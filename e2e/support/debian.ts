import { spawnSync } from 'node:child_process';

/** ms for Debian's package lists and one small package. */
const INSTALL_MS = 120_000;

const runs = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args, { stdio: 'ignore', timeout: INSTALL_MS }).status === 0;

/** True if the program is there; as root on Debian it is installed first, from the package of its name. */
export function provideProgram(name: string): boolean {
  if (runs(name, '--version')) return true;
  if (process.getuid?.() !== 0 || !runs('apt-get', '--version')) return false;
  const install = ['install', '-y', '-qq', '--no-install-recommends', name];
  return (
    (runs('apt-get', ...install) || (runs('apt-get', 'update', '-qq') && runs('apt-get', ...install))) &&
    runs(name, '--version')
  );
}
