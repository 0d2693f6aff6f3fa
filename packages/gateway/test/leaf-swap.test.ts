import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { connectGateway } from '@sotto/gateway-api';
import type { Arrival } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import type { Clock } from '@sotto/transport';
import { formatGatewayAddress, parseGatewayAddress } from '@sotto/wire';
import { connect, provider, registerReceiver, testEnvelope } from './support/account.ts';
import { startTestGateway } from './support/gateway.ts';

const DAY_MS = 86_400_000;
const CHECK_MS = 6 * 3_600_000;

/** The system's clock, which can be set ahead; the look at the certificate that is due every six hours is then taken. */
function rotatingClock() {
  let ahead = 0;
  const looks: (() => void)[] = [];
  const clock: Clock = {
    now: () => systemClock.now() + ahead,
    after(ms, task) {
      if (ms !== CHECK_MS) return systemClock.after(ms, task);
      looks.push(task);
      return () => undefined;
    },
  };
  const rotate = (ms: number): void => {
    ahead += ms;
    for (const look of looks.splice(0)) look();
  };
  return { clock, rotate };
}

/** Fingerprint of the certificate that whoever connects now is shown. */
async function leafOf(address: string): Promise<string> {
  const { port } = parseGatewayAddress(address);
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const fingerprint = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
  socket.destroy();
  return fingerprint;
}

test(
  'the TLS certificate is replaced while the gateway runs: streams stay, new connections see it, the pin holds',
  { timeout: 60_000 },
  async () => {
    const time = rotatingClock();
    const { clock } = time;
    await using world = await startTestGateway({ overrides: { clock } });
    const { address } = world.gateway;
    await using bob = await registerReceiver(address);
    const receiving = connect(address, bob.account, bob.account.first, clock);
    const arrivals: Arrival[] = [];
    let wake: (() => void) | undefined;
    const ending = new AbortController();
    let opened = 0;
    const stream = receiving.stream(
      {
        onArrival: (arrival) => {
          arrivals.push(arrival);
          wake?.();
          return Promise.resolve();
        },
        onOpen: () => void opened++,
      },
      { signal: ending.signal, inFlight: 8 },
    );
    const arrived = async (count: number): Promise<void> => {
      while (arrivals.length < count) await new Promise<void>((resolve) => void (wake = resolve));
    };
    const poster = connectGateway({ address, clock });
    const post = (by = poster) => by.post(testEnvelope(bob.mailbox, 512, DAY_MS / 1000, clock.now()), bob.capability);
    await post();
    await arrived(1);
    const before = await leafOf(address);

    // It is fresh for the first twenty days.
    time.rotate(21 * DAY_MS);
    while ((await leafOf(address)) === before) await new Promise((resolve) => setTimeout(resolve, 20));

    await post();
    await arrived(2);
    assert.equal(opened, 1, 'the stream of before goes on');
    const later = connectGateway({ address, clock });
    await post(later);
    await arrived(3);
    const { host, port } = parseGatewayAddress(address);
    const other = formatGatewayAddress({ host, port, pin: provider.generate('ed25519').publicKey });
    const deceived = connectGateway({ address: other, clock });
    await assert.rejects(deceived.info(), { code: 'wrong-gateway' });
    // Somebody who comes back after years with a clock that stood still does not take it, and says why.
    const stale = connectGateway({ address, clock: { ...clock, now: () => clock.now() - 60 * DAY_MS } });
    await assert.rejects(stale.info(), { code: 'certificate' });
    ending.abort();
    await stream;
    for (const connection of [poster, later, deceived, stale]) await connection.close();
    await receiving.close();
  },
);
