import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readableParts } from '../tap/tap.ts';
import type { TappedConnection } from '../tap/tap.ts';
import { needlesOf, search } from '../tap/search.ts';
import type { Finding } from '../tap/search.ts';

/** A place in which texts could be readable, and its bytes. */
export interface Place {
  /** `wire`, `files` or `logs`. */
  readonly kind: string;
  readonly name: string;
  readonly bytes: Buffer;
}

/** Every file below a folder: databases, write-ahead logs and shared memory files are mapped, and files all the same. */
export function filesBelow(kind: string, folder: string): Place[] {
  const places: Place[] = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && statSync(path).size > 0) {
      places.push({ kind, name: relative(folder, path), bytes: readFileSync(path) });
    }
  }
  return places;
}

/** What was said on tapped connections. */
export function wirePlaces(connections: readonly TappedConnection[]): Place[] {
  return connections.flatMap(readableParts).map(({ name, bytes }) => ({ kind: 'wire', name, bytes }));
}

/** Texts found readable in any of the places. */
export function findReadable(
  places: readonly Place[],
  texts: readonly string[],
): (Finding & { readonly kind: string })[] {
  const needles = texts.flatMap(needlesOf);
  return places.flatMap((place) =>
    search(place.name, place.bytes, needles).map((finding) => ({ ...finding, kind: place.kind })),
  );
}
