import assert from 'node:assert/strict';
import { connectGateway } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import { loginMessage, parseGatewayAddress, PrekeyKind } from '@sotto/wire';
import type { Refusal } from '@sotto/wire';
import { lastingPrekeys, provider, registerReceiver, testEnvelope, testPrekey } from './account.ts';
import type { Receiver, TestAccount, TestDevice } from './account.ts';
import { startTestGateway } from './gateway.ts';
import type { TestGateway } from './gateway.ts';
import { call } from './raw.ts';
import { dump } from './store.ts';

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
export const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });

async function withToken(receiver: Receiver) {
  return { ...receiver, token: (await receiver.device.unboundToken()).token };
}

/** A gateway with two accounts, each with an unbound token; bob's capability has one of three envelopes left today. */
export class HostileWorld implements AsyncDisposable {
  readonly running: TestGateway;
  readonly bob: Receiver & { readonly token: string };
  readonly carol: Receiver & { readonly token: string };

  private constructor(running: TestGateway, bob: HostileWorld['bob'], carol: HostileWorld['carol']) {
    this.running = running;
    this.bob = bob;
    this.carol = carol;
  }

  static async open(): Promise<HostileWorld> {
    const running = await startTestGateway();
    const { address } = running.gateway;
    const bob = await withToken(await registerReceiver(address, 3));
    const carol = await withToken(await registerReceiver(address));
    const oneTime = [1, 2, 3].map((id) => testPrekey(PrekeyKind.ONE_TIME, id));
    await bob.device.uploadPrekeys({ lasting: lastingPrekeys(), oneTime });
    const sender = connectGateway({ address, clock: systemClock });
    for (let i = 0; i < 2; i++) await sender.post(testEnvelope(bob.mailbox), bob.capability);
    await sender.close();
    return new HostileWorld(running, bob, carol);
  }

  /** Sends, expects the refusal, and that nothing in the database changed. */
  async refuses(
    refusal: Refusal,
    method: string,
    body: Uint8Array | string | object,
    headers?: Record<string, string>,
  ): Promise<void> {
    const state = dump(this.running.store.database);
    const answer = await call(this.running.gateway, method, body, headers);
    assert.equal(answer.refusal, refusal, `${method}: ${answer.status} ${answer.body}`);
    assert.ok(answer.status >= 400);
    assert.deepEqual(dump(this.running.store.database), state, 'no state change');
  }

  call(method: string, body: Uint8Array | string | object, headers?: Record<string, string>) {
    return call(this.running.gateway, method, body, headers);
  }

  /** A post to bob in JSON. */
  postBody(envelope: Uint8Array, secret: Uint8Array = this.bob.capability.secret): object {
    return { envelope: base64(envelope), admission: { capability: base64(secret) } };
  }

  /** A DeviceProof in JSON, without channel binding. */
  async proofOf(
    account: TestAccount,
    device: TestDevice,
    change: { nonce?: Uint8Array; identity?: Uint8Array } = {},
  ): Promise<Record<string, unknown>> {
    const challenge = await this.call('DeviceService/GetChallenge', {});
    const nonce = change.nonce ?? Buffer.from((JSON.parse(challenge.body) as { nonce: string }).nonce, 'base64');
    const gatewayIdentity = change.identity ?? parseGatewayAddress(this.running.gateway.address).pin;
    const message = loginMessage({ gatewayIdentity, channelBinding: null, device: device.device, nonce });
    const signature = provider.sign(device.keys.ed25519, message);
    return {
      account: base64(account.account),
      device: base64(device.device),
      nonce: base64(nonce),
      signature: base64(signature),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.bob.device.close(), this.carol.device.close()]);
    await this.running[Symbol.asyncDispose]();
  }
}
