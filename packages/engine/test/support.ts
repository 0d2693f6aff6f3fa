import { fromBinary, create, toBinary } from '@bufbuild/protobuf';
import { nativeProvider } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { InProcessEngine } from '@sotto/engine';
import type { Engine, EngineRequest, EngineCalls, PrekeyMade, RecordChange, RequestKind } from '@sotto/engine';
import { decodeEnvelope, GetBundleResponseSchema, PrekeyEntrySchema, roundExpiry } from '@sotto/wire';
import type { ProvenPrekey } from '@sotto/wire';

export const NOW = 1_800_000_000_000;
export const EXPIRES = roundExpiry(NOW / 1000 + 7 * 86_400);

/** A device with its own engine, a record store, and a gateway's view of its prekeys. */
export class TestDevice {
  engine: Engine;
  readonly records = new Map<string, Uint8Array>();
  readonly crypto: CryptoProvider;
  readonly mailbox: Uint8Array;
  account: Uint8Array = new Uint8Array();
  device: Uint8Array = new Uint8Array();
  chain: Uint8Array[] = [];
  lasting: ProvenPrekey[] = [];
  oneTime: PrekeyMade[] = [];
  /** Session and record by tag, hex. */
  readonly tags = new Map<string, { session: string; record: string | null }>();
  nextPrekey = 1;

  constructor(crypto: CryptoProvider = nativeProvider()) {
    this.crypto = crypto;
    this.engine = this.newEngine();
    this.mailbox = crypto.random(16);
  }

  newEngine(): Engine {
    return new InProcessEngine({ crypto: this.crypto, cachedKeys: 16, cachedChains: 4 });
  }

  /** As after a restart: records stay, caches do not. */
  restart(): void {
    this.engine = this.newEngine();
  }

  /** Calls until nothing more is needed; changes are returned, not stored. */
  async attempt<Kind extends RequestKind>(
    request: EngineRequest<Kind>,
    known: readonly string[] = [],
  ): Promise<{ result: EngineCalls[Kind]['result']; changed: readonly RecordChange[]; rounds: number }> {
    const given = this.given(known);
    for (let rounds = 1; rounds <= 6; rounds++) {
      const reply = await this.engine.call(request, given);
      if (reply.kind === 'done') return { ...reply, rounds };
      for (const [name, record] of this.given(reply.names)) given.set(name, record);
    }
    throw new Error('more rounds than any call needs');
  }

  given(names: readonly string[]): Map<string, Uint8Array | null> {
    return new Map(names.map((name) => [name, this.records.get(name) ?? null]));
  }

  /** Calls and stores what changed. */
  async call<Kind extends RequestKind>(request: EngineRequest<Kind>): Promise<EngineCalls[Kind]['result']> {
    const { result, changed } = await this.attempt(request);
    this.commit(changed);
    return result;
  }

  commit(changed: readonly RecordChange[]): void {
    for (const { name, bytes } of changed) {
      if (bytes === null) this.records.delete(name);
      else this.records.set(name, bytes.slice());
    }
  }

  get own() {
    return { account: this.account, device: this.device, chain: this.chain };
  }

  async createAccount(deviceName = 'Phone'): Promise<this> {
    const made = await this.call({ kind: 'create-account', deviceName, devices: 'multi', now: NOW });
    this.account = made.account;
    this.device = made.device;
    this.chain = [...made.statements];
    return this;
  }

  async createPrekeys(oneTime: number, now = NOW): Promise<this> {
    const request = { kind: 'create-prekeys', lasting: true, oneTime, firstId: this.nextPrekey, now } as const;
    const made = await this.call(request);
    this.nextPrekey += 3 + 2 * oneTime;
    this.lasting = made.lasting.map(provenOf);
    this.oneTime.push(...made.oneTime);
    return this;
  }

  /** A bundle as a gateway hands it out: one-time keys once each, and not at all if asked not to. */
  bundle({ oneTime = true, kem = true } = {}): Uint8Array {
    const prekeys = this.lasting.filter((prekey) => kem || kindOf(prekey) !== 2);
    for (const kind of ['one-time', 'one-time-kem']) {
      const at = this.oneTime.findIndex((prekey) => prekey.kind === kind);
      if (at < 0 || !oneTime || (kind === 'one-time-kem' && !kem)) continue;
      prekeys.push(...this.oneTime.splice(at, 1).map(provenOf));
    }
    return toBinary(GetBundleResponseSchema, create(GetBundleResponseSchema, { mailbox: this.mailbox, prekeys }));
  }

