import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Messenger } from '@sotto/client';
import type { Effects, Settings } from '@sotto/client';
import type { CryptoProvider } from '@sotto/crypto';
import { seededProvider } from '@sotto/crypto/simulation';
import { InProcessEngine } from '@sotto/engine';
import { createGatewayTransport } from '@sotto/gateway-api';
import { createVault, fileKeystore, openVault } from '@sotto/vault';
import type { Collection, Vault } from '@sotto/vault';
import { watchedProvider } from '../check/watched-provider.ts';
import type { SealRegister } from '../check/watched-provider.ts';
import { simulatedNetwork } from '../network/network.ts';
import type { Running } from '../network/network.ts';
import { Way } from '../network/weather.ts';
import { Process } from '../time/process.ts';
import { Random } from '../time/random.ts';
import type { Timeline } from '../time/timeline.ts';
import { CrashPoints } from './crash-points.ts';
import type { CrashPoint } from './crash-points.ts';
import { mortalVault } from './mortal-vault.ts';
import { addDevice } from './second-device.ts';

const SEED_BYTES = 32;

/** What a test may put between a device and the world to plant a bug. */
export interface Tampering {
  /** Around the vault that the SDK gets. */
  readonly vault?: (vault: Vault) => Vault;
  /** Around what the application sees. */
  readonly messenger?: (messenger: Messenger) => Messenger;
  /** Around the effects that the SDK gets. */
  readonly effects?: (effects: Partial<Effects>) => Partial<Effects>;
}

export interface DeviceNodeOptions {
  readonly timeline: Timeline;
  /** Of the whole run. */
  readonly seed: string;
  /** Names the device and everything random about it. */
  readonly name: string;
  readonly folder: string;
  readonly gateway: { readonly address: string; readonly running: Running | null };
  readonly settings: Partial<Settings>;
  readonly register: SealRegister;
  readonly tampering: Tampering;
  readonly onReuse: (device: DeviceNode) => void;
  readonly onCommit: (device: DeviceNode) => void;
  readonly onCrash: (device: DeviceNode, at: CrashPoint | 'anywhere') => void;
  /** A messenger has come up; called before it can emit anything that happens later. */
  readonly onOpen: (device: DeviceNode, messenger: Messenger) => void;
}

interface Up {
  readonly process: Process;
  readonly points: CrashPoints;
  readonly vault: Vault;
  /** Null while it opens. */
  messenger: Messenger | null;
}

/** One device: a vault in a folder, and a messenger on it that can be closed, opened, and die. */
export class DeviceNode {
  readonly name: string;
  readonly way: Way;
  /** Every kind of row that was ever written here. */
  readonly collections = new Map<string, Collection>();
  /** ms that its clock is ahead. */
  skewMs = 0;
  /** Its disk takes nothing more. */
  diskFull = false;
  readonly #options: DeviceNodeOptions;
  #up: Up | null = null;
  #runs = 0;

  constructor(options: DeviceNodeOptions) {
    this.#options = options;
    this.name = options.name;
    this.way = new Way(options.timeline, new Random(`${options.seed}/way/${options.name}`));
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  }

  get isUp(): boolean {
    return this.#up !== null;
  }

  /** Null: it is not running, or not open yet. */
  get messenger(): Messenger | null {
    return this.#up?.messenger ?? null;
  }

  get points(): CrashPoints | null {
    return this.#up?.points ?? null;
  }

  get vault(): Vault | null {
    return this.#up?.vault ?? null;
  }

  /** Makes an account with this as its first device. */
  async create(): Promise<void> {
    await this.#run('make', async (options) => {
      const gateway = this.#options.gateway.address;
      return Messenger.create({ ...options, gateway, name: this.name, deviceName: this.name });
    });
  }

  /** Becomes a further device of another one's account; that one must be down. */
  async join(first: DeviceNode): Promise<void> {
    const process = new Process(this.#options.timeline, () => this.skewMs);
    const provider = this.#provider();
    const a = await first.#openVault('open', process, provider);
    const b = await this.#openVault('make', process, provider);
    await addDevice({ provider, now: process.clock.now(), first: a, second: b, deviceName: this.name });
    a.close();
    b.close();
  }

  /** Comes up on what its vault holds. */
  async start(): Promise<void> {
    if (this.#up !== null) return;
    await this.#run('open', (options) => Messenger.open(options));
  }

  /** Closes in order. */
  async stop(): Promise<void> {
    const up = this.#up;
    if (up === null || up.messenger === null) return;
    await up.messenger.close();
    up.process.kill();
  }

  /** Dies now. */
  crash(): void {
    if (this.#up === null) return;
    this.#up.process.kill();
    this.#options.onCrash(this, 'anywhere');
  }

  async #run(
    mode: 'make' | 'open',
    open: (options: { vault: Vault; settings: Partial<Settings>; effects: Partial<Effects> }) => Promise<Messenger>,
  ): Promise<void> {
    const { timeline, seed, settings, tampering, gateway, onCommit, onCrash, onOpen } = this.#options;
    const process = new Process(timeline, () => this.skewMs);
    const points = new CrashPoints(process, (at) => onCrash(this, at));
    const provider = this.#provider();
    const random = new Random(`${seed}/jitter/${this.name}/${this.#runs}`);
    const real = await this.#openVault(mode, process, provider);
    const engine = new InProcessEngine({ crypto: provider });
    process.onEnd(() => {
      if (this.#up?.process === process) this.#up = null;
      real.close();
      void engine.close();
    });
    const mortal = mortalVault(real, {
      process,
      points,
      isFull: () => this.diskFull,
      onCommit: () => onCommit(this),
      onCollection: (collection) => this.collections.set(collection.name, collection),
    });
    const up: Up = { process, points, vault: mortal, messenger: null };
    this.#up = up;
    const vault = tampering.vault?.(mortal) ?? mortal;
    const network = simulatedNetwork({
      way: this.way,
      device: process,
      caller: this.name,
      random,
      gateway: () => gateway.running,
      onSend: () => points.reach('send'),
    });
    const effects: Partial<Effects> = {
      provider,
      clock: process.clock,
      random: () => random.unit(),
      engine,
      openTransport: (options) => createGatewayTransport({ ...options, device: { ...options.device, network } }),
      hold: () => () => undefined,
    };
    const given = { vault, settings, effects: tampering.effects?.(effects) ?? effects };
    const opened = await open(given).catch((error: unknown) => {
      process.kill();
      throw error;
    });
    const messenger = tampering.messenger?.(opened) ?? opened;
    if (!process.alive) return;
    up.messenger = messenger;
    onOpen(this, messenger);
  }

  #provider(): CryptoProvider {
    const { seed, register, onReuse } = this.#options;
    const random = new Random(`${seed}/keys/${this.name}/${this.#runs++}`);
    return watchedProvider(seededProvider(random.bytes(SEED_BYTES)), register, () => onReuse(this));
  }

  #openVault(mode: 'make' | 'open', process: Process, provider: CryptoProvider): Promise<Vault> {
    const { folder } = this.#options;
    const keystore = fileKeystore({ provider, path: join(folder, 'key') });
    const options = { path: join(folder, 'vault'), keystore, provider, clock: process.clock };
    return mode === 'make' ? createVault(options) : openVault(options);
  }
}
