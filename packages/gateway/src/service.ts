import { Secret } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { Refusal } from '@sotto/wire';
import type { Clock } from './clock.ts';
import type { RegistrationConfig } from './config.ts';
import type { EmbeddedStore } from './embedded/store.ts';
import type { Limits, Rates } from './limits.ts';
import { Challenges } from './login/challenges.ts';
import { Proofs } from './login/proof.ts';
import { RequestTokens } from './login/request-tokens.ts';
import { Tokens } from './login/tokens.ts';
import type { LoginTokens } from './login/tokens.ts';
import { Memory } from './memory.ts';
import { Refused } from './refused.ts';
import { FollowQuota } from './rpc/follow-quota.ts';
import { Limiters } from './rpc/limiters.ts';
import type { Log, ServiceParts } from './rpc/parts.ts';
import { createRoutes } from './rpc/routes.ts';
import type { Routes } from './rpc/routes.ts';
import { StreamMonitor } from './rpc/stream-monitor.ts';

const KEY_BYTES = 32;

export interface ServiceOptions {
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  readonly store: Pick<EmbeddedStore, 'directory' | 'mailboxes' | 'blobs' | 'groupLogs' | 'keyPackages'>;
  /** The gateway's Ed25519 identity key as its address pins it, 32 bytes. */
  readonly identity: Uint8Array;
  readonly limits: Limits;
  readonly rates: Rates;
  readonly registration: RegistrationConfig;
  readonly registrationCodes: readonly Secret[];
  readonly log: Log;
  /** Default: signed by a key of this process. */
  readonly tokens?: LoginTokens;
}

/** What a gateway does, whatever its calls come in by. */
export interface Service {
  readonly parts: ServiceParts;
  readonly routes: Routes;
  /** Why no calls are taken; null: they are. */
  obstacle(): Refused | null;
  /** How many connections there are, for the memory they take. */
  countConnections(count: () => number): void;
  /** Takes nothing new and ends streams with a reason. */
  end(): void;
  /** Sets no timer any more. */
  stop(): void;
}

const none = (): number => 0;

/** Puts the services together over a store. */
export function createService(options: ServiceOptions): Service {
  const { provider, clock, store, identity, limits } = options;
  let connections = none;
  let stopping = false;
  const streams = new StreamMonitor(clock);
  const memory = new Memory({
    clock,
    limitBytes: limits.memoryBytes,
    connections: () => connections(),
    shed: () => streams.shed(),
  });
  const obstacle = (): Refused | null => {
    if (stopping) return new Refused(Refusal.UNAVAILABLE, 'the gateway is stopping');
    if (memory.overloaded) {
      return new Refused(Refusal.UNAVAILABLE, 'the gateway has too much to do', { retryAfterMs: 1000 });
    }
    return null;
  };
  const challenges = new Challenges(provider, clock, secretKey(provider));
  const parts: ServiceParts = {
    provider,
    clock,
    directory: store.directory,
    mailboxes: store.mailboxes,
    blobs: store.blobs,
    groupLogs: store.groupLogs,
    keyPackages: store.keyPackages,
    limits,
    limiters: new Limiters(clock, options.rates),
    registration: options.registration,
    registrationCodes: options.registrationCodes,
    challenges,
    proofs: new Proofs(provider, challenges, identity),
    tokens: options.tokens ?? new Tokens(clock, identity),
    requestTokens: new RequestTokens(provider, clock, secretKey(provider)),
    streams,
    follows: new FollowQuota(),
    memory,
    log: options.log,
  };
  return {
    parts,
    routes: createRoutes(parts, { obstacle }),
    obstacle,
    countConnections: (count) => {
      connections = count;
    },
    end: () => {
      stopping = true;
      streams.endAll(Refusal.UNAVAILABLE);
    },
    stop: () => {
      memory.stop();
      streams.stop();
    },
  };
}

function secretKey(provider: CryptoProvider): Secret {
  return Secret.take(provider.random(KEY_BYTES));
}
