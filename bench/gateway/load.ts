/**
 * Devices and senders in a process of their own: the load of the gateway benchmark. They register and log in through
 * the public client; the measured streams are bare frames, so that the load costs less than what it loads.
 */
import { readFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { nativeProvider } from '@sotto/crypto';
import {
  encodeEnvelope,
  encodeEnvelopeHeader,
  loginMessage,
  mailboxId,
  parseGatewayAddress,
  roundExpiry,
  SUITE_PQXDH,
} from '@sotto/wire';
import type { LoadAnswer, LoadOrder, LoadTask, PreparedDevice } from './protocol.ts';
import { callJson, openSession, PostTemplate, RawReceiver, RawSender } from './raw-client.ts';

const provider = nativeProvider();

/** A message of 1 KiB of text is sealed into this bucket. */
const SEALED_BYTES = 2048;
const CREDIT = 256;
/** As the public client gathers acknowledgements. */
const GATHER_MS = 20;
const POSTS_PER_FRAME = 64;

/** Devices that log in and connect at the same time. */
const CONNECTING = 20;

const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

function templateOf(device: PreparedDevice): PostTemplate {
  const expiresAt = roundExpiry(Date.now() / 1000 + 86_400);
  const mailbox = mailboxId(fromHex(device.mailbox));
  const header = encodeEnvelopeHeader({ suite: SUITE_PQXDH, mailbox, expiresAt, urgency: 'high' });
  return new PostTemplate(encodeEnvelope(header, provider.random(SEALED_BYTES)), fromHex(device.secret));
}

/** A device on a connection of its own, logged in. */
interface LoggedIn {
  readonly session: ClientHttp2Session;
  readonly token: string;
}

async function logInOne(address: string, device: PreparedDevice): Promise<LoggedIn> {
  const session = openSession(urlOf(address));
  return { session, token: await logIn(session, address, device) };
}

/** Opens a device's stream; resolves when it has caught up. */
async function openStream({ session, token }: LoggedIn): Promise<RawReceiver> {
  const caughtUp = Promise.withResolvers<void>();
  const receiver = new RawReceiver({
    session,
    token,
    credit: CREDIT,
    gatherMs: GATHER_MS,
    onArrival: () => received++,
    onCaughtUp: () => caughtUp.resolve(),
  });
  await caughtUp.promise;
  return receiver;
}

async function logIn(session: ClientHttp2Session, address: string, prepared: PreparedDevice): Promise<string> {
  const { nonce = '' } = await callJson(session, 'DeviceService/GetChallenge', {});
  const { pin: gatewayIdentity } = parseGatewayAddress(address);
  const device = fromHex(prepared.device);
  const facts = { gatewayIdentity, channelBinding: null, device, nonce: new Uint8Array(Buffer.from(nonce, 'base64')) };
  using key = provider.importPrivate('ed25519', fromHex(prepared.seed));
  const signature = base64(provider.sign(key, loginMessage(facts)));
  const proof = { account: base64(fromHex(prepared.account)), device: base64(device), nonce, signature };
  const { token = '' } = await callJson(session, 'DeviceService/Login', { proof });
  return token;
}

/** Does something for each, a few at a time. */
async function each<From, To>(items: readonly From[], action: (item: From) => Promise<To>): Promise<To[]> {
  const results: To[] = [];
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) results.push(await action(next));
  };
  await Promise.all(Array.from({ length: CONNECTING }, worker));
  return results;
}

async function connectAll(address: string, devices: readonly PreparedDevice[]): Promise<RawReceiver[]> {
  return each(devices, async (device) => openStream(await logInOne(address, device)));
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

type TaskOf<Kind extends LoadTask['kind']> = Extract<LoadTask, { readonly kind: Kind }>;

async function posting(address: string, devices: readonly PreparedDevice[], task: TaskOf<'post'>): Promise<void> {
  const receivers = await connectAll(address, devices);
  const templates = devices.map(templateOf);
  let next = 0;
  let until = Number.POSITIVE_INFINITY;
  const targets = () => (performance.now() > until ? null : (templates[next++ % templates.length] ?? null));
  const senders = Array.from({ length: task.senders }, () => new Sender(urlOf(address), targets));
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

async function delivering(address: string, devices: readonly PreparedDevice[], task: TaskOf<'deliver'>): Promise<void> {
  const templates = devices.map(templateOf);
  let next = 0;
  const total = devices.length * task.waiting;
  const sender = new Sender(urlOf(address), () =>
    next < total ? (templates[next++ % templates.length] ?? null) : null,
  );
  await sender.run(512);
  sender.close();
  const loggedIn = await each(devices, (device) => logInOne(address, device));
  await measure(
    async () => {
      const receivers = await each(loggedIn, openStream);
      // What was received last is still to be acknowledged.
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS + 100));
      for (const receiver of receivers) receiver.close();
    },
    () => received,
  );
}

async function idling(address: string, devices: readonly PreparedDevice[]): Promise<void> {
  const receivers = await connectAll(address, devices);
  await measure(
    () => new Promise((resolve) => process.once('message', () => resolve())),
    () => received,
  );
  for (const receiver of receivers) receiver.close();
}

function work({ address, devices: file, task }: LoadOrder): Promise<void> {
  const devices = JSON.parse(readFileSync(file, 'utf8')) as PreparedDevice[];
  switch (task.kind) {
    case 'post':
      return posting(address, devices, task);
    case 'deliver':
      return delivering(address, devices, task);
    case 'idle':
      return idling(address, devices);
  }
}

process.once('message', (order: LoadOrder) => {
  work(order).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
