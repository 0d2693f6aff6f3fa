import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import type { Client } from '@connectrpc/connect';
import { DeviceProofSchema, DeviceService } from '@sotto/wire';
import type { DeviceProof } from '@sotto/wire';
import type { Connection } from './connection.ts';
import { toGatewayApiError } from './error-mapping.ts';
import type { Channel } from './network.ts';
import { retryingStale } from './stale.ts';
import type { DeviceOptions, Token } from './types.ts';

/** ms before a token's end at which a new one is fetched. */
const RENEW_BEFORE_MS = 60_000;

interface BoundToken {
  readonly header: string;
  readonly channel: Channel;
  /** By our own clock, ms: the gateway's may differ. */
  readonly renewAt: number;
}

/** Logs a device in and keeps it so: one token for each connection, renewed in time, fetched by one call for all. */
export class Login {
  readonly #options: DeviceOptions;
  readonly #pin: Uint8Array;
  readonly #connection: Connection;
  readonly #client: Client<typeof DeviceService>;
  #token: BoundToken | undefined;
  #fetching: Promise<BoundToken> | undefined;

  constructor(options: DeviceOptions, pin: Uint8Array, connection: Connection) {
    this.#options = options;
    this.#pin = pin;
    this.#connection = connection;
    this.#client = createClient(DeviceService, connection.transport);
  }

  /**
   * Runs a call with the header of a token for the connection in use; once more with a fresh one if the token was refused
   * (the gateway has been restarted, its clock was set).
   */
  async run<T>(call: (headers: { readonly authorization: string }) => Promise<T>): Promise<T> {
    const token = await this.#current();
    try {
      return await call({ authorization: token.header });
    } catch (error) {
      if (toGatewayApiError(error).code !== 'unauthenticated') throw error;
      if (this.#token === token) this.#token = undefined;
      const fresh = await this.#current();
      return call({ authorization: fresh.header });
    }
  }

  /** A signed challenge, bound to the connection in use. */
  async proof(): Promise<DeviceProof> {
    const { proof } = await this.#prove('bound');
    return proof;
  }

  async unboundToken(): Promise<Token> {
    const { proof } = await this.#prove('unbound');
    const { token, expiresAt } = await this.#client.login({ proof });
    return { token, expiresAt: Number(expiresAt) };
  }

  async #current(): Promise<BoundToken> {
    const token = this.#token;
    const usable =
      token !== undefined && token.channel === this.#connection.current && this.#options.clock.now() < token.renewAt;
    if (usable) return token;
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    this.#token = await this.#fetching;
    return this.#token;
  }

  async #fetch(): Promise<BoundToken> {
    const { channel, proof } = await this.#prove('bound');
    const { token, lifetimeSeconds } = await this.#client.login({ proof });
    const renewAt = this.#options.clock.now() + lifetimeSeconds * 1000 - RENEW_BEFORE_MS;
    return { header: `Bearer ${token}`, channel, renewAt };
  }

  async #prove(kind: 'bound' | 'unbound'): Promise<{ readonly channel: Channel; readonly proof: DeviceProof }> {
    const { account, device, signLogin } = this.#options;
    // The first call on what may be a connection that the gateway is just closing.
    const { nonce } = await retryingStale(this.#connection, () => this.#client.getChallenge({}));
    const channel = await this.#connection.open();
    const channelBinding = kind === 'bound' ? channel.channelBinding : null;
    const signature = await signLogin({ gatewayIdentity: this.#pin, channelBinding, nonce });
    const proof = create(DeviceProofSchema, { account, device, nonce, signature, channelBound: kind === 'bound' });
    return { channel, proof };
  }
}
