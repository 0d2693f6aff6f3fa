import { equalBytes } from '@sotto/wire';
import type { Delivery, DeliveryOutcome, Destination, Incoming, Transport } from './transport.ts';

/** One side of a world in which a transport is tried. */
export interface ComplianceParty {
  readonly transport: Transport;
  /** Where the other side reaches it. */
  readonly destination: Destination;
}

/** A fresh pair of parties, connected. */
export interface ComplianceWorld {
  readonly alice: ComplianceParty;
  readonly bob: ComplianceParty;
  /** A new, well-formed envelope for a destination; `expired`: one whose time is over. */
  envelope(destination: Destination, expired?: 'expired'): Uint8Array;
  /** Breaks the connections of both parties once; they can be made again. */
  interrupt(): Promise<void>;
  close(): Promise<void>;
}

/** Registers one test: `test` of node:test or of another runner. */
export type RegisterTest = (name: string, run: () => Promise<void>) => unknown;

/** What a transport has to promise, as tests. `open` makes a world for each. */
export function transportCompliance(register: RegisterTest, open: () => Promise<ComplianceWorld>): void {
  const check = (name: string, run: (world: ComplianceWorld) => Promise<void>): void => {
    register(`transport compliance: ${name}`, async () => {
      const world = await open();
      try {
        await run(world);
      } finally {
        await world.close();
      }
    });
  };

  check('what is accepted arrives byte for byte, and once', async (world) => {
    const delivery = deliveryTo(world, world.bob);
    expectAccepted(await world.alice.transport.deliver(delivery), 'first delivery');
    const received = await collect(world.bob, 1);
    expect(equalBytes(received[0]?.envelope ?? new Uint8Array(), delivery.envelope), 'the bytes differ');
    expect(received[0]?.queue === 'contacts', 'a capability leads to the queue of contacts');
    const again = await world.alice.transport.deliver(delivery);
    expect(again.kind === 'accepted' && again.duplicate, 'the same bytes are known');
    expect((await collect(world.bob, 0)).length === 0, 'acknowledged envelopes do not come again');
  });

  check('envelopes of one sender arrive in the order in which they were accepted', async (world) => {
    const sent: Uint8Array[] = [];
    for (let i = 0; i < 20; i++) {
      const delivery = deliveryTo(world, world.bob);
      expectAccepted(await world.alice.transport.deliver(delivery), 'delivery');
      sent.push(delivery.envelope);
    }
    const received = await collect(world.bob, sent.length, 1);
    expect(
      sent.every((envelope, i) => equalBytes(envelope, received[i]?.envelope ?? new Uint8Array())),
      'the order differs',
    );
  });

  check('many at once are all accepted and all arrive, each once', async (world) => {
    const deliveries = Array.from({ length: 200 }, () => deliveryTo(world, world.bob));
    const outcomes = await Promise.all(deliveries.map((delivery) => world.alice.transport.deliver(delivery)));
    for (const outcome of outcomes) expectAccepted(outcome, 'delivery');
    const received = await collect(world.bob, deliveries.length, 16);
    expect(received.length === deliveries.length, 'as many as were sent');
    for (const { envelope } of deliveries) {
      expect(received.filter((incoming) => equalBytes(incoming.envelope, envelope)).length === 1, 'each exactly once');
    }
  });

  check('a rejected envelope stays and comes again; no more sinks run at once than asked for', async (world) => {
    for (let i = 0; i < 6; i++)
      expectAccepted(await world.alice.transport.deliver(deliveryTo(world, world.bob)), 'delivery');
    let running = 0;
    let most = 0;
    const ending = new AbortController();
    let calls = 0;
    const allSeen = Promise.withResolvers<void>();
    const receiving = world.bob.transport.receive(
      async () => {
        running++;
        most = Math.max(most, running);
        await Promise.resolve();
        await Promise.resolve();
        running--;
        calls++;
        if (calls === 6) allSeen.resolve();
        throw new Error('not now');
      },
      { signal: ending.signal, inFlight: 2 },
    );
    await allSeen.promise;
    ending.abort();
    await receiving;
    expect(most <= 2, 'two at once at most');
    expect((await collect(world.bob, 6)).length === 6, 'all six came again');
  });

  check('being caught up is told after what waited has been handled, and when nothing waited', async (world) => {
    expectAccepted(await world.alice.transport.deliver(deliveryTo(world, world.bob)), 'delivery');
    let handled = 0;
    const first = await untilCaughtUp(world.bob, async () => {
      await Promise.resolve();
      handled++;
    });
    expect(first === 'caught-up' && handled === 1, 'the one that waited was handled first');
    expect((await untilCaughtUp(world.bob, () => Promise.resolve())) === 'caught-up', 'nothing waited');
  });

  check('refusals are outcomes with a code, and change nothing', async (world) => {
    const { alice, bob } = world;
    const good = deliveryTo(world, bob);
    const wrong = { kind: 'capability', secret: new Uint8Array(32).fill(7) } as const;
    const cases: readonly (readonly [Delivery, string])[] = [
      [{ ...good, destination: { ...bob.destination, admission: wrong } }, 'capability'],
      [{ ...good, envelope: good.envelope.subarray(0, good.envelope.length - 1) }, 'malformed'],
      [{ ...good, envelope: new Uint8Array(200_000) }, 'too-large'],
      [{ ...good, envelope: world.envelope(bob.destination, 'expired') }, 'expired'],
      [{ ...good, envelope: world.envelope(alice.destination) }, 'capability'],
    ];
    for (const [delivery, code] of cases) {
      const outcome = await alice.transport.deliver(delivery);
      expect(outcome.kind === 'refused' && outcome.code === code, `${code} was expected, got ${describe(outcome)}`);
    }
    expect((await collect(bob, 0)).length === 0, 'nothing arrived');
    expectAccepted(await alice.transport.deliver(good), 'the good one');
  });

  check('a gateway that is not there is an outcome', async (world) => {
    const gateway = `sotto://127.0.0.1:1/${'a'.repeat(52)}`;
    const delivery = deliveryTo(world, world.bob);
    const outcome = await world.alice.transport.deliver({
      ...delivery,
      destination: { ...delivery.destination, gateway },
    });
    expect(outcome.kind === 'unreachable', `unreachable was expected, got ${describe(outcome)}`);
  });

  check('an aborted delivery is an outcome', async (world) => {
    const outcome = await world.alice.transport.deliver(deliveryTo(world, world.bob), AbortSignal.abort());
    expect(outcome.kind === 'unreachable', `unreachable was expected, got ${describe(outcome)}`);
  });

  check('receiving goes on after the connection broke', async (world) => {
    const received: Incoming[] = [];
    const ending = new AbortController();
    const states: string[] = [];
    const forget = world.bob.transport.onState((state) => states.push(state.kind));
    const both = Promise.withResolvers<void>();
    const one = Promise.withResolvers<void>();
    const receiving = world.bob.transport.receive(
      (incoming) => {
        received.push(incoming);
        if (received.length === 1) one.resolve();
        if (received.length === 2) both.resolve();
        return Promise.resolve();
      },
      { signal: ending.signal, inFlight: 4 },
    );
    expectAccepted(await world.alice.transport.deliver(deliveryTo(world, world.bob)), 'before');
    await one.promise;
    expect(world.bob.transport.state.kind === 'online', 'online while receiving');
    await world.interrupt();
    await accepted(world, deliveryTo(world, world.bob));
    await both.promise;
    ending.abort();
    await receiving;
    forget();
    expect(states.filter((state) => state === 'online').length >= 2, 'it was online twice');
    expect(world.bob.transport.state.kind !== 'online', 'not online when not receiving');
  });

  check('closing ends everything', async (world) => {
    const receiving = world.bob.transport.receive(() => Promise.resolve(), {
      signal: new AbortController().signal,
      inFlight: 1,
    });
    await world.bob.transport.close();
    await receiving;
    expect(world.bob.transport.state.kind === 'closed', 'the state says so');
    const outcome = await world.bob.transport.deliver(deliveryTo(world, world.alice));
    expect(outcome.kind === 'unreachable', 'nothing is delivered any more');
  });
}

