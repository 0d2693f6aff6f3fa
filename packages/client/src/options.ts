import type { CryptoProvider } from '@sotto/crypto';
import type { Engine } from '@sotto/engine';
import type { GatewayTransport, GatewayTransportOptions } from '@sotto/gateway-api';
import type { Clock } from '@sotto/transport';
import type { Keystore, Vault } from '@sotto/vault';
import type { SealedFiles } from './attachments/files.ts';
import type { Settings } from './settings.ts';

/** A folder that holds one account's vault, and what guards its key. */
export interface VaultFolder {
  readonly folder: string;
  /** Disposed of once the messenger is there: what opened the vault does not live on. Kept where opening it fails. */
  readonly keystore: Keystore;
}

/** What the messenger does to the world, each with a real default. */
export interface Effects {
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  /** Uniform in [0, 1): jitter only, never secrets. */
  readonly random: () => number;
  readonly engine: Engine;
  readonly openTransport: (options: GatewayTransportOptions) => GatewayTransport;
  /**
   * Keeps the process running while the messenger is open: an agent must outlive its gateway's restart, when for a
   * moment nothing else does. The function returned lets the process end.
   */
  readonly hold: () => () => void;
  /**
   * Where sealed attachments lie. Default: the folder `attachments` of the vault's folder; none where an open vault was
   * given, and then messages with attachments are not sent, and nothing is fetched.
   */
  readonly files: SealedFiles | null;
}

export interface OpenOptions {
  /** A folder to open, or an open vault, which `close` then closes too. */
  readonly vault: VaultFolder | Vault;
  readonly settings?: Partial<Settings>;
  readonly effects?: Partial<Effects>;
  /** Aborts the call itself, not the messenger it returns. */
  readonly signal?: AbortSignal;
}

export interface CreateOptions extends OpenOptions {
  /** Where to register: `sotto://host:port/pin`. */
  readonly gateway: string;
  /** Profile name shown to contacts, 1 to 64 characters. */
  readonly name: string;
  /** Where the gateway asks for one. */
  readonly registrationCode?: string;
  /** A name at the gateway by which others can find this account: 3 to 32 of `a–z 0–9 . - _`. */
  readonly accountName?: string;
  /** Shown in the device list; default: the operating system's name for this kind of machine. */
  readonly deviceName?: string;
}
