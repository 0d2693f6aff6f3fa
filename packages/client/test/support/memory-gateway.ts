import { createHash, randomBytes } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { nativeProvider } from '@sotto/crypto';
import { connectGateway, followLogs, GatewayApiError } from '@sotto/gateway-api';
import type {
  BlobConnection,
  BlobOrder,
  BlobProgress,
  Appended,
  BundleRequest,
  CapabilityOrder,
  FollowOptions,
  KeyPackageOrder,
  KeyPackageStock,
  KeyPackageUpload,
  LogFollower,
  LogPage,
  LogRange,
  LogSink,
  DeviceConnection,
  GatewayApiErrorCode,
  GatewayConnection,
  GatewayTransport,
  GatewayTransportOptions,
  PrekeyStock,
  PrekeyUpload,
} from '@sotto/gateway-api';
import { replay } from '@sotto/identity';
import type {
  Admission,
  Clock,
  Delivery,
  DeliveryOutcome,
  ReceiveOptions,
  RefusalCode,
  Sink,
  TransportState,
} from '@sotto/transport';
import {
  capabilityHashOf,
  decodeEnvelope,
  formatGatewayAddress,
  GetBundleResponseSchema,
  parseHost,
  PrekeyEntrySchema,
  PrekeyKind,
} from '@sotto/wire';
import type { PrekeyEntry } from '@sotto/wire';
import { MemoryBlobs } from './memory-blobs.ts';
import { MemoryLogs } from './memory-logs.ts';

const provider = nativeProvider();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Stored {
  readonly sequence: number;
  readonly envelope: Uint8Array;
  readonly queue: 'contacts' | 'requests';
  readonly storedAt: number;
}

interface Mailbox {
  readonly id: Uint8Array;
  readonly device: string;
  stored: Stored[];
  sequence: number;
  wake: () => void;
}

interface DeviceRow {
  readonly account: string;
  readonly mailbox: Uint8Array;
  readonly lasting: Map<PrekeyKind, PrekeyEntry>;
  oneTime: PrekeyEntry[];
  keyPackages: KeyPackageOrder[];
  lastKeyPackage: KeyPackageOrder | undefined;
  highestKeyPackage: number;
}

/** What a test sees of one post. */
export interface Posted {
  readonly mailbox: string;
  readonly envelope: Uint8Array;
  readonly outcome: DeliveryOutcome['kind'];
}

/**
 * One gateway in memory, as its clients see it through `GatewayTransport`: capabilities, request tokens, one-time keys,
 * queues with a limit. Tests cut devices off, shrink mailboxes, and look at everything posted.
 */
export class MemoryGateway {
  readonly address = formatGatewayAddress({ host: parseHost('memory.example'), port: 443, pin: new Uint8Array(32) });
  readonly posted: Posted[] = [];
  /** Devices (hex) that cannot reach the gateway. */
  readonly cutOff = new Set<string>();
  /** Devices (hex) that their chain has revoked. */
  readonly revoked = new Set<string>();
  /** Asked about every post; a code refuses it. */
  refuse: (mailbox: string, envelope: Uint8Array) => RefusalCode | null = () => null;
  /** What becomes of an envelope on its way to a mailbox. */
  bend: (mailbox: string, envelope: Uint8Array) => Uint8Array = (_mailbox, envelope) => envelope;
  /** Changes what is shown of chains. */
  showChain: (account: string, statements: readonly Uint8Array[], asker: string) => readonly Uint8Array[] = (_, all) =>
    all;
  readonly blobs = new MemoryBlobs();
  mailboxLimit = 1000;
  retentionSeconds = 7 * 86_400;
  /** How long a device that was cut off waits before it tries again. */
  reconnectMs = 20;
  readonly clock: Clock;
  readonly chains = new Map<string, Uint8Array[]>();
  readonly names = new Map<string, Uint8Array>();
  readonly devices = new Map<string, DeviceRow>();
  readonly mailboxes = new Map<string, Mailbox>();
  readonly capabilities = new Map<string, string>();
  readonly witnesses = new Map<string, Uint8Array>();
  /** Of its own: a fork begins without any. */
  readonly logs: MemoryLogs;
  readonly tokens = new Map<string, { readonly account: string; readonly until: number }>();

