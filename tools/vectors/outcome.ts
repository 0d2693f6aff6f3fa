import type { CryptoProvider, DhKind } from '@sotto/crypto';
import { CryptoError } from '@sotto/crypto';
import type { VectorCase } from './runner.ts';

/** What a check of one case says: null when all is as published, else what differs. */
export type Difference = string | null;

/** A parameter set that this code does not offer. */
export class NotOffered extends Error {}

/** Runs one case: `NotOffered` makes it skipped, any other error failed. */
export async function outcomeOf(name: string, check: () => Difference | Promise<Difference>): Promise<VectorCase> {
  try {
    const difference = await check();
    return difference === null ? { name, outcome: 'passed' } : { name, outcome: 'failed', reason: difference };
  } catch (error) {
    if (error instanceof NotOffered) return { name, outcome: 'skipped', reason: error.message };
    return { name, outcome: 'failed', reason: String(error) };
  }
}

/** Null when `actual` is `expected`. */
export function compare(what: string, actual: Uint8Array, expected: Uint8Array): Difference {
  return Buffer.compare(actual, expected) === 0 ? null : `${what} differs`;
}

/** Null when `run` throws a `CryptoError`, of this code if one is given. */
export function refusal(what: string, run: () => unknown, code?: CryptoError['code']): Difference {
  try {
    run();
  } catch (error) {
    if (error instanceof CryptoError && (code === undefined || error.code === code)) return null;
    throw error;
  }
  return `${what} was accepted`;
}

/** The same provider, but every generated key is the given one. */
export function withKey(provider: CryptoProvider, kind: DhKind, bytes: Uint8Array): CryptoProvider {
  return new Proxy(provider, {
    get(target, property) {
      if (property === 'generate') return () => target.importPrivate(kind, bytes);
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
