import { LASTING } from './inventory.ts';
import type { Prekey, PrekeyInventory } from './inventory.ts';

const DAY = 86_400_000;

/** How prekeys are kept up. Times in ms. */
export interface PrekeySchedule {
  /** Lasting prekeys are made anew this often. */
  readonly rotateAfter: number;
  /** One-time prekeys of each kind at the gateway after a refill. */
  readonly fullStock: number;
  /** A refill is due below this. */
  readonly lowStock: number;
  /**
   * One-time private keys of each kind that may exist: whatever a gateway says about its stock, a device does not fill
   * up with keys.
   */
  readonly mostKept: number;
}

export const PREKEY_SCHEDULE: PrekeySchedule = { rotateAfter: 7 * DAY, fullStock: 100, lowStock: 20, mostKept: 1000 };

/** One-time prekeys that the gateway still has. */
export interface PrekeyStock {
  readonly oneTime: number;
  readonly oneTimeKem: number;
}

export interface PrekeyPlan {
  /** Ask the engine for these, ids from `firstId`; null: nothing to make. `oneTime` is the number of each kind. */
  readonly make: { readonly lasting: boolean; readonly oneTime: number; readonly firstId: number } | null;
  /** Not confirmed by the gateway yet, oldest first; of lasting prekeys only the newest. */
  readonly upload: readonly WaitingPrekey[];
  /** Ids whose private halves go now. */
  readonly remove: readonly number[];
  /** The gateway is below the low mark: people may soon reach this device with lasting prekeys only. */
  readonly low: boolean;
  /** Unix ms when to plan again if nothing else happens; null: no time by itself changes anything. */
  readonly nextAt: number | null;
}

/**
 * What to do about prekeys now. Pure: the engine makes keys, the client uploads entries and deletes records, and the
 * inventory remembers. `stock` is null while the gateway has not told. Lasting prekeys are rotated weekly (also when the
 * last rotation claims to lie in the future: the clock was wrong then) and never deleted before there are newer ones at
 * the gateway.
 */
export function prekeyPlan(
  inventory: PrekeyInventory,
  stock: PrekeyStock | null,
  now: number,
  schedule: PrekeySchedule = PREKEY_SCHEDULE,
): PrekeyPlan {
  const { prekeys, rotatedAt, nextId } = inventory;
  const lasting = rotatedAt === null || now - rotatedAt >= schedule.rotateAfter || rotatedAt - now > DAY;
  const oneTime = missingOneTime(inventory, stock, now, schedule);
  const current = currentLasting(prekeys);
  const removable = prekeys.filter(({ id }) => !current.has(id));
  const remove = removable.filter(({ keptUntil }) => keptUntil <= now).map(({ id }) => id);
  const gone = new Set(remove);
  const times = removable.filter(({ id }) => !gone.has(id)).map(({ keptUntil }) => keptUntil);
  if (rotatedAt !== null && !lasting) times.push(rotatedAt + schedule.rotateAfter);
  return {
    make: lasting || oneTime > 0 ? { lasting, oneTime, firstId: nextId } : null,
    upload: prekeys.filter(isWaiting).filter((prekey) => prekey.expiresAt > now && !isSuperseded(prekey, prekeys)),
    remove,
    low: stock !== null && Math.min(stock.oneTime, stock.oneTimeKem) < schedule.lowStock,
    nextAt: times.length === 0 ? null : Math.min(...times),
  };
}

/** A prekey that the gateway has not confirmed. */
export type WaitingPrekey = Prekey & { readonly entry: Uint8Array };

function isWaiting(prekey: Prekey): prekey is WaitingPrekey {
  return prekey.entry !== null;
}

function isSuperseded({ kind, id }: Prekey, prekeys: readonly Prekey[]): boolean {
  return LASTING.has(kind) && prekeys.some((other) => other.kind === kind && other.id > id);
}

function missingOneTime(
  { prekeys, rotatedAt }: PrekeyInventory,
  stock: PrekeyStock | null,
  now: number,
  { fullStock, lowStock, mostKept }: PrekeySchedule,
): number {
  if (stock === null && rotatedAt !== null) return 0;
  const known = stock ?? { oneTime: 0, oneTimeKem: 0 };
  const waiting = prekeys.filter((prekey) => isWaiting(prekey) && prekey.expiresAt > now);
  const have = Math.min(
    known.oneTime + waiting.filter(({ kind }) => kind === 'one-time').length,
    known.oneTimeKem + waiting.filter(({ kind }) => kind === 'one-time-kem').length,
  );
  if (have >= lowStock) return 0;
  const kept = Math.max(
    prekeys.filter(({ kind }) => kind === 'one-time').length,
    prekeys.filter(({ kind }) => kind === 'one-time-kem').length,
  );
  return Math.max(0, Math.min(fullStock - have, mostKept - kept));
}

/** The newest lasting prekey of each kind that the gateway has, and all newer ones. */
function currentLasting(prekeys: readonly Prekey[]): ReadonlySet<number> {
  const current = new Set<number>();
  for (const kind of LASTING) {
    const ofKind = prekeys.filter((prekey) => prekey.kind === kind).toSorted((a, b) => b.id - a.id);
    const newestUploaded = ofKind.findIndex(({ entry }) => entry === null);
    const upTo = newestUploaded === -1 ? ofKind.length : newestUploaded + 1;
    for (const { id } of ofKind.slice(0, upTo)) current.add(id);
  }
  return current;
}
