import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { nativeProvider } from '@sotto/crypto';
import { InProcessEngine } from '@sotto/engine';
import type { EngineCalls, EngineRequest, OwnIdentity, PrekeyMade, RequestKind } from '@sotto/engine';
import { GetBundleResponseSchema, PrekeyEntrySchema, roundExpiry } from '@sotto/wire';
import type { ProvenPrekey } from '@sotto/wire';
import type { Party, SenderKeyPair } from './party.ts';

const NOW = Date.now();
const EXPIRES_AT = roundExpiry(NOW / 1000 + 7 * 86_400);
const ONE_TIME_KEYS = 100;
const NOTHING = new Uint8Array(0);
const provider = nativeProvider();

/** A device with an engine of its own, and its records as a vault would keep them. */
class Device {
  readonly mailbox = provider.random(16);
  readonly #engine = new InProcessEngine({ crypto: provider });
  readonly #records = new Map<string, Uint8Array>();
  own: OwnIdentity = { account: NOTHING, device: NOTHING, chain: [] };

  /** `names`: the records that the caller knows to be needed. What else is asked for is added. */
  async call<Kind extends RequestKind>(
    request: EngineRequest<Kind>,
    ...names: readonly string[]
  ): Promise<EngineCalls[Kind]['result']> {
    const records = new Map<string, Uint8Array | null>();
    for (const name of names) records.set(name, this.#records.get(name) ?? null);
    for (;;) {
      const reply = await this.#engine.call(request, records);
      if (reply.kind === 'done') {
        for (const { name, bytes } of reply.changed) {
          if (bytes === null) this.#records.delete(name);
          else this.#records.set(name, bytes);
        }
        return reply.result;
      }
      for (const name of reply.names) records.set(name, this.#records.get(name) ?? null);
    }
  }

  async create(): Promise<this> {
    const made = await this.call({ kind: 'create-account', deviceName: 'phone', devices: 'multi', now: NOW });
    this.own = { account: made.account, device: made.device, chain: made.statements };
    return this;
  }
}

/** What a gateway holds of a device's prekeys; refilled when it runs out. */
class Stock {
  readonly #device: Device;
  #lasting: readonly PrekeyMade[] = [];
  #oneTime: PrekeyMade[] = [];
  #nextId = 1;

  constructor(device: Device) {
    this.#device = device;
  }

  /** One of each kind. Lasting and one-time keys come from two batches, as they do once a device has refilled them. */
  async bundle(): Promise<Uint8Array> {
    if (this.#lasting.length === 0) this.#lasting = (await this.#make(true, 0)).lasting;
    if (this.#oneTime.length === 0) this.#oneTime = [...(await this.#make(false, ONE_TIME_KEYS)).oneTime];
    const taken = (['one-time', 'one-time-kem'] as const).flatMap((kind) => {
      const index = this.#oneTime.findIndex((prekey) => prekey.kind === kind);
      return this.#oneTime.splice(index, 1);
    });
    const prekeys = [...this.#lasting, ...taken].map(provenOf);
    return toBinary(
      GetBundleResponseSchema,
      create(GetBundleResponseSchema, { mailbox: this.#device.mailbox, prekeys }),
    );
  }

  async #make(lasting: boolean, oneTime: number) {
    const firstId = this.#nextId;
    const made = await this.#device.call({ kind: 'create-prekeys', lasting, oneTime, firstId, now: NOW });
    this.#nextId += made.lasting.length + made.oneTime.length;
    return made;
  }
}

function provenOf({ entry }: PrekeyMade): ProvenPrekey {
  const { prekey } = fromBinary(PrekeyEntrySchema, entry);
  if (prekey === undefined) throw new Error('an entry without its prekey');
  return prekey;
}

function party(device: Device, peer: Device): Party {
  const stock = new Stock(device);
  let session = '';
  let opening = '';

  const encrypt = async (content: Uint8Array): Promise<Uint8Array> => {
    const request = { kind: 'encrypt', session, content, mailbox: peer.mailbox, expiresAt: EXPIRES_AT } as const;
    const names = opening === '' ? [session] : [session, opening];
    return (await device.call({ ...request, urgency: 'high' }, ...names)).envelope;
  };
  const process = async (envelope: Uint8Array, known: string | null, ...names: string[]): Promise<Uint8Array> => {
    const { own, mailbox } = device;
    const request = { kind: 'process', own, mailbox, envelope, session: known, senderChain: null, now: NOW } as const;
    const result = await device.call(request, ...names);
    if (result.kind !== 'message') throw new Error(result.kind);
    session = result.session;
    return result.content;
  };
  return {
    bundle: () => stock.bundle(),
    forget() {
      session = '';
      opening = '';
    },
    async start(bundle, content) {
      const started = await device.call(
        {
          kind: 'start-session',
          own: device.own,
          peerChain: peer.own.chain,
          peerDevice: peer.own.device,
          peerChainCheckedAt: NOW,
          bundle: bundle as Uint8Array,
          now: NOW,
        },
        'device/keys',
      );
      session = started.session;
      opening = `opening/${session.slice(session.lastIndexOf('/') + 1)}`;
      return encrypt(content);
    },
    accept: (sealed) => process(sealed, null, 'device/keys', 'sealing-prekeys'),
    encrypt,
    async decrypt(sealed) {
      const content = await process(sealed, session, session);
      opening = '';
      return content;
    },
  };
}

/** Two parties that have each other's chains, as after first contact. */
export async function parties(): Promise<readonly [Party, Party]> {
  const anh = await new Device().create();
  const binh = await new Device().create();
  return [party(anh, binh), party(binh, anh)];
}

/** Both records of a sender key. */
function statesOf(key: string): string[] {
  return [key, key.replace('group-key', 'group-state')];
}

/** A sender key at its owner and at one receiver. */
export async function senderKey(): Promise<SenderKeyPair> {
  const sender = await new Device().create();
  const receiver = await new Device().create();
  const group = provider.random(32);
  const roster = provider.random(32);
  const { account, device } = sender.own;
  const { key } = await sender.call({ kind: 'create-group-key', account, device, group, now: NOW });
  const { distribution } = await sender.call({ kind: 'distribute-group-key', key, roster });
  const accept = { kind: 'accept-group-key', account, device, group, distribution, now: NOW } as const;
  const { key: theirs } = await receiver.call(accept);
  return {
    async encrypt(content) {
      const request = { kind: 'encrypt-group', key, roster, content, associated: NOTHING } as const;
      return (await sender.call(request, ...statesOf(key))).message;
    },
    async decrypt(message) {
      const request = { kind: 'process-group', key: theirs, message, associated: NOTHING, now: NOW } as const;
      const result = await receiver.call(request, ...statesOf(theirs));
      if (result.kind !== 'message') throw new Error(result.kind);
      return result.content;
    },
  };
}
