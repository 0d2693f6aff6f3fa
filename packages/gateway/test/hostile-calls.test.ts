import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { replay, signStatement } from '@sotto/identity';
import {
  encodeEnvelope,
  encodeEnvelopeHeader,
  greaseValues,
  mailboxId,
  PostRequestSchema,
  PrekeyEntrySchema,
  PrekeyKind,
  Refusal,
  roundExpiry,
  SUITE_PQXDH,
} from '@sotto/wire';
import {
  addDevice,
  createTestAccount,
  lastingPrekeys,
  provider,
  registerReceiver,
  revokeDevice,
  testEnvelope,
  testPrekey,
} from './support/account.ts';
import type { TestDevice } from './support/account.ts';
import { base64, bearer, HostileWorld } from './support/hostile.ts';
import { dump } from './support/store.ts';

let world: HostileWorld;
before(async () => {
  world = await HostileWorld.open();
});
after(() => world[Symbol.asyncDispose]());

function withField(envelope: Uint8Array, at: number, value: number): Uint8Array {
  return envelope.slice().with(at, value);
}

describe('posts', () => {
  it('malformed ones are refused by name and change nothing', async () => {
    const good = testEnvelope(world.bob.mailbox);
    const { MALFORMED } = Refusal;
    await world.refuses(MALFORMED, 'PostService/Post', {});
    await world.refuses(MALFORMED, 'PostService/Post', '{');
    await world.refuses(MALFORMED, 'PostService/Post', '');
    await world.refuses(MALFORMED, 'PostService/Post', '"text"');
    await world.refuses(MALFORMED, 'PostService/Post', { ...world.postBody(good), surprise: true });
    await world.refuses(MALFORMED, 'PostService/Post', { envelope: '***' });
    await world.refuses(MALFORMED, 'PostService/Post', { envelope: base64(good) });
    await world.refuses(MALFORMED, 'PostService/Post', world.postBody(good, world.bob.capability.secret.subarray(1)));
    await world.refuses(MALFORMED, 'PostService/Post', world.postBody(good.subarray(0, -1)));
    await world.refuses(MALFORMED, 'PostService/Post', world.postBody(Buffer.concat([good, Buffer.alloc(1)])));
    await world.refuses(MALFORMED, 'PostService/Post', world.postBody(new Uint8Array(0)));
    await world.refuses(MALFORMED, 'PostService/Post', Buffer.from('ffffffff', 'hex'));
    await world.refuses(
      MALFORMED,
      'PostService/Post',
      toBinary(PostRequestSchema, create(PostRequestSchema, { envelope: good })).subarray(0, 100),
    );
  });

  it('wrong versions and suites are refused by name, GREASE included', async () => {
    const good = testEnvelope(world.bob.mailbox);
    assert.deepEqual(
      [...good.subarray(0, 4)],
      [0x08, 1, 0x10, 1],
      'version and suite are where they are changed below',
    );
    await world.refuses(Refusal.UNSUPPORTED_VERSION, 'PostService/Post', world.postBody(withField(good, 1, 2)));
    await world.refuses(Refusal.UNSUPPORTED_VERSION, 'PostService/Post', world.postBody(withField(good, 3, 9)));
    for (const value of greaseValues().slice(0, 4)) {
      const suite = [
        (value & 0x7f) | 0x80,
        ((value >> 7) & 0x7f) | (value > 0x3fff ? 0x80 : 0),
        ...(value > 0x3fff ? [value >> 14] : []),
      ];
      const greased = Buffer.concat([good.subarray(0, 3), Buffer.from(suite), good.subarray(4)]);
      await world.refuses(Refusal.UNSUPPORTED_VERSION, 'PostService/Post', world.postBody(greased));
    }
  });

  it('oversized ones are refused by name, at every level', async () => {
    await world.refuses(Refusal.TOO_LARGE, 'PostService/Post', world.postBody(new Uint8Array(98_305)));
    await world.refuses(Refusal.TOO_LARGE, 'PostService/Post', world.postBody(new Uint8Array(200_000)));
    await world.refuses(Refusal.TOO_LARGE, 'DirectoryService/ResolveName', { name: 'a'.repeat(10_000) });
    await world.refuses(Refusal.TOO_LARGE, 'DeviceService/Register', { registrationCode: 'a'.repeat(300_000) });
  });

  it('expired ones, and ones that outlive the retention, are refused by name', async () => {
    await world.refuses(
      Refusal.EXPIRED,
      'PostService/Post',
      world.postBody(testEnvelope(world.bob.mailbox, 512, -7200)),
    );
    await world.refuses(
      Refusal.EXPIRED,
      'PostService/Post',
      world.postBody(testEnvelope(world.bob.mailbox, 512, 9 * 86_400)),
    );
  });

  it('unauthenticated, cross-account and over-quota ones are refused by name', async () => {
    await world.refuses(
      Refusal.CAPABILITY,
      'PostService/Post',
      world.postBody(testEnvelope(world.bob.mailbox), new Uint8Array(32)),
    );
    await world.refuses(Refusal.CAPABILITY, 'PostService/Post', world.postBody(testEnvelope(world.carol.mailbox)));
    await world.refuses(Refusal.CAPABILITY, 'PostService/Post', world.postBody(testEnvelope(new Uint8Array(16))));
    await world.refuses(Refusal.UNAUTHENTICATED, 'PostService/Post', {
      envelope: base64(testEnvelope(world.bob.mailbox)),
      admission: { requestToken: base64(new Uint8Array(87)) },
    });
    await world.refuses(
      Refusal.FORBIDDEN,
      'PostService/Post',
      world.postBody(testEnvelope(world.bob.mailbox)),
      bearer(world.bob.token),
    );
    const last = testEnvelope(world.bob.mailbox);
    assert.equal((await world.call('PostService/Post', world.postBody(last))).status, 200);
    await world.refuses(Refusal.QUOTA, 'PostService/Post', world.postBody(testEnvelope(world.bob.mailbox)));
    assert.deepEqual(JSON.parse((await world.call('PostService/Post', world.postBody(last))).body), {
      duplicate: true,
    });
  });
});

