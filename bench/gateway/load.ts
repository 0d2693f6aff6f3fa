/**
 * Devices and senders in a process of their own: the load of the gateway benchmark. They register and log in through
 * the public client; the measured streams are bare frames, so that the load costs less than what it loads.
 */
import { connectDevice } from '@sotto/gateway-api';
import { nativeProvider } from '@sotto/crypto';
import { createAccountKeys, createDeviceKeys, deviceIdOf, signGenesis } from '@sotto/identity';
import { systemClock } from '@sotto/transport';
import {
  capabilityHashOf,
  encodeEnvelope,
  encodeEnvelopeHeader,
  loginMessage,
  mailboxId,
  roundExpiry,
  SUITE_PQXDH,
} from '@sotto/wire';
import type { LoadAnswer, LoadOrder } from './protocol.ts';
import { PostTemplate, RawReceiver, RawSender } from './raw-client.ts';

const provider = nativeProvider();

/** A message of 1 KiB of text is sealed into this bucket. */
const SEALED_BYTES = 2048;
const CREDIT = 256;
/** As the public client gathers acknowledgements. */
const GATHER_MS = 20;
const POSTS_PER_FRAME = 64;

interface Registered {
  readonly token: string;
  readonly template: PostTemplate;
}

async function register(address: string): Promise<Registered> {
  const account = createAccountKeys(provider);
  const keys = createDeviceKeys(provider);
  const genesis = signGenesis(provider, account, keys, {
    deviceName: 'load',
    policy: { devices: 'multi' },
    minimumSuite: SUITE_PQXDH,
    rights: { messages: true, manage: true },
    now: Date.now(),
  });
  const id = deviceIdOf(provider, keys.ed25519.publicKey, keys.x25519.publicKey);
  const device = connectDevice({
    address,
    account: genesis.account,
    device: id,
    clock: systemClock,
    signLogin: (challenge) => Promise.resolve(provider.sign(keys.ed25519, loginMessage({ ...challenge, device: id }))),
  });
  const mailbox = await device.register({ statements: [genesis.bytes] });
  const secret = provider.random(32);
  const hash = capabilityHashOf(secret, (...parts) => provider.hash('sha256', ...parts));
  await device.createCapabilities([{ hash, mailbox, dailyQuota: 1_000_000 }]);
  const { token } = await device.unboundToken();
  await device.close();
  const expiresAt = roundExpiry(Date.now() / 1000 + 86_400);
  const header = encodeEnvelopeHeader({ suite: SUITE_PQXDH, mailbox: mailboxId(mailbox), expiresAt, urgency: 'high' });
  return { token, template: new PostTemplate(encodeEnvelope(header, provider.random(SEALED_BYTES)), secret) };
}

async function registerAll(address: string, count: number): Promise<Registered[]> {
  const all: Registered[] = [];
  while (all.length < count) {
    const batch = Math.min(20, count - all.length);
    all.push(...(await Promise.all(Array.from({ length: batch }, () => register(address)))));
  }
  return all;
}

function urlOf(address: string): string {
  return address.replace('sotto://', 'https://').replace(/\/[^/]*$/, '');
}

const refused: Record<string, number> = {};
const latencies: number[] = [];
let accepted = 0;
let received = 0;
let serial = 0;

/** Keeps `window` posts in flight, over the mailboxes in turn; what gathers goes in one frame. */
class Sender {
  readonly #raw: RawSender;
  readonly #sentAt = new Map<number, number>();
  readonly #targets: () => PostTemplate | null;
  #number = 0;
  #inFlight = 0;
  #due = 0;
  #scheduled = false;
  #done: (() => void) | undefined;

