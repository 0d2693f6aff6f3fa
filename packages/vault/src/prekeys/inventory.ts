import { VaultError } from '../error.ts';
import { ByteReader, ByteWriter } from '../format/bytes.ts';
import type { Collection, VaultReader, VaultWriter } from '../vault.ts';

/** Kinds of prekeys; order is part of the format. */
const KINDS = ['signed', 'last-resort-kem', 'sealing', 'one-time', 'one-time-kem'] as const;
export type PrekeyKind = (typeof KINDS)[number];

/** A prekey whose private half is a record of the engine. */
export interface Prekey {
  readonly kind: PrekeyKind;
  readonly id: number;
  /** Unix ms after which it should no longer be handed out. */
  readonly expiresAt: number;
  /** Unix ms when the private half is deleted, unless it was used up before. */
  readonly keptUntil: number;
  /** What is to be uploaded; null: the gateway confirmed that it has it. */
  readonly entry: Uint8Array | null;
}

/** What this device knows of its prekeys. */
export interface PrekeyInventory {
  /** Ids are never used twice. */
  readonly nextId: number;
  /** Unix ms when the lasting prekeys were last made; null: never. */
  readonly rotatedAt: number | null;
  readonly prekeys: readonly Prekey[];
}

export const EMPTY_INVENTORY: PrekeyInventory = { nextId: 1, rotatedAt: null, prekeys: [] };

export const LASTING: ReadonlySet<PrekeyKind> = new Set(['signed', 'last-resort-kem', 'sealing']);

/** After the engine made prekeys. Entries go out with the next upload. */
export function withMade(inventory: PrekeyInventory, made: readonly Prekey[], now: number): PrekeyInventory {
  return {
    nextId: made.reduce((next, { id }) => Math.max(next, id + 1), inventory.nextId),
    rotatedAt: made.some(({ kind }) => LASTING.has(kind)) ? now : inventory.rotatedAt,
    prekeys: [
      ...inventory.prekeys,
      ...made.map(({ kind, id, expiresAt, keptUntil, entry }) => ({ kind, id, expiresAt, keptUntil, entry })),
    ],
  };
}

/** After the gateway confirmed an upload. */
export function withUploaded(inventory: PrekeyInventory, ids: ReadonlySet<number>): PrekeyInventory {
  return {
    ...inventory,
    prekeys: inventory.prekeys.map((prekey) => (ids.has(prekey.id) ? { ...prekey, entry: null } : prekey)),
  };
}

/** After private halves were deleted or used up. */
export function without(inventory: PrekeyInventory, ids: ReadonlySet<number>): PrekeyInventory {
  return { ...inventory, prekeys: inventory.prekeys.filter(({ id }) => !ids.has(id)) };
}

/**
 * What is at the gateway is not to be counted on any more: lasting prekeys are made anew with the next plan. Private
 * halves stay as long as they would have, for what is under way. `skip`: ids left out, where a copy of this inventory
 * may have used the next ones.
 */
export function renewed(inventory: PrekeyInventory, skip: number): PrekeyInventory {
  return { ...inventory, rotatedAt: null, nextId: inventory.nextId + skip };
}

const COLLECTION: Collection = { name: 'prekey-inventory', purpose: 'state', version: 1 };
const KEY = 'inventory';

/** Empty before anything was written. Throws `damaged`. */
export function readInventory(read: VaultReader): PrekeyInventory {
  const bytes = read.get(COLLECTION, KEY);
  return bytes === null ? EMPTY_INVENTORY : decodeInventory(bytes);
}

export function writeInventory(write: VaultWriter, inventory: PrekeyInventory): void {
  write.put(COLLECTION, KEY, encodeInventory(inventory));
}

function encodeInventory({ nextId, rotatedAt, prekeys }: PrekeyInventory): Uint8Array {
  const writer = new ByteWriter(4096).varint(nextId);
  if (rotatedAt === null) writer.u8(0);
  else writer.u8(1).varint(rotatedAt);
  writer.varint(prekeys.length);
  for (const { kind, id, expiresAt, keptUntil, entry } of prekeys) {
    writer.u8(KINDS.indexOf(kind)).varint(id).varint(expiresAt).varint(keptUntil);
    if (entry === null) writer.u8(0);
    else writer.u8(1).blob(entry);
  }
  return writer.copy();
}

function decodeInventory(bytes: Uint8Array): PrekeyInventory {
  const reader = new ByteReader(bytes);
  const nextId = reader.varint();
  const rotatedAt = reader.u8() === 0 ? null : reader.varint();
  const prekeys: Prekey[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const kind = KINDS[reader.u8()];
    if (kind === undefined) throw new VaultError('damaged', 'a prekey is of an unknown kind');
    const prekey = { kind, id: reader.varint(), expiresAt: reader.varint(), keptUntil: reader.varint() };
    prekeys.push({ ...prekey, entry: reader.u8() === 0 ? null : reader.blob().slice() });
  }
  reader.end();
  return { nextId, rotatedAt, prekeys };
}
