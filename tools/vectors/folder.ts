import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Where published vectors are kept: SOTTO_VECTORS, or `shared/vectors` beside the repository. */
export function vectorFolder(): string {
  return process.env['SOTTO_VECTORS'] ?? resolve(import.meta.dirname, '../../../shared/vectors');
}

/** One file of it, or null when it is absent: then its suite reports itself as skipped. */
export function vectorFile(...path: readonly string[]): string | null {
  const file = join(vectorFolder(), ...path);
  return existsSync(file) ? file : null;
}
