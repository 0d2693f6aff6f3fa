import assert from 'node:assert/strict';
import 'reflect-metadata';
import { spawn } from 'node:child_process';
import { KeyObject, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { X509CertificateGenerator } from '@peculiar/x509';
import { assert as check, constantFrom, property, string, uint8Array } from 'fast-check';
import { needlesOf, search } from './search.ts';
import { readableParts, startTap } from './tap.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-tap-'));
after(() => rmSync(folder, { recursive: true }));

describe('the search for readable texts', () => {
  const text = 'Bí mật: tajný текст — 秘密';
  const forms: Record<string, Buffer> = {
    'UTF-8': Buffer.from(text),
    'UTF-16LE': Buffer.from(text, 'utf16le'),
    'UTF-16BE': Buffer.from(text, 'utf16le').swap16(),
    hex: Buffer.from(Buffer.from(text).toString('hex')),
    HEX: Buffer.from(Buffer.from(text).toString('hex').toUpperCase()),
  };
  for (const [name, bytes] of Object.entries(forms)) {
    test(`finds a text in ${name} in the middle of other bytes`, () => {
      const haystack = Buffer.concat([randomBytes(1001), bytes, randomBytes(77)]);
      assert.deepEqual(
        search('here', haystack, needlesOf(text)).map(({ encoding }) => encoding),
        [name],
      );
    });
  }

  test('finds a text inside a larger base64 run, at every alignment and in both alphabets', () => {
    check(
      property(
        string({ minLength: 12, unit: 'binary' }).filter((value) => Buffer.from(value).toString() === value),
        uint8Array({ maxLength: 40 }),
        uint8Array({ maxLength: 40 }),
        constantFrom('base64', 'base64url'),
        (value, before, following, alphabet) => {
          const run = Buffer.concat([before, Buffer.from(value), following]).toString(alphabet);
          assert.notEqual(search('here', Buffer.from(run), needlesOf(value)).length, 0);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('finds nothing in random bytes', () => {
    assert.deepEqual(search('here', randomBytes(1 << 20), needlesOf(text)), []);
  });

  test('refuses texts too short to be told from chance', () => {
    assert.throws(() => search('here', randomBytes(10), needlesOf('ab')));
  });
});

async function selfSigned(): Promise<{ key: string; certificate: string }> {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    keys,
  });
  const key = join(folder, 'key.pem');
  const certificate = join(folder, 'certificate.pem');
  writeFileSync(key, KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(certificate, made.toString('pem'));
  return { key, certificate };
}

test('the tap reads headers, bodies and compressed messages of HTTP/2 and HTTP/1.1 in both directions', async () => {
  const { key, certificate } = await selfSigned();
  const keyLog = join(folder, 'keys.log');
  const program = `
    const server = require('node:http2').createSecureServer({
      key: require('node:fs').readFileSync(process.argv[1]),
      cert: require('node:fs').readFileSync(process.argv[2]),
      allowHTTP1: true,
    }, (request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        const zipped = request.url === '/zip';
        const body = Buffer.concat([Buffer.from('answer:'), ...parts]);
        const message = zipped ? require('node:zlib').gzipSync(body) : body;
        const frame = Buffer.alloc(5);
        frame[0] = zipped ? 1 : 0;
        frame.writeUInt32BE(message.length, 1);
        const headers = { 'content-type': 'application/connect+proto', 'x-echo': request.headers['x-said'] ?? '' };
        if (zipped) headers['connect-content-encoding'] = 'gzip';
        response.writeHead(200, headers);
        response.end(Buffer.concat([frame, message]));
      });
    });
    server.listen(0, '127.0.0.1', () => console.log(server.address().port));
  `;
  const child = spawn(process.execPath, [`--tls-keylog=${keyLog}`, '-e', program, key, certificate], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const port = await new Promise<number>((resolve) =>
      child.stdout.once('data', (data: Buffer) => resolve(Number(data.toString()))),
    );
    const tap = await startTap({ listenPort: 0, gatewayPort: port, keyLogs: () => [keyLog] });
    const session = connect(`https://127.0.0.1:${tap.port}`, { rejectUnauthorized: false });
    const ask = async (path: string, said: string, body: Buffer): Promise<void> => {
      const stream = session.request({ ':path': path, ':method': 'POST', 'x-said': said });
      stream.end(body);
      stream.resume();
      await new Promise((resolve) => stream.on('close', resolve));
    };
    const big = randomBytes(200_000);
    const marker = 'a marker in the middle of a large body';
    await ask('/a', 'header number one', Buffer.concat([big, Buffer.from(marker), big]));
    await ask('/zip', 'header number two ~!@#$%^&*()_+{}|:"<>?`[];,./', Buffer.from('squeezed squeezed squeezed'));
    for (let i = 0; i < 200; i++) await ask(`/${i}`, randomBytes(i).toString('base64'), Buffer.alloc(0));
    session.close();
    await new Promise<void>((resolve, reject) => {
      const options = { rejectUnauthorized: false, headers: { 'x-said': 'header over 1.1' } };
      get(`https://127.0.0.1:${tap.port}/one`, options, (response) => {
        response.resume();
        response.on('end', resolve);
      }).on('error', reject);
    });

    const connections = tap.read();
    assert.deepEqual(
      connections.map(({ http2 }) => http2),
      [true, false],
    );
    const parts = connections.flatMap(readableParts);
    const found = (text: string): string[] =>
      parts.flatMap(({ name, bytes }) => search(name, bytes, needlesOf(text)).map(({ place }) => place));
    const both = ['to', 'from'];
    for (const way of both) {
      assert.ok(found(marker).includes(`a body ${way} the gateway`), way);
      assert.ok(found('header number one').includes(`headers ${way} the gateway`), way);
      assert.ok(found('header over 1.1').includes(`bytes ${way} the gateway`), way);
    }
    assert.ok(found('header number two ~!@#$%^&*()_+{}|:"<>?`[];,./').includes('headers from the gateway'));
    assert.ok(found('answer:squeezed squeezed').includes('a compressed message from the gateway'));
    assert.equal(connections[0]?.answers.length, 202);
    await tap.close();
  } finally {
    child.kill('SIGKILL');
  }
});
