import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { connectGateway, GatewayApiError } from '@sotto/gateway-api';
import { GatewayError, issueAuthority, issueLeaf } from '@sotto/gateway';
import { systemClock } from '@sotto/transport';
import { currentCertificate } from '../src/tls/certificates.ts';
import { ManualClock } from './support/clock.ts';
import { startTestGateway } from './support/gateway.ts';

const DAY_MS = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), 'sotto-tls-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a managed certificate is kept while it is fresh, replaced in time, and signed by the identity', async () => {
  const clock = new ManualClock();
  const { privateKey: identity, publicKey } = generateKeyPairSync('ed25519');
  const options = {
    source: { kind: 'managed', identity },
    dataFolder: folder,
    hosts: ['localhost', '127.0.0.1'],
    clock,
  } as const;
  const first = await currentCertificate(options);
  const leaf = new X509Certificate(first.certificate);
  assert.ok(leaf.verify(publicKey));
  assert.ok(leaf.checkIssued(new X509Certificate(readFileSync(join(folder, 'ca.pem')))));
  assert.ok(!leaf.ca);
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.equal(leaf.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  assert.equal(statSync(join(folder, 'tls.key')).mode & 0o777, 0o600);
  clock.advance(19 * DAY_MS);
  assert.deepEqual(await currentCertificate(options), first);
  clock.advance(2 * DAY_MS);
  const second = await currentCertificate(options);
  assert.notEqual(second.certificate, first.certificate);
  assert.notEqual(second.key, first.key, 'a new key with each certificate');
  const moved = await currentCertificate({ ...options, hosts: [...options.hosts, 'gateway.example'] });
  assert.equal(new X509Certificate(moved.certificate).checkHost('gateway.example'), 'gateway.example');
});

test('an offline identity: certificates are brought, and the private key is never on the gateway', async () => {
  const { privateKey: identity } = generateKeyPairSync('ed25519');
  const now = Date.now();
  const pair = await issueLeaf({
    identity,
    hosts: ['127.0.0.1'],
    notBefore: now - DAY_MS,
    notAfter: now + 90 * DAY_MS,
  });
  const files = {
    authorityFile: join(folder, 'a.pem'),
    certificateFile: join(folder, 'c.pem'),
    keyFile: join(folder, 'k.pem'),
  };
  writeFileSync(files.authorityFile, await issueAuthority(identity, now));
  writeFileSync(files.certificateFile, pair.certificate);
  writeFileSync(files.keyFile, pair.key);
  const config = { identity: { kind: 'offline', ...files } } as const;
  {
    await using running = await startTestGateway({ config });
    const gateway = connectGateway({ address: running.gateway.address, clock: systemClock });
    assert.equal((await gateway.info()).registration, 'open');
    await gateway.close();
    assert.ok(!existsSync(join(running.folder, 'identity.key')));
    assert.equal(running.gateway.caFile, files.authorityFile);
  }
  const strangers = await issueLeaf({
    identity: generateKeyPairSync('ed25519').privateKey,
    hosts: ['127.0.0.1'],
    notBefore: now,
    notAfter: now + DAY_MS,
  });
  const expired = await issueLeaf({
    identity,
    hosts: ['127.0.0.1'],
    notBefore: now - 2 * DAY_MS,
    notAfter: now - DAY_MS,
  });
  for (const wrong of [strangers, expired, { ...pair, key: expired.key }]) {
    writeFileSync(files.certificateFile, wrong.certificate);
    writeFileSync(files.keyFile, wrong.key);
    await assert.rejects(
      startTestGateway({ config }),
      (error) => error instanceof GatewayError && error.code === 'certificate',
    );
  }
});

test('a client talks to the pinned gateway and to no other, whatever certificate it shows', async () => {
  await using running = await startTestGateway();
  await using other = await startTestGateway();
  const { port } = new URL(other.gateway.url);
  const wrong = running.gateway.address.replace(/:\d+\//, `:${port}/`);
  const gateway = connectGateway({ address: wrong, clock: systemClock });
  await assert.rejects(gateway.info(), (error) => error instanceof GatewayApiError && error.code === 'wrong-gateway');
  await gateway.close();
  const later = { ...systemClock, now: () => Date.now() + 60 * DAY_MS };
  const outOfTime = connectGateway({ address: running.gateway.address, clock: later });
  await assert.rejects(outOfTime.info(), (error) => error instanceof GatewayApiError && error.code === 'certificate');
  await outOfTime.close();
});

test('a public certificate is served to those who ask for its name, the pinned one to all others', async () => {
  const { privateKey: publicIdentity } = generateKeyPairSync('ed25519');
  const now = Date.now();
  const pair = await issueLeaf({
    identity: publicIdentity,
    hosts: ['chat.example'],
    notBefore: now - DAY_MS,
    notAfter: now + DAY_MS,
  });
  const files = { certificateFile: join(folder, 'public.pem'), keyFile: join(folder, 'public.key') };
  writeFileSync(files.certificateFile, pair.certificate);
  writeFileSync(files.keyFile, pair.key);
  await using running = await startTestGateway({ config: { publicCertificate: { kind: 'files', ...files } } });
  const port = Number(new URL(running.gateway.url).port);
  const shown = async (servername: string): Promise<X509Certificate | undefined> => {
    const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerX509Certificate();
    socket.destroy();
    return certificate;
  };
  assert.ok((await shown('chat.example'))?.verify(createPublicKey(publicIdentity)));
  for (const name of ['', 'other.example']) assert.ok(!(await shown(name))?.verify(createPublicKey(publicIdentity)));
  const gateway = connectGateway({ address: running.gateway.address, clock: systemClock });
  await gateway.info();
  await gateway.close();
});

test('R-GW-3 a second gateway on the same data folder is told so, and touches nothing in it', async () => {
  await using running = await startTestGateway();
  const files = ['identity.key', 'tls.pem', 'tls.key'];
  const before = files.map((name) => readFileSync(join(running.folder, name), 'utf8'));
  await assert.rejects(
    startTestGateway({
      folder: running.folder,
      config: { address: { kind: 'public', endpoint: { host: 'other.example', port: 443 } } },
    }),
    (error) => error instanceof GatewayError && error.code === 'data-in-use',
  );
  const left = files.map((name) => readFileSync(join(running.folder, name), 'utf8'));
  assert.ok(before.every((text, i) => text === left[i]));
  assert.equal(statSync(running.folder).mode & 0o777, 0o700);
  assert.equal(statSync(join(running.folder, 'identity.key')).mode & 0o777, 0o600);
});

test('a database that is damaged or was written by a newer version stops the start, and is left as it is', async () => {
  for (const spoil of [
    (file: string) => writeFileSync(file, 'this is no database, however long it is looked at '.repeat(100)),
    (file: string) => {
      const database = new DatabaseSync(file);
      database.exec('PRAGMA user_version = 999');
      database.close();
    },
  ]) {
    const data = mkdtempSync(join(tmpdir(), 'sotto-gateway-'));
    const file = join(data, 'gateway.db');
    spoil(file);
    const before = readFileSync(file);
    await assert.rejects(
      startTestGateway({ folder: data }),
      (error) => error instanceof GatewayError && error.code === 'data',
    );
    assert.deepEqual(readFileSync(file).subarray(100), before.subarray(100));
    assert.deepEqual(
      readdirSync(data).filter((name) => !name.startsWith('gateway.db')),
      [],
    );
    rmSync(data, { recursive: true });
  }
});