describe('sealed parts', () => {
  it('a sealed part that fills no bucket is refused', async () => {
    const header = encodeEnvelopeHeader({
      suite: SUITE_PQXDH,
      mailbox: mailboxId(world.carol.mailbox),
      expiresAt: roundExpiry(Date.now() / 1000 + 3600),
      urgency: 'high',
    });
    const whole = encodeEnvelope(header, new Uint8Array(512));
    const short = Buffer.concat([whole.subarray(0, header.length), Buffer.from([0x32, 10]), Buffer.alloc(10)]);
    await world.refuses(Refusal.MALFORMED, 'PostService/Post', world.postBody(short, world.carol.capability.secret));
  });
});

/** A prekey entry in JSON. */
const prekeyJson = (bytes: Uint8Array, change: object = {}) => ({
  ...(toJson(PrekeyEntrySchema, fromBinary(PrekeyEntrySchema, bytes)) as object),
  ...change,
});

const upload = (refusal: Refusal, body: object) =>
  world.refuses(refusal, 'DeviceService/UploadPrekeys', body, bearer(world.bob.token));

describe('device calls', () => {
  it('nobody gets in without a login of this gateway', async () => {
    for (const method of [
      'ListMailboxes',
      'GetMessages',
      'Acknowledge',
      'ClaimName',
      'PublishStatements',
      'UploadPrekeys',
      'GetPrekeyStock',
      'CreateCapabilities',
      'RevokeCapabilities',
    ]) {
      for (const authorization of [
        '',
        'Bearer x',
        `Bearer ${world.bob.token}x`,
        `Basic ${world.bob.token}`,
        `bearer ${world.bob.token}`,
      ]) {
        await world.refuses(Refusal.UNAUTHENTICATED, `DeviceService/${method}`, {}, { authorization });
      }
    }
  });

  it('an account cannot touch another one’s mailboxes, capabilities and chain', async () => {
    const hash = base64(provider.random(32));
    const entry = { hash, mailbox: base64(world.bob.mailbox) };
    await world.refuses(
      Refusal.FORBIDDEN,
      'DeviceService/CreateCapabilities',
      { entries: [entry] },
      bearer(world.carol.token),
    );
    const statements = world.bob.account.chain.map(base64);
    await world.refuses(
      Refusal.MALFORMED,
      'DeviceService/PublishStatements',
      { statements },
      bearer(world.carol.token),
    );
    const state = dump(world.running.store.database);
    const capability = provider.hash('sha256', Buffer.from('sotto/v1/capability'), world.bob.capability.secret);
    await world.call('DeviceService/RevokeCapabilities', { hashes: [base64(capability)] }, bearer(world.carol.token));
    await world.call('DeviceService/Acknowledge', { sequences: ['1', '2'] }, bearer(world.carol.token));
    assert.deepEqual(dump(world.running.store.database), state);
    const { body } = await world.call('DeviceService/GetMessages', {}, bearer(world.carol.token));
    assert.deepEqual(JSON.parse(body), {});
  });

  it('names that break the rules, and one too many entries, are refused by name', async () => {
    for (const name of ['', 'ab', 'Alice', 'a..b', '-ab', 'a'.repeat(33), 'алиса', 'a b']) {
      await world.refuses(Refusal.MALFORMED, 'DeviceService/ClaimName', { name }, bearer(world.bob.token));
      await world.refuses(Refusal.MALFORMED, 'DirectoryService/ResolveName', { name });
    }
    const sequences = Array.from({ length: 1001 }, (_, i) => String(i + 10));
    await world.refuses(Refusal.TOO_LARGE, 'DeviceService/Acknowledge', { sequences }, bearer(world.bob.token));
    await world.refuses(
      Refusal.MALFORMED,
      'DeviceService/Acknowledge',
      { sequences: ['18446744073709551615'] },
      bearer(world.bob.token),
    );
  });

  it('prekeys that say something else than their leaves are refused by name', async () => {
    const one = testPrekey(PrekeyKind.ONE_TIME, 50);
    const { MALFORMED, TOO_LARGE } = Refusal;
    await upload(MALFORMED, { oneTime: [prekeyJson(one, { id: 51 })] });
    await upload(MALFORMED, { oneTime: [prekeyJson(one, { kind: 'PREKEY_KIND_ONE_TIME_KEM' })] });
    await upload(MALFORMED, { oneTime: [prekeyJson(testPrekey(PrekeyKind.SIGNED, 5))] });
    await upload(MALFORMED, { oneTime: [prekeyJson(testPrekey(PrekeyKind.ONE_TIME, 0))] });
    await upload(MALFORMED, { oneTime: [{ kind: 'PREKEY_KIND_ONE_TIME', id: 5 }] });
    await upload(MALFORMED, {
      lasting: lastingPrekeys()
        .slice(1)
        .map((bytes) => prekeyJson(bytes)),
    });
    await upload(MALFORMED, {
      lasting: [...lastingPrekeys().slice(1), lastingPrekeys()[1]!].map((bytes) => prekeyJson(bytes)),
    });
    await upload(TOO_LARGE, {
      oneTime: [prekeyJson(one, { prekey: { leaf: base64(leafOf(one)), batch: base64(new Uint8Array(5000)) } })],
    });
    const many = Array.from({ length: 201 }, (_, i) => prekeyJson(testPrekey(PrekeyKind.ONE_TIME, 100 + i)));
    await upload(TOO_LARGE, { oneTime: many });
  });
});