  constructor(clock: Clock) {
    this.clock = clock;
    this.logs = new MemoryLogs(clock);
  }

  readonly openTransport = (options: GatewayTransportOptions): GatewayTransport => new MemoryTransport(this, options);

  /** Another gateway in the same state, from which it goes its own way. */
  fork(): MemoryGateway {
    const copy = new MemoryGateway(this.clock);
    for (const [key, chain] of this.chains) copy.chains.set(key, [...chain]);
    for (const [key, account] of this.names) copy.names.set(key, account);
    for (const [key, row] of this.devices) {
      const { oneTime, keyPackages } = row;
      const own = { lasting: new Map(row.lasting), oneTime: [...oneTime], keyPackages: [...keyPackages] };
      copy.devices.set(key, { ...row, ...own });
    }
    for (const [key, mailbox] of this.mailboxes) {
      copy.mailboxes.set(key, { ...mailbox, stored: [...mailbox.stored], wake: asleep });
    }
    for (const [key, mailbox] of this.capabilities) copy.capabilities.set(key, mailbox);
    for (const [key, witness] of this.witnesses) copy.witnesses.set(key, witness);
    return copy;
  }

  /** Envelopes waiting for a device. */
  waiting(device: string): number {
    const row = this.devices.get(device);
    return row === undefined ? 0 : (this.mailboxes.get(hex(row.mailbox))?.stored.length ?? 0);
  }

  /** Cuts a device off, and ends the stream it has. */
  isolate(device: string): void {
    this.cutOff.add(device);
    const row = this.devices.get(device);
    if (row !== undefined) this.mailboxes.get(hex(row.mailbox))?.wake();
  }

  /** Capabilities that open mailboxes of these devices. */
  openTo(devices: readonly string[]): number {
    const mailboxes = devices.map((device) => hex(this.devices.get(device)?.mailbox ?? new Uint8Array(0)));
    return [...this.capabilities.values()].filter((mailbox) => mailboxes.includes(mailbox)).length;
  }

  reachable(device: string): void {
    if (this.cutOff.has(device)) throw new GatewayApiError('unreachable', 'cut off');
  }

  /** Which mailbox an admission opens; null: none. */
  admits(admission: Admission, mailbox: string): 'contacts' | 'requests' | null {
    if (admission.kind === 'capability') {
      return this.capabilities.get(hex(capabilityHashOf(admission.secret, sha256))) === mailbox ? 'contacts' : null;
    }
    const token = this.tokens.get(hex(admission.token));
    const device = this.mailboxes.get(mailbox)?.device;
    if (token === undefined || device === undefined || token.until * 1000 < this.clock.now()) return null;
    return this.devices.get(device)?.account === token.account ? 'requests' : null;
  }

  post(envelope: Uint8Array, admission: Admission): DeliveryOutcome {
    const { mailbox: id, expiresAt } = decodeEnvelope(envelope);
    const mailbox = this.mailboxes.get(hex(id));
    const outcome = this.#judge(envelope, admission, hex(id), expiresAt, mailbox);
    this.posted.push({ mailbox: hex(id), envelope, outcome: outcome.kind });
    return outcome;
  }

  #judge(
    envelope: Uint8Array,
    admission: Admission,
    id: string,
    expiresAt: number,
    mailbox: Mailbox | undefined,
  ): DeliveryOutcome {
    const code = this.refuse(id, envelope);
    if (code !== null) return { kind: 'refused', code };
    const queue = this.admits(admission, id);
    if (queue === null || mailbox === undefined) return { kind: 'refused', code: 'capability' };
    const left = expiresAt - this.clock.now() / 1000;
    if (left <= 0 || left > this.retentionSeconds + 3600) return { kind: 'refused', code: 'expired' };
    if (mailbox.stored.some((each) => Buffer.compare(each.envelope, envelope) === 0)) {
      return { kind: 'accepted', duplicate: true };
    }
    if (mailbox.stored.length >= this.mailboxLimit) return { kind: 'refused', code: 'mailbox-full' };
    const carried = this.bend(id, envelope);
    mailbox.stored.push({ sequence: ++mailbox.sequence, envelope: carried, queue, storedAt: this.clock.now() });
    mailbox.wake();
    return { kind: 'accepted', duplicate: false };
  }
}