function deliveryTo(world: ComplianceWorld, party: ComplianceParty): Delivery {
  return { destination: party.destination, envelope: world.envelope(party.destination) };
}

/** Delivers as an outbox would: again until it is accepted. */
async function accepted(world: ComplianceWorld, delivery: Delivery): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const outcome = await world.alice.transport.deliver(delivery);
    if (outcome.kind === 'accepted') return;
    expect(outcome.kind === 'unreachable', `only unreachable may be tried again, got ${describe(outcome)}`);
  }
  throw new ComplianceError('never accepted');
}

/** Receives until caught up, and at least `count`. */
async function collect(party: ComplianceParty, count: number, inFlight = 4): Promise<Incoming[]> {
  const received: Incoming[] = [];
  const ending = new AbortController();
  let caughtUp = false;
  const done = (): void => {
    if (caughtUp && received.length >= count) ending.abort();
  };
  await party.transport.receive(
    (incoming) => {
      received.push(incoming);
      done();
      return Promise.resolve();
    },
    {
      signal: ending.signal,
      inFlight,
      onCaughtUp: () => {
        caughtUp = true;
        done();
      },
    },
  );
  return received;
}

async function untilCaughtUp(party: ComplianceParty, sink: () => Promise<void>): Promise<'caught-up' | 'never'> {
  const ending = new AbortController();
  let outcome: 'caught-up' | 'never' = 'never';
  await party.transport.receive(sink, {
    signal: ending.signal,
    inFlight: 4,
    onCaughtUp: () => {
      outcome = 'caught-up';
      ending.abort();
    },
  });
  return outcome;
}

/** A transport does not do what it should. */
class ComplianceError extends Error {
  override readonly name = 'ComplianceError';
}

function expect(condition: boolean, message: string): void {
  if (!condition) throw new ComplianceError(message);
}

function expectAccepted(outcome: DeliveryOutcome, what: string): void {
  expect(outcome.kind === 'accepted' && !outcome.duplicate, `${what}: accepted was expected, got ${describe(outcome)}`);
}

function describe(outcome: DeliveryOutcome): string {
  return outcome.kind === 'refused' ? `refused (${outcome.code})` : outcome.kind;
}