function leafOf(bytes: Uint8Array): Uint8Array {
  return fromBinary(PrekeyEntrySchema, bytes).prekey!.leaf;
}

describe('registration and login', () => {
  it('a registration needs a fresh proof by a device of the chain', async () => {
    const account = createTestAccount();
    const stranger = createTestAccount();
    const statements = account.chain.map(base64);
    const register = (refusal: Refusal, body: object) => world.refuses(refusal, 'DeviceService/Register', body);
    const { UNAUTHENTICATED, MALFORMED } = Refusal;
    await register(MALFORMED, { statements });
    await register(MALFORMED, { proof: await world.proofOf(account, account.first) });
    await register(UNAUTHENTICATED, {
      proof: await world.proofOf(account, account.first, { nonce: provider.random(32) }),
      statements,
    });
    await register(UNAUTHENTICATED, { proof: await world.proofOf(account, stranger.first), statements });
    await register(UNAUTHENTICATED, {
      proof: await world.proofOf(account, account.first, { identity: provider.random(32) }),
      statements,
    });
    const proof = await world.proofOf(account, account.first);
    await register(UNAUTHENTICATED, { proof: { ...proof, signature: base64(provider.random(64)) }, statements });
    await register(MALFORMED, { proof, statements: stranger.chain.map(base64) });
    await register(MALFORMED, { proof, statements: [base64(withField(account.chain[0]!, 60, 1))] });
    await register(MALFORMED, { proof, statements: [...statements, base64(provider.random(50))] });
    await register(MALFORMED, {
      proof,
      statements: (() => {
        addDevice(account);
        return [account.chain[1]!].map(base64);
      })(),
    });
    assert.equal(
      (await world.call('DeviceService/Register', { proof, statements })).status,
      200,
      'a refused proof is not spent',
    );
    await register(UNAUTHENTICATED, { proof, statements });
  });

  it('a login proof works once, for a registered device that is not revoked', async () => {
    const login = (refusal: Refusal, proof: object) => world.refuses(refusal, 'DeviceService/Login', { proof });
    const proof = await world.proofOf(world.bob.account, world.bob.account.first);
    await login(Refusal.UNAUTHENTICATED, { ...proof, channelBound: true });
    await login(Refusal.UNAUTHENTICATED, { ...proof, account: base64(world.carol.account.account) });
    await login(Refusal.MALFORMED, { ...proof, device: base64(new Uint8Array(15)) });
    assert.equal((await world.call('DeviceService/Login', { proof })).status, 200);
    await login(Refusal.UNAUTHENTICATED, proof);
    const nobody = createTestAccount();
    await login(Refusal.UNAUTHENTICATED, await world.proofOf(nobody, nobody.first));
  });

  it('a revoked device is told so, its token is worthless, and registering again does not help', async () => {
    const dave = await registerReceiver(world.running.gateway.address);
    const second = addDevice(dave.account);
    await dave.device.publish(dave.account.chain);
    const statements = () => dave.account.chain.map(base64);
    const proof = await world.proofOf(dave.account, second);
    assert.equal((await world.call('DeviceService/Register', { proof, statements: statements() })).status, 200);
    const login = await world.call('DeviceService/Login', { proof: await world.proofOf(dave.account, second) });
    const { token } = JSON.parse(login.body) as { token: string };
    assert.equal((await world.call('DeviceService/ListMailboxes', {}, bearer(token))).status, 200);
    await dave.device.publish([revokeDevice(dave.account, second)]);
    await world.refuses(Refusal.REVOKED, 'DeviceService/ListMailboxes', {}, bearer(token));
    await world.refuses(Refusal.REVOKED, 'DeviceService/Login', { proof: await world.proofOf(dave.account, second) });
    await world.refuses(Refusal.REVOKED, 'DeviceService/Register', {
      proof: await world.proofOf(dave.account, second),
      statements: statements(),
    });
    await dave.device.close();
  });

  it('R-ID-3 a revoked device cannot take the account over with a statement about the time before', async () => {
    const frank = await registerReceiver(world.running.gateway.address);
    const { account } = frank;
    const thief = addDevice(account);
    await frank.device.publish(account.chain);
    const earlier = [...account.chain];
    addDevice(account);
    revokeDevice(account, thief);
    await frank.device.publish(account.chain);
    // Beside an addition a revocation wins, and what came after the addition would be void: the thief's own revocation.
    const fork = [...earlier, revocationBy(thief, account.first, earlier)];
    const proof = await world.proofOf(account, thief);
    await world.refuses(Refusal.CONFLICT, 'DeviceService/Register', { proof, statements: fork.map(base64) });
    assert.deepEqual(await frank.device.poll(), { arrivals: [], more: false });
    await frank.device.close();
  });

  it('R-ID-3 the older of two devices that revoke each other is heard, though the younger was quicker', async () => {
    const grace = await registerReceiver(world.running.gateway.address);
    const { account } = grace;
    const younger = addDevice(account);
    await grace.device.publish(account.chain);
    const proof = await world.proofOf(account, younger);
    const quicker = [...account.chain, revocationBy(younger, account.first, account.chain)];
    const registered = await world.call('DeviceService/Register', { proof, statements: quicker.map(base64) });
    assert.equal(registered.status, 200);
    const first = await world.proofOf(account, account.first);
    await world.refuses(Refusal.REVOKED, 'DeviceService/Login', { proof: first });
    const contested = [...account.chain, revocationBy(account.first, younger, account.chain)];
    const again = await world.proofOf(account, account.first);
    const statements = contested.map(base64);
    assert.equal((await world.call('DeviceService/Register', { proof: again, statements })).status, 200);
    await world.refuses(Refusal.REVOKED, 'DeviceService/Login', { proof: await world.proofOf(account, younger) });
    await grace.device.close();
  });

  it('two statements of one signer at one place are refused, so that none can be voided later', async () => {
    const erin = await registerReceiver(world.running.gateway.address);
    const fork = { ...erin.account, chain: [...erin.account.chain] };
    addDevice(erin.account);
    addDevice(fork);
    await erin.device.publish(erin.account.chain);
    const { token } = await erin.device.unboundToken();
    await world.refuses(
      Refusal.CONFLICT,
      'DeviceService/PublishStatements',
      { statements: fork.chain.map(base64) },
      bearer(token),
    );
    await erin.device.close();
  });
});

/** What one device would say of another on top of these statements. */
function revocationBy(signer: TestDevice, revoked: TestDevice, chain: readonly Uint8Array[]): Uint8Array {
  const body = { kind: 'revoke-device', device: revoked.device, reason: 'lost' } as const;
  return signStatement(provider, replay(provider, chain).view, signer.keys.ed25519, body, Date.now()).bytes;
}
