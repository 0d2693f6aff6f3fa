import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Party } from './party.ts';
import { watchedProvider } from './watched-provider.ts';
import { native, text, twoParties } from './world.ts';

type Side = 0 | 1;

/** What can happen between two parties. `pick` chooses among what is there, modulo its number. */
export type Event =
  | { readonly kind: 'send'; readonly side: Side; readonly padding: number }
  /** A session begins although there is one: both at once, or healing. */
  | { readonly kind: 'start'; readonly side: Side }
  /** The network hands over an envelope; `keep`: it will come again. */
  | { readonly kind: 'deliver'; readonly side: Side; readonly pick: number; readonly keep: boolean }
  | { readonly kind: 'drop'; readonly side: Side; readonly pick: number }
  /** An envelope that was handed over before comes again. */
  | { readonly kind: 'replay'; readonly side: Side; readonly pick: number }
  /** One bit of the sealed bytes is flipped on the way. */
  | { readonly kind: 'damage'; readonly side: Side; readonly pick: number; readonly at: number; readonly bit: number }
  | { readonly kind: 'wait'; readonly hours: number }
  /** The process restarts: what is only in memory is gone. */
  | { readonly kind: 'restart'; readonly side: Side }
  | { readonly kind: 'snapshot'; readonly side: Side }
  | { readonly kind: 'restore'; readonly side: Side }
  /** A copy of the machine wakes up, sends something, reads what is in flight and is never seen again. */
  | { readonly kind: 'clone'; readonly side: Side; readonly padding: number };

const side = fc.constantFrom<Side>(0, 1);
const pick = fc.nat({ max: 1000 });
const padding = fc.oneof(
  { weight: 9, arbitrary: fc.nat({ max: 300 }) },
  { weight: 1, arbitrary: fc.nat({ max: 5000 }) },
);

const send = fc.record({ kind: fc.constant('send' as const), side, padding });
const deliver = fc.record({ kind: fc.constant('deliver' as const), side, pick, keep: fc.boolean() });
const safe: fc.WeightedArbitrary<Event>[] = [
  { weight: 10, arbitrary: send },
  { weight: 12, arbitrary: deliver },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('start' as const), side }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop' as const), side, pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('replay' as const), side, pick }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('damage' as const), side, pick, at: fc.nat(), bit: fc.nat({ max: 7 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), hours: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), side }) },
];
const wild: fc.WeightedArbitrary<Event>[] = [
  ...safe,
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('snapshot' as const), side }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restore' as const), side }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('clone' as const), side, padding }) },
];

export function safeEvents(maxLength: number): fc.Arbitrary<Event[]> {
  return fc.array(fc.oneof(...safe), { maxLength, size: 'max' });
}

export function wildEvents(maxLength: number): fc.Arbitrary<Event[]> {
  return fc.array(fc.oneof(...wild), { maxLength, size: 'max' });
}

interface InFlight {
  readonly envelope: Uint8Array;
  readonly content: string;
}

/** What one side of the world is and has. */
interface Half {
  readonly party: Party;
  /** Envelopes on their way to this side. */
  readonly arriving: InFlight[];
  /** Envelopes that this side was given. */
  readonly seen: InFlight[];
  /** Contents that this side, as it is now, has decrypted: goes back with a restore. */
  decrypted: Set<string>;
  saved: { readonly store: ReturnType<Party['snapshot']>; readonly decrypted: ReadonlySet<string> } | null;
}

export interface Outcome {
  /** Different messages that were handed over undamaged. */
  readonly delivered: number;
  readonly decrypted: number;
}

/** Lets everything happen in order; asserts what must hold at each step. */
export function runEvents(events: readonly Event[]): Outcome {
  const { provider } = watchedProvider(native);
  const { anh, binh, clock } = twoParties(provider);
  const halves = [halfOf(anh), halfOf(binh)] as const;
  const delivered = new Set<string>();
  let number = 0;

  const write = (from: Party, to: Half, length: number): void => {
    const content = `${number++}:${'x'.repeat(length)}`;
    to.arriving.push({ envelope: from.send(text(content), to.party), content });
  };
  for (const event of events) {
    if (event.kind === 'wait') {
      clock.now += event.hours * 3_600_000;
      continue;
    }
    const own = halves[event.side];
    const other = halves[event.side === 0 ? 1 : 0];
    const taken = (list: readonly InFlight[], at: number): InFlight | undefined => list[at % list.length];
    switch (event.kind) {
      case 'send':
        write(own.party, other, event.padding);
        break;
      case 'start':
        if (own.party.sessions.length < 4) own.party.start(other.party);
        break;
      case 'deliver': {
        const message = taken(own.arriving, event.pick);
        if (message === undefined) break;
        if (!event.keep) own.arriving.splice(own.arriving.indexOf(message), 1);
        own.seen.push(message);
        delivered.add(message.content);
        read(own, own.party, message, other.party);
        break;
      }
      case 'drop':
        if (own.arriving.length > 0) own.arriving.splice(event.pick % own.arriving.length, 1);
        break;
      case 'replay': {
        const message = taken(own.seen, event.pick);
        if (message !== undefined) read(own, own.party, message, other.party);
        break;
      }
      case 'damage': {
        const message = taken([...own.arriving, ...own.seen], event.pick);
        if (message === undefined) break;
        const damaged = message.envelope.slice();
        const sealedAt = damaged.length - sealedLength(damaged) + (event.at % sealedLength(damaged));
        damaged[sealedAt] = (damaged[sealedAt] ?? 0) ^ (1 << event.bit);
        assert.equal(own.party.receive(damaged, other.party).kind, 'nothing', 'a damaged message decrypted');
        break;
      }
      case 'restart':
        own.party.components.keys.clear();
        own.party.rebuildTags();
        break;
      case 'snapshot':
        own.saved = { store: own.party.snapshot(), decrypted: new Set(own.decrypted) };
        break;
      case 'restore':
        if (own.saved === null) break;
        own.party.restore(own.saved.store);
        own.decrypted = new Set(own.saved.decrypted);
        break;
      case 'clone': {
        const clone = own.party.clone();
        const ghost: Half = { ...own, decrypted: new Set(own.decrypted) };
        for (const message of own.arriving) read(ghost, clone, message, other.party);
        write(clone, other, event.padding);
        break;
      }
    }
  }
  return { delivered: delivered.size, decrypted: halves[0].decrypted.size + halves[1].decrypted.size };
}

function halfOf(party: Party): Half {
  return { party, arriving: [], seen: [], decrypted: new Set(), saved: null };
}

/** Hands a message to `party`, which may be a copy of the one `at` belongs to. */
function read(at: Half, party: Party, { envelope, content }: InFlight, peer: Party): void {
  const result = party.receive(envelope, peer);
  if (result.kind !== 'message') return;
  const got = new TextDecoder().decode(result.content);
  assert.equal(got, content, 'something decrypted to what was not sent');
  assert.ok(!at.decrypted.has(got), 'a message decrypted twice');
  at.decrypted.add(got);
}

/** Sealed bytes are the last field of an envelope. */
function sealedLength(envelope: Uint8Array): number {
  for (const bucket of [512, 2048, 6144, 24_576])
    if (envelope.length > bucket && envelope.length < bucket + 64) return bucket;
  throw new Error('an envelope of no bucket');
}
