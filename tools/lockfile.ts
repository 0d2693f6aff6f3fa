/**
 * Completes package-lock.json with the optional packages of other platforms: `node … tools/lockfile.ts`, `--check` only
 * looks. Some registries carry one platform's packages; what npm could not look up it leaves out of the lockfile, and
 * `npm ci` then refuses it everywhere. An entry without `integrity` is enough: npm skips foreign platforms by `os` and
 * `cpu` before it fetches, and on those platforms takes the version named here.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface LockEntry {
  readonly version?: string | undefined;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Platform {
  readonly os: readonly string[];
  readonly cpu: readonly string[] | undefined;
  readonly libc: readonly string[] | undefined;
}

interface Lockfile {
  packages: Record<string, LockEntry>;
}

const FILE = 'package-lock.json';

const SYSTEMS: Readonly<Record<string, string>> = {
  aix: 'aix',
  android: 'android',
  darwin: 'darwin',
  freebsd: 'freebsd',
  linux: 'linux',
  netbsd: 'netbsd',
  openbsd: 'openbsd',
  openharmony: 'openharmony',
  sunos: 'sunos',
  win32: 'win32',
};
const PROCESSORS: Readonly<Record<string, string>> = {
  aarch64: 'arm64',
  arm: 'arm',
  arm64: 'arm64',
  armv7: 'arm',
  ia32: 'ia32',
  loong64: 'loong64',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  x64: 'x64',
};
const C_LIBRARIES: Readonly<Record<string, string>> = { gnu: 'glibc', musl: 'musl', gnueabihf: 'glibc' };

function lookUp(words: readonly string[], table: Readonly<Record<string, string>>): string[] {
  return words.map((word) => table[word]).filter((value) => value !== undefined);
}

/** What a platform package is for, by its name; null if the name does not say. */
function platformOf(name: string): Platform | null {
  const words = name.split(/[^a-z0-9]+/);
  const os = lookUp(words, SYSTEMS);
  const cpu = lookUp(words, PROCESSORS);
  if (os.length !== 1 || cpu.length > 1) return null;
  const libc = os[0] === 'linux' ? lookUp(words, C_LIBRARIES) : [];
  return { os, cpu: cpu.length > 0 ? cpu : undefined, libc: libc.length > 0 ? libc : undefined };
}

function isHeld(lock: Lockfile, owner: string, name: string): boolean {
  return `${owner}/node_modules/${name}` in lock.packages || `node_modules/${name}` in lock.packages;
}

/** Entries that npm left out. Throws for a missing package that is not one of a platform. */
function missingEntries(lock: Lockfile): Map<string, LockEntry> {
  const missing = new Map<string, LockEntry>();
  for (const [owner, { optionalDependencies = {} }] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (isHeld(lock, owner, name)) continue;
      const platform = platformOf(name);
      if (platform === null) throw new Error(`${name} is missing from ${FILE}, and is no package of a platform`);
      const { os, cpu, libc } = platform;
      // Keys in npm's order, so that its next install changes nothing.
      const entry = { version, cpu, dev: true, libc, optional: true, os };
      missing.set(`node_modules/${name}`, entry);
    }
  }
  return missing;
}

const lock = JSON.parse(readFileSync(FILE, 'utf8')) as Lockfile;
const missing = missingEntries(lock);
if (missing.size === 0) {
  console.log(`${FILE} names every platform's packages`);
} else if (process.argv.includes('--check')) {
  console.log(`${FILE} lacks ${missing.size} packages of other platforms: node tools/lockfile.ts adds them`);
  process.exitCode = 1;
} else {
  const entries = Object.entries(lock.packages).concat([...missing]);
  lock.packages = Object.fromEntries(entries.toSorted(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${FILE}: added ${missing.size} packages of other platforms`);
}
