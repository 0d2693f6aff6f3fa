import { after, before, test } from 'node:test';
import { createGatewayTransport } from '@sotto/gateway-api';
import { systemClock, transportCompliance } from '@sotto/transport';
import type { Destination } from '@sotto/transport';
import { registerReceiver, signLoginBy, testEnvelope } from '../../gateway/test/support/account.ts';
import { startTestGateway } from '../../gateway/test/support/gateway.ts';
import type { TestGateway } from '../../gateway/test/support/gateway.ts';
import { Proxy } from '../../gateway/test/support/proxy.ts';

let running: TestGateway;
before(async () => {
  running = await startTestGateway();
});
after(() => running[Symbol.asyncDispose]());

/** A device with its transport, by way of a relay that can be cut. */
async function openParty(address: string) {
  const receiver = await registerReceiver(address);
  const transport = createGatewayTransport({
    device: {
      address,
      account: receiver.account.account,
      device: receiver.account.first.device,
      signLogin: signLoginBy(receiver.account.first),
      clock: systemClock,
    },
    // Back-off without waiting: what is tested is that it comes back, not how soon.
    random: () => 0,
  });
  await receiver.device.close();
  const destination: Destination = { gateway: address, mailbox: receiver.mailbox, admission: receiver.capability };
  return { transport, destination };
}

transportCompliance(
  (name, run) => test(`gateway: ${name}`, run),
  async () => {
    const { address } = running.gateway;
    const proxy = await Proxy.start(address);
    const alice = await openParty(proxy.addressOf(address));
    const bob = await openParty(proxy.addressOf(address));
    return {
      alice,
      bob,
      envelope: ({ mailbox }, expired) => testEnvelope(mailbox, 512, expired === 'expired' ? -7200 : 86_400),
      interrupt: () => {
        proxy.cut();
        return Promise.resolve();
      },
      close: async () => {
        await Promise.all([alice.transport.close(), bob.transport.close()]);
        await proxy[Symbol.asyncDispose]();
      },
    };
  },
);
