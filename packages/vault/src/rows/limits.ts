import { VaultError } from '../error.ts';
import type { Collection, Placing, Range } from '../vault.ts';

/** Characters of a key, lookup, partition or reference: identifiers, not content. */
const MAX_NAME = 1024;
/** bytes; well above a message (96 KiB), well below what would stall a transaction */
const MAX_VALUE = 16 * 1024 * 1024;
const MAX_LOOKUPS = 16;
const MAX_VERSION = 0xffff_ffff;
/** Rows a page may hold. */
const MAX_LIMIT = 100_000;
const COLLECTION_NAME = /^[a-z~][a-z0-9/-]{0,63}$/;

/** Names that begin so belong to the vault itself. */
export const OWN_PREFIX = '~';

export function checkCollection({ name, version }: Collection): void {
  if (!COLLECTION_NAME.test(name)) refuse('a collection is named by up to 64 of a–z, 0–9, - and /');
  if (!Number.isInteger(version) || version < 0 || version > MAX_VERSION) refuse('a collection has a 32-bit version');
}

export function checkName(name: string): void {
  if (name.length > MAX_NAME) refuse(`a key, lookup or partition has at most ${MAX_NAME} characters`);
}

export function checkValue(value: Uint8Array): void {
  if (value.length > MAX_VALUE) refuse(`a row has at most ${MAX_VALUE} bytes`);
}

function checkOrdinal(ordinal: number): void {
  if (!Number.isSafeInteger(ordinal)) refuse('an ordinal is a safe integer');
}

export function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 0 || limit > MAX_LIMIT) refuse(`a limit is an integer up to ${MAX_LIMIT}`);
}

export function checkPlacing(placing: Placing | undefined): void {
  if (placing === undefined) return;
  const { lookups = [], order } = placing;
  if (lookups.length > MAX_LOOKUPS) refuse(`a row has at most ${MAX_LOOKUPS} lookups`);
  for (const [name, value] of lookups) {
    checkName(name);
    checkName(value);
  }
  if (order === undefined) return;
  checkName(order.partition);
  checkOrdinal(order.ordinal);
}

export function checkRange({ partition, after, before, limit }: Range): void {
  checkName(partition);
  if (after !== undefined) checkOrdinal(after);
  if (before !== undefined) checkOrdinal(before);
  checkLimit(limit);
}

function refuse(message: string): never {
  throw new VaultError('misuse', message);
}