class MemoryTransport implements GatewayTransport {
  readonly kind = 'gateway';
  readonly device: DeviceConnection;
  readonly #gateway: MemoryGateway;
  readonly #self: string;
  readonly #listeners = new Set<(state: TransportState) => void>();
  readonly #lowListeners = new Set<(stock: PrekeyStock) => void>();
  readonly #followers: LogFollower[] = [];
  #state: TransportState = { kind: 'offline' };

  constructor(gateway: MemoryGateway, options: GatewayTransportOptions) {
    this.#gateway = gateway;
    this.#self = hex(options.device.device);
    this.device = new MemoryDevice(gateway, hex(options.device.account), this.#self, (stock) => {
      for (const listener of this.#lowListeners) listener(stock);
    });
  }

  get state(): TransportState {
    return this.#state;
  }

  onState(listener: (state: TransportState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onLowPrekeys(listener: (stock: PrekeyStock) => void): () => void {
    this.#lowListeners.add(listener);
    return () => this.#lowListeners.delete(listener);
  }

  directory(address: string): GatewayConnection {
    return new MemoryDirectory(this.#gateway, this.#self, address);
  }

  blobs(address: string): BlobConnection {
    return this.#gateway.blobs.connect(address, () => this.#gateway.reachable(this.#self));
  }

  followLogs(address: string, sink: LogSink, options: FollowOptions = {}): LogFollower {
    const gateway = this.#gateway;
    const network = gateway.logs.network(this.#self, () => gateway.reachable(this.#self));
    const follower = followLogs({ address, clock: gateway.clock, random: () => 0.01, network, sink, ...options });
    this.#followers.push(follower);
    return follower;
  }

  async deliver({ envelope, destination }: Delivery, signal?: AbortSignal): Promise<DeliveryOutcome> {
    await soon();
    if (signal?.aborted === true || this.#gateway.cutOff.has(this.#self)) return { kind: 'unreachable' };
    return this.#gateway.post(envelope, destination.admission);
  }

  async receive(sink: Sink, { signal, inFlight, onCaughtUp }: ReceiveOptions): Promise<void> {
    while (!signal.aborted) {
      this.#become({ kind: 'connecting', attempt: 1 });
      await soon();
      const row = this.#gateway.devices.get(this.#self);
      if (this.#gateway.revoked.has(this.#self)) refused('revoked');
      if (row === undefined && !this.#gateway.cutOff.has(this.#self)) refused('unauthenticated');
      if (row !== undefined && !this.#gateway.cutOff.has(this.#self)) {
        await this.#stream(sink, inFlight, signal, this.#gateway.mailboxes.get(hex(row.mailbox))!, onCaughtUp);
      }
      this.#become({ kind: 'offline' });
      if (!signal.aborted) await pause(this.#gateway.clock, this.#gateway.reconnectMs, signal);
    }
  }

  async #stream(
    sink: Sink,
    inFlight: number,
    signal: AbortSignal,
    mailbox: Mailbox,
    onCaughtUp: (() => void) | undefined,
  ): Promise<void> {
    this.#become({ kind: 'online' });
    const working = new Set<number>();
    const failed = new Set<number>();
    const upTo = mailbox.sequence;
    let caughtUp = false;
    while (!signal.aborted && !this.#gateway.cutOff.has(this.#self) && !this.#gateway.revoked.has(this.#self)) {
      const woken = new Promise<void>((resolve) => {
        mailbox.wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      for (const each of mailbox.stored) {
        if (working.size >= inFlight) break;
        if (working.has(each.sequence) || failed.has(each.sequence)) continue;
        working.add(each.sequence);
        void sink({ envelope: each.envelope, queue: each.queue, storedAt: each.storedAt })
          .then(
            () => {
              mailbox.stored = mailbox.stored.filter((other) => other !== each);
            },
            () => failed.add(each.sequence),
          )
          .finally(() => {
            working.delete(each.sequence);
            mailbox.wake();
          });
      }
      if (
        !caughtUp &&
        working.size === 0 &&
        mailbox.stored.every((each) => each.sequence > upTo || failed.has(each.sequence))
      ) {
        caughtUp = true;
        onCaughtUp?.();
      }
      await woken;
    }
  }

  async close(): Promise<void> {
    this.#become({ kind: 'closed' });
    await Promise.all(this.#followers.map((follower) => follower.close()));
  }

  #become(state: TransportState): void {
    if (this.#state.kind === 'closed') return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    signal.addEventListener(
      'abort',
      () => {
        cancel();
        resolve();
      },
      { once: true },
    );
  });
}

const asleep = (): void => undefined;

const refused = (code: GatewayApiErrorCode): never => {
  throw new GatewayApiError(code, 'refused by the gateway in memory');
};

class MemoryDirectory implements GatewayConnection {
  readonly address: string;
  readonly #gateway: MemoryGateway;
  readonly #self: string;

  constructor(gateway: MemoryGateway, self: string, address: string) {
    this.#gateway = gateway;
    this.#self = self;
    this.address = address;
  }

  async #arrive(): Promise<void> {
    await soon();
    this.#gateway.reachable(this.#self);
    if (this.address !== this.#gateway.address) refused('unreachable');
  }

  async info() {
    await this.#arrive();
    return {
      version: 'memory',
      envelopeVersions: [1],
      now: this.#gateway.clock.now(),
      registration: 'open' as const,
      limits: {
        mailboxMessages: this.#gateway.mailboxLimit,
        mailboxRequests: 50,
        retentionSeconds: this.#gateway.retentionSeconds,
        envelopeBytes: 96 * 1024,
        oneTimePrekeys: 200,
        keyPackages: 200,
        logCommitBytes: 2 ** 20,
        logMessageBytes: 96 * 1024,
        logBytes: 2 ** 28,
        logRetentionSeconds: 30 * 86_400,
        blobBytes: 2 ** 32,
        blobRetentionSeconds: 30 * 86_400,
        blobDailyBytes: 2 ** 34,
        blobDailyCount: 1000,
      },
    };
  }

  async resolveName(name: string): Promise<Uint8Array> {
    await this.#arrive();
    return this.#gateway.names.get(name) ?? refused('not-found');
  }

  async chain(account: Uint8Array, fromSequence = 0): Promise<Uint8Array[]> {
    await this.#arrive();
    const statements = this.#gateway.chains.get(hex(account)) ?? refused('not-found');
    return this.#gateway.showChain(hex(account), statements, this.#self).slice(fromSequence);
  }

  async bundle({ account, device, admission }: BundleRequest) {
    await this.#arrive();
    const row = this.#gateway.devices.get(hex(device));
    if (row === undefined || row.account !== hex(account)) return refused('not-found');
    if (this.#gateway.admits(admission, hex(row.mailbox)) === null) return refused('capability');
    const oneTime = take(row, PrekeyKind.ONE_TIME);
    const oneTimeKem = take(row, PrekeyKind.ONE_TIME_KEM);
    const prekeys = [...row.lasting.values(), ...oneTime, ...oneTimeKem].flatMap((entry) => entry.prekey ?? []);
    const response = create(GetBundleResponseSchema, { mailbox: row.mailbox, prekeys });
    return { mailbox: row.mailbox, serialized: toBinary(GetBundleResponseSchema, response) };
  }

  async requestToken(account: Uint8Array) {
    await this.#arrive();
    const token = randomBytes(32);
    const expiresAt = Math.floor(this.#gateway.clock.now() / 1000) + 600;
    this.#gateway.tokens.set(hex(token), { account: hex(account), until: expiresAt });
    return { token, expiresAt };
  }

  async keyPackage({ account, device, admission }: BundleRequest) {
    await this.#arrive();
    const row = this.#gateway.devices.get(hex(device));
    if (row === undefined || row.account !== hex(account)) return refused('not-found');
    if (this.#gateway.admits(admission, hex(row.mailbox)) === null) return refused('capability');
    const now = this.#gateway.clock.now() / 1000;
    row.keyPackages = row.keyPackages.filter(({ expiresAt }) => expiresAt > now);
    const taken = row.keyPackages.shift();
    if (taken !== undefined) return { keyPackage: taken.keyPackage, lastResort: false };
    const { lastKeyPackage: last } = row;
    return last === undefined ? refused('not-found') : { keyPackage: last.keyPackage, lastResort: true };
  }

  async append(post: Uint8Array): Promise<Appended> {
    await this.#arrive();
    return this.#logs().append(post);
  }

  async readLog(range: LogRange): Promise<LogPage> {
    await this.#arrive();
    return this.#logs().readLog(range);
  }

  /** A connection of its own for a call: they cost nothing here. */
  #logs(): GatewayConnection {
    const { logs, clock } = this.#gateway;
    const network = logs.network(this.#self, () => this.#gateway.reachable(this.#self));
    return connectGateway({ address: this.address, clock, network });
  }

  async post(envelope: Uint8Array, admission: Admission) {
    await this.#arrive();
    const outcome = this.#gateway.post(envelope, admission);
    if (outcome.kind === 'accepted') return { duplicate: outcome.duplicate };
    return refused(outcome.kind === 'refused' ? outcome.code : 'unreachable');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function take(row: DeviceRow, kind: PrekeyKind): PrekeyEntry[] {
  const found = row.oneTime.find((entry) => entry.kind === kind);
  row.oneTime = row.oneTime.filter((entry) => entry !== found);
  return found === undefined ? [] : [found];
}

class MemoryDevice implements DeviceConnection {
  readonly address: string;
  readonly #gateway: MemoryGateway;
  readonly #account: string;
  readonly #device: string;
  readonly #onLow: (stock: PrekeyStock) => void;

  constructor(gateway: MemoryGateway, account: string, device: string, onLow: (stock: PrekeyStock) => void) {
    this.address = gateway.address;
    this.#gateway = gateway;
    this.#account = account;
    this.#device = device;
    this.#onLow = onLow;
  }

  async #row(): Promise<DeviceRow> {
    await soon();
    this.#gateway.reachable(this.#device);
    return this.#gateway.devices.get(this.#device) ?? refused('unauthenticated');
  }

  async beginBlob(order: BlobOrder): Promise<BlobProgress> {
    await this.#row();
    return this.#gateway.blobs.begin(order, this.#gateway.clock.now());
  }

  async register({ statements }: { readonly statements: readonly Uint8Array[] }): Promise<Uint8Array> {
    await soon();
    this.#gateway.reachable(this.#device);
    const known = this.#gateway.devices.get(this.#device);
    if (known !== undefined) return known.mailbox;
    const chain = this.#gateway.chains.get(this.#account) ?? [];
    this.#gateway.chains.set(this.#account, statements.length > chain.length ? [...statements] : chain);
    const mailbox = new Uint8Array(randomBytes(16));
    const row: DeviceRow = {
      account: this.#account,
      mailbox,
      lasting: new Map(),
      oneTime: [],
      keyPackages: [],
      lastKeyPackage: undefined,
      highestKeyPackage: 0,
    };
    this.#gateway.devices.set(this.#device, row);
    this.#gateway.mailboxes.set(hex(mailbox), {
      id: mailbox,
      device: this.#device,
      stored: [],
      sequence: 0,
      wake: asleep,
    });
    return mailbox;
  }

  async publish(statements: readonly Uint8Array[]): Promise<number> {
    await this.#row();
    const chain = this.#gateway.chains.get(this.#account) ?? refused('not-found');
    for (const statement of statements) {
      if (!chain.some((known) => Buffer.compare(known, statement) === 0)) chain.push(statement);
    }
    for (const { certificate, state } of replay(provider, chain).view.devices.values()) {
      if (state.kind !== 'revoked') continue;
      const device = hex(certificate.device);
      this.#gateway.revoked.add(device);
      this.#gateway.mailboxes.get(hex(this.#gateway.devices.get(device)?.mailbox ?? new Uint8Array(0)))?.wake();
    }
    return chain.length - 1;
  }

  async claimName(name: string): Promise<void> {
    await this.#row();
    const owner = this.#gateway.names.get(name);
    if (owner !== undefined && hex(owner) !== this.#account) refused('conflict');
    this.#gateway.names.set(name, Buffer.from(this.#account, 'hex'));
  }

  async uploadPrekeys({ lasting, oneTime, replace = false }: PrekeyUpload): Promise<PrekeyStock> {
    const row = await this.#row();
    for (const bytes of lasting) {
      const entry = fromBinary(PrekeyEntrySchema, bytes);
      row.lasting.set(entry.kind, entry);
    }
    if (replace) row.oneTime = [];
    row.oneTime.push(...oneTime.map((bytes) => fromBinary(PrekeyEntrySchema, bytes)));
    return stockOf(row);
  }

  async prekeyStock(): Promise<PrekeyStock> {
    return stockOf(await this.#row());
  }

  async createCapabilities(orders: readonly CapabilityOrder[]): Promise<void> {
    await this.#row();
    for (const { hash, mailbox } of orders) {
      const owner = this.#gateway.mailboxes.get(hex(mailbox))?.device;
      if (owner === undefined || this.#gateway.devices.get(owner)?.account !== this.#account) refused('forbidden');
      this.#gateway.capabilities.set(hex(hash), hex(mailbox));
    }
  }

  async revokeCapabilities(hashes: readonly Uint8Array[]): Promise<void> {
    await this.#row();
    for (const hash of hashes) this.#gateway.capabilities.delete(hex(hash));
  }

  async witness(): Promise<Uint8Array> {
    await this.#row();
    return this.#gateway.witnesses.get(this.#device) ?? new Uint8Array(0);
  }

  async replaceWitness(expected: Uint8Array, witness: Uint8Array): Promise<void> {
    await this.#row();
    const known = this.#gateway.witnesses.get(this.#device) ?? new Uint8Array(0);
    if (Buffer.compare(known, witness) === 0) return;
    if (Buffer.compare(known, expected) !== 0) refused('conflict');
    this.#gateway.witnesses.set(this.#device, witness);
  }

  async mailboxes() {
    await this.#row();
    return [...this.#gateway.devices]
      .filter(([, row]) => row.account === this.#account)
      .map(([device, row]) => ({ device: Buffer.from(device, 'hex'), mailbox: row.mailbox }));
  }

  /** As a gateway does when somebody fetched bundles. */
  async tellLow(): Promise<void> {
    this.#onLow(stockOf(await this.#row()));
  }

  async uploadKeyPackages({ oneTime, lastResort, replace = false }: KeyPackageUpload): Promise<KeyPackageStock> {
    const row = await this.#row();
    if (replace) {
      row.keyPackages = [];
      row.lastKeyPackage = undefined;
    }
    row.lastKeyPackage = lastResort ?? row.lastKeyPackage;
    const fresh = oneTime.filter(({ id }) => id > row.highestKeyPackage);
    row.keyPackages.push(...fresh);
    row.highestKeyPackage = Math.max(row.highestKeyPackage, ...fresh.map(({ id }) => id));
    return this.keyPackageStock();
  }

  async keyPackageStock(): Promise<KeyPackageStock> {
    const { keyPackages, lastKeyPackage, highestKeyPackage: highest } = await this.#row();
    return { oneTime: keyPackages.length, lastResort: lastKeyPackage !== undefined, highest };
  }

  async createLog(log: Uint8Array, epochKey: Uint8Array): Promise<void> {
    await this.#row();
    await this.#gateway.logs.create(Buffer.from(this.#account, 'hex'), log, epochKey);
  }

  poll = (): never => refused('protocol');
  acknowledge = (): never => refused('protocol');
  stream = (): never => refused('protocol');
  unboundToken = (): never => refused('protocol');

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function stockOf(row: DeviceRow): PrekeyStock {
  return {
    oneTime: row.oneTime.filter((entry) => entry.kind === PrekeyKind.ONE_TIME).length,
    oneTimeKem: row.oneTime.filter((entry) => entry.kind === PrekeyKind.ONE_TIME_KEM).length,
  };
}
