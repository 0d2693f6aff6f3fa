import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  accountId,
  accountName,
  compareBytes,
  equalBytes,
  formatContactLink,
  formatGatewayAddress,
  fromBase32,
  ID_BYTES,
  idFromHex,
  idFromText,
  idHex,
  idText,
  parseContactLink,
  parseGatewayAddress,
  parseHost,
  toBase32,
} from '@sotto/wire';
import type { ContactLink, Host } from '@sotto/wire';
import { bytesOf, codeOf } from './support.ts';

const PIN = 'ab'.repeat(26).slice(0, 51) + 'a';

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,20}[a-z0-9])?$/);
const host: fc.Arbitrary<Host> = fc.oneof(
  fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => ({ kind: 'name' as const, name: labels.join('.') })),
  bytesOf(4).map((bytes) => ({ kind: 'ipv4' as const, bytes })),
  bytesOf(16).map((bytes) => ({ kind: 'ipv6' as const, bytes })),
  fc
    .array(fc.boolean(), { minLength: 16, maxLength: 16 })
    .map((bits) => ({ kind: 'ipv6' as const, bytes: Uint8Array.from(bits, Number) })),
);
const gateway = fc.record(
  { host, port: fc.integer({ min: 1, max: 65_535 }), pin: bytesOf(32) },
  { noNullPrototype: true },
);
const link: fc.Arbitrary<ContactLink> = fc.record(
  {
    account: bytesOf(32).map(accountId),
    gateway,
    accountName: fc.option(fc.stringMatching(/^[a-z0-9]{3,32}$/).map(accountName)),
  },
  { noNullPrototype: true },
);

test('a gateway address has one written form, whatever its case when read', () => {
  fc.assert(
    fc.property(gateway, (address) => {
      const text = formatGatewayAddress(address);
      assert.deepEqual(parseGatewayAddress(text), address);
      assert.deepEqual(parseGatewayAddress(text.toUpperCase()), address);
    }),
  );
  assert.equal(
    formatGatewayAddress(parseGatewayAddress(`sotto://[2001:DB8::1:0:0:1]:443/${PIN}`)),
    `sotto://[2001:db8::1:0:0:1]:443/${PIN}`,
  );
});

test('RFC 5952: IPv6 in its shortest form only', () => {
  for (const good of ['::', '::1', '1::', '2001:db8::1', '2001:db8:0:1:1:1:1:1', '1:0:0:2::', 'fe80::1:0:0:1']) {
    assert.equal(parseHost(`[${good}]`).kind, 'ipv6', good);
  }
  for (const [bad, code] of [
    ['2001:db8::0:1', 'not_canonical'],
    ['0::1', 'not_canonical'],
    ['1:0:0:2:0:0:0:3', 'not_canonical'],
    ['2001:db8::1:1:1:1:1', 'not_canonical'],
    ['01::', 'not_canonical'],
    ['1::2::3', 'text'],
    ['1:2:3:4:5:6:7', 'text'],
    ['1:2:3:4:5:6:7:8:9', 'text'],
    ['1:2:3:4:5:6:7::8', 'text'],
    ['::ffff:1.2.3.4', 'text'],
    ['fe80::1%eth0', 'text'],
    ['', 'text'],
  ] as const) {
    assert.equal(
      codeOf(() => parseHost(`[${bad}]`)),
      code,
      bad,
    );
  }
});

test('odd addresses are refused', () => {
  for (const bad of [
    '',
    `sotto://example.org/${PIN}`,
    `sotto://example.org:0/${PIN}`,
    `sotto://example.org:0443/${PIN}`,
    `sotto://example.org:65536/${PIN}`,
    `sotto://user@example.org:443/${PIN}`,
    `sotto://example.org:443/${PIN}/`,
    `sotto://example.org:443/${PIN}?a`,
    `sotto://example.org:443/${PIN.slice(1)}`,
    `sotto://example.org:443/${PIN.slice(0, -1)}b`,
    `sotto://example.org.:443/${PIN}`,
    `sotto://-a.org:443/${PIN}`,
    `sotto://1.2.3:443/${PIN}`,
    `sotto://1.2.3.256:443/${PIN}`,
    `sotto://01.2.3.4:443/${PIN}`,
    `sotto://0x7f:443/${PIN}`,
    `sotto://a..b:443/${PIN}`,
    `sotto://exämple.org:443/${PIN}`,
    `https://example.org:443/${PIN}`,
    `sotto://${'a'.repeat(64)}.org:443/${PIN}`,
    `sotto://${'a.'.repeat(200)}b:443/${PIN}`,
  ]) {
    assert.notEqual(
      codeOf(() => parseGatewayAddress(bad)),
      null,
      bad,
    );
  }
});

