import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Secret } from '@sotto/crypto';
import { idText, toBase32 } from '@sotto/wire';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { Challenges } from '../src/login/challenges.ts';
import { RequestTokens } from '../src/login/request-tokens.ts';
import { Tokens } from '../src/login/tokens.ts';
import { provider } from './support/account.ts';
import { ManualClock } from './support/clock.ts';

const identity = randomBytes(32);
const [account, device, binding] = [randomBytes(32), randomBytes(16), randomBytes(32)];
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const secret = () => Secret.take(provider.random(32));

test('a challenge is valid once and for a minute, and only here', () => {
  const clock = new ManualClock();
  const challenges = new Challenges(provider, clock, secret());
  const nonce = challenges.issue();
  assert.equal(nonce.length, 32);
  assert.ok(challenges.valid(nonce));
  assert.ok(!new Challenges(provider, clock, secret()).valid(nonce), 'of another process');
  for (let i = 0; i < nonce.length; i++) assert.ok(!challenges.valid(nonce.with(i, (nonce[i] ?? 0) ^ 1)), `byte ${i}`);
  assert.ok(!challenges.valid(nonce.subarray(1)));
  assert.ok(challenges.spend(nonce));
  assert.ok(!challenges.valid(nonce));
  assert.ok(!challenges.spend(nonce));
  const late = challenges.issue();
  clock.advance(60_000);
  assert.ok(challenges.valid(late));
  clock.advance(1);
  assert.ok(!challenges.valid(late));
  assert.ok(!challenges.valid(nonce), 'a spent one that is forgotten is too old as well');
});

test('a login token is for five minutes at most, one audience, one connection if bound', async () => {
  const clock = new ManualClock();
  const tokens = new Tokens(clock, identity);
  const bound = await tokens.issue(account, device, binding);
  const free = await tokens.issue(account, device, null);
  const claims = { account: idText(account), device: idText(device), expiresAt: bound.expiresAt };
  assert.deepEqual(await tokens.verify(bound.token, () => binding), claims);
  assert.equal(await tokens.verify(bound.token, () => randomBytes(32)), null);
  assert.equal(await tokens.verify(bound.token, () => null), null);
  assert.deepEqual(await tokens.verify(free.token, () => null), claims);
  assert.ok(
    !JSON.stringify(decodeJwt(bound.token)).includes(binding.toString('base64url')),
    'a hash, not the exporter',
  );
  clock.advance(299_000);
  assert.deepEqual(await tokens.verify(bound.token, () => binding), claims);
  clock.advance(1000);
  assert.equal(await tokens.verify(bound.token, () => binding), null);
});

test('no other algorithm, key, type, audience or issuer makes a login token', async () => {
  const clock = new ManualClock();
  const tokens = new Tokens(clock, identity);
  const { token } = await tokens.issue(account, device, null);
  const header = decodeProtectedHeader(token);
  const payload = decodeJwt(token);
  const signature = token.split('.')[2];
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const forge = (change: object) =>
    new SignJWT({ ...payload, ...change }).setProtectedHeader(header as { alg: string });
  const unsigned = `${part({ ...header, alg: 'none' })}.${part(payload)}`;
  const hmacInput = `${part({ ...header, alg: 'HS256' })}.${part(payload)}`;
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const forged = [
    `${unsigned}.`,
    `${unsigned}.${signature}`,
    `${hmacInput}.${createHmac('sha256', spki).update(hmacInput).digest('base64url')}`,
    await forge({}).sign(privateKey),
    `${part(header)}.${part({ ...payload, account: idText(randomBytes(32)) })}.${signature}`,
    `${part({ ...header, typ: 'JWT' })}.${part(payload)}.${signature}`,
    `${token}x`,
    token.slice(0, -2),
    '',
    'a.b.c',
    'x'.repeat(5000),
  ];
  for (const attempt of forged) assert.equal(await tokens.verify(attempt, () => null), null, attempt.slice(0, 40));
  const elsewhere = new Tokens(clock, randomBytes(32));
  const { token: foreign } = await elsewhere.issue(account, device, null);
  assert.equal(await tokens.verify(foreign, () => null), null);
  assert.equal(payload['aud'], `sotto-gateway:${toBase32(identity)}`);
});

test('a request token says its account until it ends; nobody else can make one', () => {
  const clock = new ManualClock();
  const tokens = new RequestTokens(provider, clock, secret());
  const { token, expiresAt } = tokens.issue(account);
  const claims = tokens.read(token);
  assert.deepEqual(Buffer.from(claims?.account ?? []), account);
  assert.equal(claims?.expiresAt, expiresAt);
  const inPool = Buffer.concat([randomBytes(99), token, randomBytes(99)]).subarray(99, -99);
  assert.deepEqual(tokens.read(inPool), claims, 'wherever its bytes lie');
  assert.notDeepEqual(claims?.id, tokens.read(tokens.issue(account).token)?.id);
  for (let i = 0; i < token.length; i++)
    assert.equal(tokens.read(token.with(i, (token[i] ?? 0) ^ 1)), null, `byte ${i}`);
  assert.equal(tokens.read(token.subarray(1)), null);
  assert.equal(new RequestTokens(provider, clock, secret()).read(token), null);
  clock.advance(600_000);
  assert.equal(tokens.read(token), null);
});