  startRequest(peer: TestDevice, bundle = peer.bundle(), now = NOW): EngineRequest<'start-session'> {
    return {
      kind: 'start-session',
      own: this.own,
      peerChain: peer.chain,
      peerDevice: peer.device,
      peerChainCheckedAt: now,
      bundle,
      now,
    };
  }

  async start(peer: TestDevice, bundle?: Uint8Array): Promise<string> {
    const { session, tags } = await this.call(this.startRequest(peer, bundle));
    for (const { tag, record } of tags) this.tags.set(hexOf(tag), { session, record });
    return session;
  }

  async send(peer: TestDevice, session: string, text: string): Promise<Uint8Array> {
    const content = new TextEncoder().encode(text);
    const request = { kind: 'encrypt', session, content, mailbox: peer.mailbox, expiresAt: EXPIRES } as const;
    const { envelope } = await this.call({ ...request, urgency: 'high' });
    return envelope;
  }

  processRequest(envelope: Uint8Array, change: Partial<EngineRequest<'process'>> = {}): EngineRequest<'process'> {
    const expected = this.tags.get(hexOf(tagOf(envelope)));
    const session = expected?.session ?? null;
    const { own, mailbox } = this;
    return { kind: 'process', own, mailbox, envelope, session, senderChain: null, now: NOW, ...change };
  }

  /** Records that the table of tags names for an envelope. */
  expectedRecords(envelope: Uint8Array): string[] {
    const expected = this.tags.get(hexOf(tagOf(envelope)));
    if (expected === undefined) return [];
    return expected.record === null ? [expected.session] : [expected.session, expected.record];
  }

  async receive(
    envelope: Uint8Array,
    change?: Partial<EngineRequest<'process'>>,
  ): Promise<EngineCalls['process']['result']> {
    const { result, changed } = await this.attempt(
      this.processRequest(envelope, change),
      this.expectedRecords(envelope),
    );
    this.commit(changed);
    if (result.kind === 'message') this.learnTags(result);
    return result;
  }

  learnTags({ session, tags }: Extract<EngineCalls['process']['result'], { kind: 'message' }>): void {
    if (tags.upcoming !== null) {
      for (const [tag, known] of this.tags)
        if (known.session === session && known.record === null) this.tags.delete(tag);
      for (const { tag, record } of tags.upcoming) this.tags.set(hexOf(tag), { session, record });
    }
    for (const { tag, record } of tags.skipped) this.tags.set(hexOf(tag), { session, record });
    if (tags.used !== null) this.tags.delete(hexOf(tags.used));
  }
}

export async function person(oneTime = 2): Promise<TestDevice> {
  const made = await new TestDevice().createAccount();
  return made.createPrekeys(oneTime);
}

/** The first session that one device has with another. */
export function sessionOf(device: TestDevice, peer: TestDevice): string {
  const prefix = `session/${hexOf(peer.device)}/`;
  const found = [...device.records.keys()].find((name) => name.startsWith(prefix));
  if (found === undefined) throw new Error('no session');
  return found;
}

export function textOf(result: EngineCalls['process']['result']): string {
  return result.kind === 'message' ? new TextDecoder().decode(result.content) : result.kind;
}

function provenOf({ entry }: PrekeyMade): ProvenPrekey {
  const { prekey } = fromBinary(PrekeyEntrySchema, entry);
  if (prekey === undefined) throw new Error('an entry without its prekey');
  return prekey;
}

/** The kind stands first in a leaf. */
function kindOf({ leaf }: ProvenPrekey): number {
  return leaf[1] ?? 0;
}

/** What a client looks up: the first 8 bytes of the sealed part; of no envelope, none. */
function tagOf(envelope: Uint8Array): Uint8Array {
  try {
    return decodeEnvelope(envelope).sealed.subarray(0, 8);
  } catch {
    return new Uint8Array(0);
  }
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
