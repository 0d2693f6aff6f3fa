import { Random } from '../time/random.ts';
import { GROUP_ACTIONS } from './group-actions.ts';
import type { GroupActionKind } from './group-actions.ts';

/** What people do. */
const ACTIONS = {
  text: 46,
  reply: 8,
  reaction: 10,
  edit: 6,
  delete: 3,
  read: 12,
  typing: 4,
  restart: 4,
  block: 0.4,
} as const;
export type ActionKind = keyof typeof ACTIONS;

const ALL_ACTIONS = { ...ACTIONS, ...GROUP_ACTIONS };

/** What goes wrong. */
export const FAULTS = {
  /** The device dies at a commit or at handing bytes over. */
  crash: 16,
  /** The device dies between two things. */
  vanish: 5,
  slow: 6,
  silent: 6,
  cut: 6,
  lose: 6,
  hold: 6,
  repeat: 6,
  skew: 4,
  'slow-reader': 4,
  'disk-full': 3,
  'full-mailbox': 3,
  'gateway-crash': 3,
  'gateway-restart': 2,
  'gateway-skew': 1,
} as const;
export type FaultKind = keyof typeof FAULTS;

/** Something that is to happen in a run. Its number gives it choices of its own, so leaving others out changes none of them. */
export type Item = { readonly number: number; readonly at: number } & (
  | { readonly kind: 'action'; readonly action: ActionKind | GroupActionKind }
  | { readonly kind: 'fault'; readonly fault: FaultKind }
);

export interface PlanOptions {
  readonly seed: string;
  readonly actions: number;
  readonly faults: number;
  /** ms between two actions on average. */
  readonly paceMs: number;
  /** Whether people have a group. */
  readonly groups: boolean;
  /** People do only this; default: everything. */
  readonly deeds?: readonly (ActionKind | GroupActionKind)[];
  /** Only these faults; default: all. */
  readonly kinds?: readonly FaultKind[];
}

/** Everything that is to happen in a run, in order. */
export function makePlan({ seed, actions, faults, paceMs, deeds, kinds, groups }: PlanOptions): readonly Item[] {
  const random = new Random(`${seed}/plan`);
  const length = actions * paceMs;
  const items: Item[] = [];
  for (let number = 0; number < actions; number++) {
    const at = Math.floor(random.unit() * length);
    items.push({
      kind: 'action',
      number,
      at,
      action: (deeds && random.pick(deeds)) ?? weighted(random, groups ? ALL_ACTIONS : ACTIONS),
    });
  }
  for (let number = actions; number < actions + faults; number++) {
    const at = Math.floor(random.unit() * length);
    items.push({ kind: 'fault', number, at, fault: (kinds && random.pick(kinds)) ?? weighted(random, FAULTS) });
  }
  return items.toSorted((a, b) => a.at - b.at || a.number - b.number);
}

function weighted<Kind extends string>(random: Random, weights: Readonly<Record<Kind, number>>): Kind {
  const entries = Object.entries(weights) as [Kind, number][];
  let left = random.unit() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of entries) {
    left -= weight;
    if (left < 0) return kind;
  }
  throw new TypeError('no weights');
}