  constructor(url: string, targets: () => PostTemplate | null) {
    this.#targets = targets;
    this.#raw = new RawSender(url, {
      onAccepted: (number) => {
        accepted++;
        const sentAt = this.#sentAt.get(number);
        if (sentAt !== undefined) {
          latencies.push(performance.now() - sentAt);
          this.#sentAt.delete(number);
        }
        this.#settled();
      },
      onRefused: (_number, refusal) => {
        refused[refusal] = (refused[refusal] ?? 0) + 1;
        this.#settled();
      },
    });
  }

  /** Resolves when there are no more targets and everything is answered. */
  run(window: number): Promise<void> {
    this.#due = window;
    this.#send();
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  close(): void {
    this.#raw.close();
  }

  #settled(): void {
    this.#inFlight--;
    this.#due++;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #send(): void {
    while (this.#due > 0) {
      const posts: { template: PostTemplate; number: number; serial: number }[] = [];
      while (posts.length < Math.min(this.#due, POSTS_PER_FRAME)) {
        const template = this.#targets();
        if (template === null) break;
        const number = ++this.#number;
        if (number % 100 === 0) this.#sentAt.set(number, performance.now());
        posts.push({ template, number, serial: ++serial });
      }
      if (posts.length === 0) {
        this.#due = 0;
        if (this.#inFlight === 0) this.#done?.();
        return;
      }
      this.#due -= posts.length;
      this.#inFlight += posts.length;
      this.#raw.send(posts);
    }
  }
}

/** Opens a stream for each; resolves when all have caught up. */
async function receiveAll(url: string, registered: readonly Registered[]): Promise<RawReceiver[]> {
  const receivers: RawReceiver[] = [];
  let left = registered.length;
  const all = Promise.withResolvers<void>();
  for (const [index, { token }] of registered.entries()) {
    const onCaughtUp = () => {
      left--;
      if (left === 0) all.resolve();
    };
    receivers.push(
      new RawReceiver({ url, token, credit: CREDIT, gatherMs: GATHER_MS, onArrival: () => received++, onCaughtUp }),
    );
    // A crowd that comes all at once is another benchmark.
    if (index % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await all.promise;
  return receivers;
}

function tell(answer: LoadAnswer): void {
  process.send?.(answer);
}

/** Runs the measured part and tells what came of it. `progress` is what counts. */
async function measure(run: () => Promise<void>, progress: () => number): Promise<void> {
  tell({ kind: 'started' });
  const before = process.cpuUsage();
  const began = performance.now();
  const rates: number[] = [];
  const first = progress();
  let last = first;
  const timer = setInterval(() => {
    rates.push(progress() - last);
    last = progress();
  }, 1000);
  await run();
  clearInterval(timer);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(before);
  const count = progress() - first;
  tell({ kind: 'done', seconds, rates, count, received, refused, cpuMicroseconds: user + system, latencies });
}

async function posting({ address, task }: LoadOrder & { readonly task: { readonly kind: 'post' } }): Promise<void> {
  const url = urlOf(address);
  const registered = await registerAll(address, task.mailboxes);
  const receivers = await receiveAll(url, registered);
  let next = 0;
  let until = Number.POSITIVE_INFINITY;
  const targets = () => (performance.now() > until ? null : (registered[next++ % registered.length]?.template ?? null));
  const senders = Array.from({ length: task.senders }, () => new Sender(url, targets));
  await measure(
    async () => {
      until = performance.now() + task.seconds * 1000;
      await Promise.all(senders.map((sender) => sender.run(task.window)));
    },
    () => accepted,
  );
  for (const sender of senders) sender.close();
  for (const receiver of receivers) receiver.close();
}

async function delivering({
  address,
  task,
}: LoadOrder & { readonly task: { readonly kind: 'deliver' } }): Promise<void> {
  const url = urlOf(address);
  const registered = await registerAll(address, task.mailboxes);
  let next = 0;
  const total = task.mailboxes * task.waiting;
  const sender = new Sender(url, () =>
    next < total ? (registered[next++ % registered.length]?.template ?? null) : null,
  );
  await sender.run(512);
  sender.close();
  await measure(
    async () => {
      const receivers = await receiveAll(url, registered);
      await new Promise<void>((resolve) => {
        const timer = setInterval(() => {
          if (received < total) return;
          clearInterval(timer);
          resolve();
        }, 2);
      });
      // What was received last is still to be acknowledged.
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS + 100));
      for (const receiver of receivers) receiver.close();
    },
    () => received,
  );
}

async function idling({ address, task }: LoadOrder & { readonly task: { readonly kind: 'idle' } }): Promise<void> {
  const registered = await registerAll(address, task.devices);
  const receivers = await receiveAll(urlOf(address), registered);
  await measure(
    () => new Promise((resolve) => process.once('message', () => resolve())),
    () => received,
  );
  for (const receiver of receivers) receiver.close();
}

process.once('message', (order: LoadOrder) => {
  const { task } = order;
  const work =
    task.kind === 'post'
      ? posting({ ...order, task })
      : task.kind === 'deliver'
        ? delivering({ ...order, task })
        : idling({ ...order, task });
  work.then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
