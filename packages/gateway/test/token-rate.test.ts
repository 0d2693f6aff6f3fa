import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectGateway, GatewayApiError } from '@sotto/gateway-api';
import { DEFAULT_RATES } from '@sotto/gateway';
import { systemClock } from '@sotto/transport';
import { provider, registerReceiver } from './support/account.ts';
import { ManualClock } from './support/clock.ts';
import { startTestGateway } from './support/gateway.ts';

test(
  'R-GW-5 request tokens are limited for each target, whoever asks: one account that is run down leaves others in reach',
  { timeout: 60_000 },
  async () => {
    const clock = new ManualClock(Date.now());
    const rates = {
      ...DEFAULT_RATES,
      tokens: { burst: 1000, perMs: 1 },
      tokensPerTarget: { burst: 3, perMs: 10_000 },
    };
    await using world = await startTestGateway({ config: { rates }, overrides: { clock } });
    const { address } = world.gateway;
    await using bob = await registerReceiver(address);
    await using carol = await registerReceiver(address);
    const askers = [connectGateway({ address, clock: systemClock }), connectGateway({ address, clock: systemClock })];
    const ask = (account: Uint8Array, by = 0) => askers[by]!.requestToken(account);
    const { account } = bob.account;
    for (const by of [0, 1, 0]) await ask(account, by);
    for (const by of [0, 1]) {
      await assert.rejects(
        ask(account, by),
        (error) =>
          error instanceof GatewayApiError &&
          error.code === 'rate-limited' &&
          (error.retryAfterMs ?? 0) > 0 &&
          (error.retryAfterMs ?? 0) <= 10_000,
      );
    }
    await ask(carol.account.account);
    // An account that nobody has is limited like one that somebody has: the limit tells nothing.
    const nobody = provider.random(32);
    for (let i = 0; i < 3; i++) await ask(nobody);
    await assert.rejects(ask(nobody), { code: 'rate-limited' });
    clock.advance(10_000);
    await ask(account);
    await assert.rejects(ask(account, 1), { code: 'rate-limited' });
    for (const asker of askers) await asker.close();
  },
);