test('a contact link survives a round trip in either case and fits a QR code', () => {
  fc.assert(
    fc.property(link, (value) => {
      const text = formatContactLink(value);
      assert.match(text, /^sotto:contact\/[02-9ac-hj-np-z]+$/);
      assert.deepEqual(parseContactLink(text), value);
      assert.deepEqual(parseContactLink(text.toUpperCase()), value);
    }),
  );
  const usual = formatContactLink({
    account: accountId(new Uint8Array(32)),
    gateway: parseGatewayAddress(`sotto://gateway.example.org:8443/${PIN}`),
    accountName: accountName('alice'),
  });
  assert.ok(usual.length <= 200, `${usual.length} characters`);
});

test('a typing error in a contact link is caught, wherever it is', () => {
  const alphabet = '023456789acdefghjklmnpqrstuvwxyz';
  fc.assert(
    fc.property(link, fc.nat(), fc.constantFrom(...alphabet.split('')), (value, at, letter) => {
      const text = formatContactLink(value);
      const start = 'sotto:contact/'.length;
      const where = start + (at % (text.length - start));
      fc.pre(text[where] !== letter);
      const typo = text.slice(0, where) + letter + text.slice(where + 1);
      assert.equal(
        codeOf(() => parseContactLink(typo)),
        'checksum',
      );
      const swapped = text.slice(0, where) + text.slice(where + 1);
      assert.notEqual(
        codeOf(() => parseContactLink(swapped)),
        null,
      );
    }),
    { numRuns: 300 },
  );
  assert.equal(
    codeOf(() => parseContactLink('sotto:contact/')),
    'checksum',
  );
  assert.equal(
    codeOf(() => parseContactLink('https://example.org')),
    'malformed',
  );
  assert.equal(
    codeOf(() => parseContactLink(`sotto:contact/${'q'.repeat(700)}`)),
    'too_large',
  );
});

test('account names: 3 to 32 of the plainest characters', () => {
  for (const good of ['abc', 'a.b', 'anna-maria_2', '007', 'x'.repeat(32)]) assert.equal(accountName(good), good);
  for (const bad of ['', 'ab', 'x'.repeat(33), 'Anna', 'a b', '.ab', 'ab.', 'a..b', 'a._b', 'ünï', 'a\nb', 'abc\n']) {
    assert.equal(
      codeOf(() => accountName(bad)),
      'text',
      bad,
    );
  }
});

test('ids have one text form each, and their length is part of their kind', () => {
  fc.assert(
    fc.property(bytesOf(32), (bytes) => {
      assert.deepEqual(idFromText('AccountId', idText(bytes)), bytes);
      assert.deepEqual(idFromHex('MessageId', idHex(bytes)), bytes);
      assert.equal(
        codeOf(() => idFromText('DeviceId', idText(bytes))),
        'length',
      );
      assert.equal(
        codeOf(() => idFromHex('MailboxId', idHex(bytes))),
        'length',
      );
    }),
  );
  assert.equal(ID_BYTES.MailboxId, 16);
  for (const bad of ['ABC', 'a=', 'ab1', 'a', 'ab\n', 'b7'])
    assert.equal(
      codeOf(() => fromBase32(bad)),
      'text',
      bad,
    );
  assert.equal(
    codeOf(() => idFromHex('AccountId', 'AA')),
    'text',
  );
  assert.equal(toBase32(new TextEncoder().encode('foobar')), 'mzxw6ytboi'); // RFC 4648 §10
});

test('comparison of ids is the order of their bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ maxLength: 8 }), (a, b) => {
      assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b));
      assert.equal(equalBytes(a, b), Buffer.compare(a, b) === 0);
    }),
  );
});
