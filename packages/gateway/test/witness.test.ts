import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect, createTestAccount, provider } from './support/account.ts';
import { startTestGateway } from './support/gateway.ts';

suite('design "Rollback": what a device leaves to notice by that it was set back', { timeout: 60_000 }, () => {
  test('it is replaced by whoever knows the one before, and by nobody else; it outlives the gateway', async () => {
    await using first = await startTestGateway();
    const account = createTestAccount();
    const device = connect(first.gateway.address, account);
    await device.register({ statements: account.chain });
    assert.equal((await device.witness()).length, 0);
    const [one, two, three] = [provider.random(52), provider.random(52), provider.random(128)] as const;
    await device.replaceWitness(new Uint8Array(0), one);
    await device.replaceWitness(one, two);
    // The answer was lost: asking again is no conflict.
    await device.replaceWitness(one, two);
    await assert.rejects(device.replaceWitness(one, three), { code: 'conflict' });
    await assert.rejects(device.replaceWitness(new Uint8Array(0), three), { code: 'conflict' });
    assert.deepEqual(Buffer.from(await device.witness()), Buffer.from(two));
    await device.close();
    await first.gateway.close();

    await using second = await startTestGateway({ folder: first.folder });
    const again = connect(second.gateway.address, account);
    assert.deepEqual(Buffer.from(await again.witness()), Buffer.from(two));
    await again.replaceWitness(two, three);
    await again.close();
  });

  test('each device has its own; none is too large or empty', async () => {
    await using gateway = await startTestGateway();
    const { address } = gateway.gateway;
    const [alice, bob] = [createTestAccount(), createTestAccount()];
    const [hers, his] = [connect(address, alice), connect(address, bob)];
    await hers.register({ statements: alice.chain });
    await his.register({ statements: bob.chain });
    await hers.replaceWitness(new Uint8Array(0), provider.random(16));
    assert.equal((await his.witness()).length, 0);
    const none = new Uint8Array(0);
    await assert.rejects(his.replaceWitness(none, provider.random(129)), { code: 'too-large' });
    await assert.rejects(his.replaceWitness(provider.random(129), provider.random(8)), { code: 'too-large' });
    await assert.rejects(his.replaceWitness(none, none), { code: 'malformed' });
    assert.equal((await his.witness()).length, 0);
    await Promise.all([hers.close(), his.close()]);
  });
});
