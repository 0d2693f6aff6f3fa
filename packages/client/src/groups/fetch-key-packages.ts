import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayTransport } from '@sotto/gateway-api';
import { equalBytes } from '@sotto/wire';
import type { Core } from '../core/core.ts';
import { routeTo } from '../outbox/route.ts';
import type { DeviceRef } from '../refs.ts';
import { deviceRef } from '../store/refs.ts';
import type { Candidate } from './plan-intent.ts';

/** What came of asking for a device's key package. */
export type Found =
  | { readonly kind: 'found'; readonly keyPackage: Uint8Array; readonly account: Uint8Array }
  /** Its gateway has none, or this device has no address of it yet. */
  | { readonly kind: 'none' }
  /** What is published does not prove that it is this device's. */
  | { readonly kind: 'refused' }
  /** Its gateway could not be asked. */
  | { readonly kind: 'away' };

/** Key packages fetched at once. */
const AT_ONCE = 16;

/** Key packages of devices that are to be added; kept until a commit has used them, as most are handed out once. */
export class KeyPackages {
  readonly #core: Core;
  readonly #transport: GatewayTransport;
  /** By group, as one may be used once. */
  readonly #kept = new Map<string, Map<DeviceRef, Found & { readonly kind: 'found' }>>();

  constructor(core: Core, transport: GatewayTransport) {
    this.#core = core;
    this.#transport = transport;
  }

  /** One for each device, in the same order. */
  async gather(group: string, devices: readonly Candidate[], signal: AbortSignal): Promise<Found[]> {
    const found: Found[] = [];
    for (let i = 0; i < devices.length; i += AT_ONCE) {
      const slice = devices.slice(i, i + AT_ONCE);
      found.push(...(await Promise.all(slice.map((each) => this.#get(group, each, signal)))));
    }
    return found;
  }

  /** A commit with these devices counts. */
  used(group: string, devices: Iterable<DeviceRef>): void {
    const kept = this.#kept.get(group);
    for (const device of devices) kept?.delete(device);
    if (kept?.size === 0) this.#kept.delete(group);
  }

  async #get(group: string, candidate: Candidate, signal: AbortSignal): Promise<Found> {
    const kept = this.#kept.get(group) ?? new Map<DeviceRef, Found & { readonly kind: 'found' }>();
    this.#kept.set(group, kept);
    const ref = deviceRef(candidate.device);
    const known = kept.get(ref);
    if (known !== undefined && (await this.#fits(candidate, known.keyPackage))) return known;
    const found = await this.#fetch(candidate, signal);
    if (found.kind === 'found') kept.set(ref, found);
    return found;
  }

  async #fetch(candidate: Candidate, signal: AbortSignal): Promise<Found> {
    const { account, device } = candidate;
    const route = this.#core.ledger.read((read) => routeTo(read, this.#core, account, device));
    if (route.kind !== 'address') return { kind: 'none' };
    try {
      const request = { account, device, admission: route.admission };
      const { keyPackage } = await this.#transport.directory(route.gateway).keyPackage(request, { signal });
      if (!(await this.#fits(candidate, keyPackage))) return { kind: 'refused' };
      return { kind: 'found', keyPackage, account };
    } catch (cause) {
      if (!(cause instanceof GatewayApiError)) throw cause;
      if (cause.code === 'not-found') return { kind: 'none' };
      return { kind: 'away' };
    }
  }

  async #fits({ account, device }: Candidate, keyPackage: Uint8Array): Promise<boolean> {
    const now = this.#core.clock.now();
    const { keyPackage: facts } = await this.#core.engine.ask({ kind: 'inspect-key-package', keyPackage, now }, []);
    return facts !== null && equalBytes(facts.account, account) && equalBytes(facts.device, device);
  }
}
