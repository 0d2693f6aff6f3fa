import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { hexOf, person, textOf } from './support.ts';
import type { TestDevice } from './support.ts';

/** One thing that happens among three devices. `a` and `b` choose devices, `n` a message, session or outcome. */
export type Happening = {
  readonly what:
    | 'send'
    | 'send-crash'
    | 'deliver'
    | 'deliver-crash'
    | 'duplicate'
    | 'drop'
    | 'begin'
    | 'restart'
    | 'unlock';
  readonly a: number;
  readonly b: number;
  readonly n: number;
};

export const happenings: fc.Arbitrary<Happening[]> = fc.array(
  fc.record({
    what: fc.oneof(
      { weight: 8, arbitrary: fc.constant('send' as const) },
      { weight: 8, arbitrary: fc.constant('deliver' as const) },
      { weight: 2, arbitrary: fc.constant('send-crash' as const) },
      { weight: 2, arbitrary: fc.constant('deliver-crash' as const) },
      { weight: 2, arbitrary: fc.constant('duplicate' as const) },
      { weight: 1, arbitrary: fc.constant('drop' as const) },
      { weight: 2, arbitrary: fc.constant('begin' as const) },
      { weight: 1, arbitrary: fc.constant('restart' as const) },
      { weight: 1, arbitrary: fc.constant('unlock' as const) },
    ),
    a: fc.nat(2),
    b: fc.nat(1),
    n: fc.nat(1000),
  }),
  { minLength: 10, maxLength: 80, size: 'max' },
);

interface Underway {
  readonly to: TestDevice;
  readonly envelope: Uint8Array;
  readonly text: string;
}

/** Three devices and a channel that loses, repeats and reorders. Asserts what must hold after every step. */
export class Network {
  readonly #devices: readonly TestDevice[];
  readonly #underway: Underway[] = [];
  readonly #arrived = new Map<string, number>();
  readonly #dropped = new Set<string>();
  #sent = 0;

  private constructor(devices: readonly TestDevice[]) {
    this.#devices = devices;
  }

  static async create(): Promise<Network> {
    return new Network([await person(1), await person(1), await person(0)]);
  }

  async run(steps: readonly Happening[]): Promise<void> {
    for (const step of steps) await this.#step(step);
    while (this.#underway.length > 0) await this.#deliver(0, false);
    // What was delivered at all was delivered once; only what the channel dropped is missing.
    for (let number = 0; number < this.#sent; number++) {
      const text = `m${number}`;
      const times = this.#arrived.get(text) ?? 0;
      assert.ok(this.#dropped.has(text) ? times <= 1 : times === 1, `${text} arrived ${times} times`);
    }
  }

  async #step({ what, a, b, n }: Happening): Promise<void> {
    const from = this.#devices[a]!;
    const to = this.#devices.filter((device) => device !== from)[b]!;
    const at = this.#underway.length === 0 ? 0 : n % this.#underway.length;
    if (what === 'begin') await from.start(to);
    else if (what === 'restart') from.restart();
    else if (what === 'unlock') await this.#unlock(from);
    else if (what === 'send' || what === 'send-crash') await this.#send(from, to, n, what === 'send-crash');
    else if (this.#underway.length === 0) return;
    else if (what === 'duplicate') this.#underway.push(this.#underway[at]!);
    else if (what === 'drop') this.#drop(at);
    else await this.#deliver(at, what === 'deliver-crash');
  }

  async #send(from: TestDevice, to: TestDevice, n: number, crash: boolean): Promise<void> {
    const prefix = `session/${hexOf(to.device)}/`;
    const sessions = [...from.records.keys()].filter((name) => name.startsWith(prefix));
    const session = sessions[n % Math.max(1, sessions.length)] ?? (await from.start(to));
    const before = new Map(from.records);
    if (crash) {
      // Sealed, not committed, never sent.
      await from.attempt({
        kind: 'encrypt',
        session,
        content: new TextEncoder().encode('never'),
        mailbox: to.mailbox,
        expiresAt: 1_800_003_600,
        urgency: 'normal',
      });
      assert.deepEqual(from.records, before);
      from.restart();
      return;
    }
    const text = `m${this.#sent++}`;
    this.#underway.push({ to, envelope: await from.send(to, session, text), text });
  }

  async #deliver(at: number, crash: boolean): Promise<void> {
    const { to, envelope, text } = this.#underway[at]!;
    const request = to.processRequest(envelope);
    if (crash) {
      const before = new Map(to.records);
      const { result } = await to.attempt(request, to.expectedRecords(envelope));
      this.#check(result, text);
      assert.deepEqual(to.records, before);
      to.restart();
      await this.#unlock(to);
      return;
    }
    this.#underway.splice(at, 1);
    const result = await to.receive(envelope);
    this.#check(result, text);
    if (result.kind === 'message') this.#arrived.set(text, (this.#arrived.get(text) ?? 0) + 1);
  }

  /** The first time the message, later a duplicate; without the used tag, an ordinary one is not even recognised. */
  #check(result: Awaited<ReturnType<TestDevice['receive']>>, text: string): void {
    if (this.#arrived.has(text)) {
      const again = result.kind === 'duplicate' || (result.kind === 'unreadable' && result.reason === 'no-session');
      assert.ok(again, `${text} again: ${textOf(result)}`);
    } else assert.equal(textOf(result), text);
  }

  #drop(at: number): void {
    const [dropped] = this.#underway.splice(at, 1);
    if (dropped !== undefined && !this.#underway.some(({ text }) => text === dropped.text))
      this.#dropped.add(dropped.text);
  }

  /** Rebuilds the table of tags from records alone, as at unlock. */
  async #unlock(device: TestDevice): Promise<void> {
    device.tags.clear();
    for (const session of device.records.keys()) {
      if (!session.startsWith('session/')) continue;
      const { tags } = await device.call({ kind: 'session-tags', session });
      for (const { tag, record } of tags) device.tags.set(hexOf(tag), { session, record });
    }
  }
}
