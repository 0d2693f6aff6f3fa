import { checkFinal } from '../check/final.ts';
import { Violation } from '../check/violation.ts';
import { act } from './actions.ts';
import { lift, strike } from './faults.ts';
import { makePlan } from './item.ts';
import type { GroupActionKind } from './group-actions.ts';
import type { ActionKind, FaultKind, Item } from './item.ts';
import { World } from './world.ts';
import type { WorldOptions } from './world.ts';

const MINUTE = 60_000;
/** How long a calm world may take until everything has arrived, in steps. */
const CALM_STEP_MS = 10 * MINUTE;
const CALM_STEPS = 60;

export interface RunOptions extends WorldOptions {
  readonly groups: boolean;
  readonly actions: number;
  readonly faults: number;
  /** ms between two actions on average. */
  readonly paceMs: number;
  /** People do only this; default: everything. */
  readonly deeds?: readonly (ActionKind | GroupActionKind)[];
  /** Only these faults; default: all. */
  readonly kinds?: readonly FaultKind[];
  /** Numbers of the plan's items that happen; default: all. */
  readonly only?: ReadonlySet<number>;
}

/** What a run came to. */
export interface RunReport {
  readonly seed: string;
  readonly devices: number;
  /** Lines of the event log: what people did, posts, arrivals, state changes, faults. */
  readonly events: number;
  readonly actions: number;
  readonly faults: number;
  readonly messages: number;
  /** Seconds of simulated time. */
  readonly seconds: number;
  /** SHA-256 of the event log. */
  readonly digest: string;
  readonly failure: Failure | null;
}

export interface Failure {
  readonly violation: Violation;
  readonly tail: readonly string[];
}

/** Runs one seed: a busy world in which things go wrong, then calm, then everything is compared. */
export async function run(options: RunOptions): Promise<RunReport> {
  const items = makePlan(options).filter(({ number }) => options.only?.has(number) !== false);
  const world = await World.create(options);
  let failure: Failure | null = null;
  try {
    await play(world, items);
    lift(world);
    await becomeCalm(world);
  } catch (error) {
    const violation =
      error instanceof Violation ? error : new Violation('no-surprise', String(error), { cause: error });
    failure = { violation, tail: world.log.tail() };
  }
  const seconds = Math.round(world.elapsedMs / 1000);
  await world.close().catch(() => undefined);
  return {
    seed: options.seed,
    devices: world.devices.length,
    events: world.log.count,
    actions: items.filter(({ kind }) => kind === 'action').length,
    faults: items.filter(({ kind }) => kind === 'fault').length,
    messages: world.promises.texts.size,
    seconds,
    digest: world.log.digest(),
    failure,
  };
}

async function play(world: World, items: readonly Item[]): Promise<void> {
  let at = 0;
  for (const item of items) {
    await world.pass(item.at - at);
    at = item.at;
    if (item.kind === 'action') act(world, item.number, item.action);
    else strike(world, item.number, item.fault);
    world.checkQueues();
  }
}

/** Gives everything the time it needs to arrive, and then holds it to it. */
async function becomeCalm(world: World): Promise<void> {
  for (let step = 1; ; step++) {
    await world.pass(CALM_STEP_MS);
    await world.unblockAll();
    try {
      await checkFinal(world);
      return;
    } catch (error) {
      if (!(error instanceof Violation) || step >= CALM_STEPS || !MENDS.has(error.invariant)) throw error;
      world.log.note('world', 'not yet', error.invariant);
    }
  }
}

/** What time mends. */
const MENDS: ReadonlySet<string> = new Set([
  'outbox-settles',
  'nothing-lost',
  'same-history',
  'rows-bounded',
  'group-agrees',
  'changes-decided',
]);
