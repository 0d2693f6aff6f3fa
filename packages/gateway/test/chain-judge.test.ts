import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connectGateway } from '@sotto/gateway-api';
import { replay, signCertificate, signStatement } from '@sotto/identity';
import type { StatementBody } from '@sotto/identity';
import { systemClock } from '@sotto/transport';
import { SUITE_PQXDH } from '@sotto/wire';
import { addDevice, connect, createDevice, createTestAccount, provider } from './support/account.ts';
import type { TestAccount, TestDevice } from './support/account.ts';
import { startTestGateway } from './support/gateway.ts';

/** A statement by a device on top of a chain. */
function sign(chain: readonly Uint8Array[], by: TestDevice, body: StatementBody): Uint8Array {
  return signStatement(provider, replay(provider, chain).view, by.keys.ed25519, body, Date.now()).bytes;
}

function adding(account: TestAccount): StatementBody {
  const certificate = signCertificate(provider, createDevice().keys, {
    accountKey: account.keys.account.publicKey,
    minimumSuite: SUITE_PQXDH,
    rights: { messages: true, manage: true },
    name: 'further',
    createdAt: Date.now(),
  });
  return { kind: 'add-device', device: certificate };
}

const out = ({ device }: TestDevice): StatementBody => ({ kind: 'revoke-device', device, reason: 'compromised' });

/** An account with an older and a younger device, both registered. */
async function scene() {
  const gateway = await startTestGateway();
  const { address } = gateway.gateway;
  const account = createTestAccount();
  const second = addDevice(account);
  const [older, younger] = [connect(address, account), connect(address, account, second)];
  await older.register({ statements: account.chain });
  await younger.register({ statements: account.chain });
  const directory = connectGateway({ address, clock: systemClock });
  return {
    account,
    second,
    older,
    younger,
    directory,
    async [Symbol.asyncDispose]() {
      await Promise.all([older.close(), younger.close(), directory.close()]);
      await gateway[Symbol.asyncDispose]();
    },
  };
}

suite('R-ID-1 statements at the same place', { timeout: 60_000 }, () => {
  test('what is published stands, whoever is senior: the one who comes later signs on top of it', async () => {
    await using all = await scene();
    const { account, second, older, younger, directory } = all;
    const byYounger = sign(account.chain, second, adding(account));
    const byOlder = sign(account.chain, account.first, adding(account));
    await younger.publish([byYounger]);
    await assert.rejects(older.publish([byOlder]), { code: 'conflict' });
    assert.equal((await directory.chain(account.account)).length, 3);
    const onTop = sign([...account.chain, byYounger], account.first, adding(account));
    assert.equal(await older.publish([onTop]), 3);
  });

  test('of two devices that take each other out the older one is heard, also if the younger was quicker', async () => {
    await using all = await scene();
    const { account, second, younger, directory, older } = all;
    const byOlder = sign(account.chain, account.first, out(second));
    await younger.publish([sign(account.chain, second, out(account.first))]);
    // Its login is refused by now; registering brings its word.
    await older.register({ statements: [...account.chain, byOlder] });
    await assert.rejects(younger.publish([sign(account.chain, second, adding(account))]), { code: 'revoked' });
    // Whoever knows the chain up to the third statement is told of the one that came late in the same place.
    const later = await directory.chain(account.account, 3);
    assert.ok(later.some((bytes) => Buffer.compare(bytes, byOlder) === 0));
    assert.equal((await directory.chain(account.account, 4)).length, 0);
  });
});
