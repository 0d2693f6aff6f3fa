import type { DeviceNode } from '../device/device-node.ts';
import type { Weather } from '../network/weather.ts';
import { Random } from '../time/random.ts';
import type { FaultKind } from './item.ts';
import type { World } from './world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** ms for which something stays wrong. */
const LASTING_MS = [2 * SECOND, 4 * MINUTE] as const;
const DOWN_MS = [200, 2 * MINUTE] as const;
const POINTS = [1, 12] as const;
const HOLD_MS = [SECOND, 2 * MINUTE] as const;
const EXTRA_MS = [500, 8000] as const;
const SKEWS_MS = [-3 * 60 * MINUTE, -5 * MINUTE, -20 * SECOND, 20 * SECOND, 5 * MINUTE, 3 * 60 * MINUTE] as const;
/** Messages that a mailbox takes while it is full. */
const FULL = [0, 2] as const;
const MOST_PRANKS = 4;

interface Scene {
  readonly world: World;
  readonly random: Random;
  readonly device: DeviceNode;
}

/** Makes something go wrong. */
export function strike(world: World, number: number, fault: FaultKind): void {
  const random = new Random(`${world.seed}/item/${number}`);
  const device = random.pick(world.devices);
  if (device === null) return;
  world.log.note('fault', fault, device.name, number);
  STRIKES[fault]({ world, random, device });
}

const STRIKES: Readonly<Record<FaultKind, (scene: Scene) => void>> = {
  crash: ({ world, random, device }) => {
    device.points?.arm(random.whole(...POINTS));
    world.restartAfterMs = random.whole(...DOWN_MS);
  },
  vanish: ({ device }) => device.crash(),
  slow: (scene) => turn(scene, { kind: 'slow', extraMs: scene.random.whole(...EXTRA_MS) }),
  silent: (scene) => turn(scene, { kind: 'silent' }),
  cut: (scene) => turn(scene, { kind: 'cut' }),
  lose: ({ world, random }) => prank(world, random, () => ({ kind: 'lose' })),
  hold: ({ world, random }) => prank(world, random, () => ({ kind: 'hold', ms: random.whole(...HOLD_MS) })),
  repeat: ({ world, random }) => prank(world, random, () => ({ kind: 'repeat' })),
  skew: ({ random, device }) => {
    device.skewMs = random.pick(SKEWS_MS) ?? 0;
  },
  'slow-reader': ({ world, random, device }) => {
    device.way.reading = false;
    world.timeline.after(random.whole(...LASTING_MS), () => {
      device.way.reading = true;
    });
  },
  'disk-full': ({ world, random, device }) => {
    device.diskFull = true;
    world.timeline.after(random.whole(...LASTING_MS), () => {
      device.diskFull = false;
    });
  },
  'full-mailbox': ({ world, random }) => {
    world.gateway.mailboxMessages = random.whole(...FULL);
    world.timeline.after(random.whole(...LASTING_MS), () => {
      world.gateway.mailboxMessages = null;
    });
  },
  'gateway-crash': ({ world, random }) => {
    world.gateway.crash();
    world.timeline.after(random.whole(...DOWN_MS), () => world.gateway.start());
  },
  'gateway-restart': ({ world, random }) => {
    world.gateway.stop();
    world.timeline.after(SECOND + random.whole(...DOWN_MS), () => world.gateway.start());
  },
  'gateway-skew': ({ world, random }) => {
    world.gateway.skewMs = random.pick(SKEWS_MS) ?? 0;
    world.timeline.after(random.whole(...LASTING_MS), () => {
      world.gateway.skewMs = 0;
    });
  },
};

function turn({ world, random, device }: Scene, weather: Weather): void {
  const { way } = device;
  way.weather = weather;
  world.timeline.after(random.whole(...LASTING_MS), () => {
    if (way.weather === weather) way.weather = { kind: 'fair' };
  });
}

function prank(world: World, random: Random, make: () => World['pranks'][number]): void {
  for (let i = random.whole(1, MOST_PRANKS); i > 0; i--) world.pranks.push(make());
}

/** Ends everything that is wrong. */
export function lift(world: World): void {
  world.log.note('world', 'calm');
  world.pranks.length = 0;
  world.gateway.mailboxMessages = null;
  world.gateway.skewMs = 0;
  world.gateway.start();
  for (const device of world.devices) {
    device.skewMs = 0;
    device.diskFull = false;
    device.way.reading = true;
    device.way.weather = { kind: 'fair' };
    device.points?.arm(Infinity);
    world.bringUp(device);
  }
}
