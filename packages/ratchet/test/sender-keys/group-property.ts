import { seededProvider } from '@sotto/crypto/simulation';
import * as fc from 'fast-check';
import { runGroup } from './group-model.ts';
import type { GroupEvent } from './group-model.ts';

const member = fc.nat({ max: 3 });
const message = fc.nat({ max: 60 });

/** Weighted towards sending and receiving. */
const event: fc.Arbitrary<GroupEvent> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('send'), by: member } as const) },
  { weight: 14, arbitrary: fc.record({ kind: fc.constant('deliver'), to: member, message } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deliver-all'), to: member } as const) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('snapshot'), by: member } as const) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restore'), by: member } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clone-sends'), by: member } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove'), member } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('add'), member } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait'), hours: fc.nat({ max: 100 }) } as const) },
);

/** Plays random courses of events; returns how many texts arrived. Throws at the first unexpected outcome. */
export function checkGroups(numRuns: number, maxLength: number): number {
  let delivered = 0;
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength, size: 'max' }), fc.nat(), (events, seed) => {
      delivered += runGroup(seededProvider(Uint8Array.of(seed, seed >> 8, seed >> 16)), events);
    }),
    { numRuns },
  );
  return delivered;
}
