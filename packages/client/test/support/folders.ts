import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What survives a power cut is for the vault's own tests: here memory does, where the system has a file system in it. */
const home = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A new folder for one test. */
export function testFolder(name: string): string {
  return mkdtempSync(join(home, `sotto-${name}-`));
}
