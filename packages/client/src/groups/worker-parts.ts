import type { GatewayTransport } from '@sotto/gateway-api';
import type { Core } from '../core/core.ts';
import type { Acquaintances } from './acquaintances.ts';
import type { Carrier } from './carrier.ts';
import type { Changes } from './changes.ts';
import type { ChainFinder } from './find-chains.ts';
import type { KeyPackages } from './fetch-key-packages.ts';

/** What a group's worker stands on. */
export interface WorkerParts {
  readonly core: Core;
  readonly transport: GatewayTransport;
  readonly acquaintances: Acquaintances;
  readonly chains: ChainFinder;
  readonly packages: KeyPackages;
  readonly changes: Changes;
  readonly blobs: Carrier;
}
