import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectGateway, createGatewayTransport } from '@sotto/gateway-api';
import type { Clock } from '@sotto/transport';
import { registerReceiver, signLoginBy, testEnvelope } from '../../gateway/test/support/account.ts';
import { startTestGateway } from '../../gateway/test/support/gateway.ts';
import type { TestGateway } from '../../gateway/test/support/gateway.ts';
import { Proxy } from '../../gateway/test/support/proxy.ts';

let running: TestGateway;
before(async () => {
  running = await startTestGateway();
});
after(() => running[Symbol.asyncDispose]());

/** Time passes a hundred times as fast, so that half a minute of silence is a moment. */
const HASTE = 100;
const began = Date.now();
const hasty: Clock = {
  now: () => began + (Date.now() - began) * HASTE,
  after(ms, task) {
    const timer = setTimeout(task, ms / HASTE);
    return () => clearTimeout(timer);
  },
};

/** Looks until it is so; the runner's own limit ends it otherwise. */
async function until(look: () => boolean): Promise<void> {
  while (!look()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test(
  'a network that was left without a word: posts and look-ups go over a new connection',
  { timeout: 10_000 },
  async () => {
    const { address } = running.gateway;
    await using proxy = await Proxy.start(address);
    const { mailbox, capability, device } = await registerReceiver(address);
    const gateway = connectGateway({ address: proxy.addressOf(address), clock: hasty });
    await gateway.post(testEnvelope(mailbox, 512), capability);
    proxy.freeze();
    const lost = testEnvelope(mailbox, 512);
    await assert.rejects(gateway.post(lost, capability), { name: 'GatewayApiError' });
    for (let attempt = 1; ; attempt++) {
      const outcome = await gateway.post(lost, capability).catch(() => null);
      if (outcome !== null) break;
      assert.ok(attempt < 3, 'the dead connection is still in use');
    }
    assert.equal(proxy.accepted, 2);
    await gateway.info();
    await gateway.close();
    await device.close();
  },
);

test('a device notices that its network is gone and receives over a new connection', { timeout: 10_000 }, async () => {
  const { address } = running.gateway;
  await using proxy = await Proxy.start(address);
  const receiver = await registerReceiver(address);
  await receiver.device.close();
  const transport = createGatewayTransport({
    device: {
      address: proxy.addressOf(address),
      account: receiver.account.account,
      device: receiver.account.first.device,
      signLogin: signLoginBy(receiver.account.first),
      clock: hasty,
    },
    random: () => 0.5,
  });
  const arrived: Uint8Array[] = [];
  const ending = new AbortController();
  const sink = ({ envelope }: { readonly envelope: Uint8Array }): Promise<void> => {
    arrived.push(envelope);
    return Promise.resolve();
  };
  const receiving = transport.receive(sink, { signal: ending.signal, inFlight: 4 });
  await until(() => transport.state.kind === 'online');
  proxy.freeze();
  const gateway = connectGateway({ address, clock: hasty });
  const envelope = testEnvelope(receiver.mailbox, 512);
  await gateway.post(envelope, receiver.capability);
  await until(() => arrived.length > 0);
  assert.deepEqual(Buffer.from(arrived[0] ?? []), Buffer.from(envelope));
  ending.abort();
  await receiving;
  await gateway.close();
  await transport.close();
});
