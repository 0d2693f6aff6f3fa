import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_FILE_NAME_BYTES, utf8Length } from '@sotto/wire';
import * as fc from 'fast-check';
import { numbered, safeName } from '../src/attachments/names.ts';
import { mayBeShown, sniff } from '../src/attachments/sniff.ts';

const bytes = (...parts: (string | number)[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.alloc(part))));

test('files are what their first bytes say, whatever they are called', () => {
  const known: [string, Uint8Array][] = [
    ['image/jpeg', bytes('\xff\xd8\xff\xe0')],
    ['image/png', bytes('\x89PNG\r\n\x1a\n')],
    ['image/gif', bytes('GIF89a')],
    ['image/webp', bytes('RIFF', 4, 'WEBP')],
    ['image/heic', bytes(4, 'ftypheic')],
    ['audio/wav', bytes('RIFF', 4, 'WAVE')],
    ['audio/ogg', bytes('OggS', 24, 'OpusHead')],
    ['audio/mp4', bytes(4, 'ftypM4A ')],
    ['audio/mpeg', bytes('ID3\x04')],
    ['video/mp4', bytes(4, 'ftypisom')],
    ['video/webm', bytes('\x1a\x45\xdf\xa3', 4, 'webm')],
    ['application/pdf', bytes('%PDF-1.7')],
    ['application/zip', bytes('PK\x03\x04')],
    ['text/plain', Buffer.from('Xin chào')],
    // Nothing that runs is anything but text, or nothing.
    ['text/plain', Buffer.from('<!doctype html><script>alert(1)</script>')],
    ['text/plain', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['application/octet-stream', bytes('MZ\x90\x00')],
    ['application/octet-stream', bytes('\x7fELF')],
    ['application/octet-stream', new Uint8Array(0)],
    ['application/octet-stream', Buffer.from('broken \xc3', 'latin1')],
  ];
  for (const [type, head] of known) assert.equal(sniff(head), type, Buffer.from(head).toString('latin1'));
  const cut = Buffer.concat([Buffer.from('x'.repeat(4095)), Buffer.from('é').subarray(0, 1)]);
  assert.equal(sniff(cut), 'text/plain', 'a character that the first bytes cut in two');
});

test('what is not what its message says, or of a kind that can do something, is not shown', () => {
  const png = bytes('\x89PNG\r\n\x1a\n');
  const page = Buffer.from('<script>alert(1)</script>');
  assert.ok(mayBeShown(png, 'image/png'));
  assert.ok(mayBeShown(page, 'text/plain'), 'as the text that it is');
  for (const [head, claim] of [
    [page, 'image/png'],
    [page, 'text/html'],
    [page, 'image/svg+xml'],
    [png, 'image/jpeg'],
    [png, 'application/octet-stream'],
    [bytes('%PDF-1.7'), 'application/pdf'],
    [bytes('MZ'), 'image/png'],
    [new Uint8Array(0), 'image/png'],
  ] as const) {
    assert.ok(!mayBeShown(head, claim), claim);
  }
});

test('any bytes have a kind', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (head) => assert.match(sniff(head), /^[a-z]+\/[a-z0-9+.-]+$/)),
  );
});

test('hostile names lose what makes them hostile, and stay readable', () => {
  const cases: [string, string][] = [
    ['../../.ssh/authorized_keys', 'authorized_keys'],
    ['C:\\Windows\\system32\\calc.exe', 'calc.exe'],
    ['/etc/passwd', 'passwd'],
    ['photo\u202egpj.exe', 'photo_gpj.exe'],
    ['a\u0000b\nc\u001b[31m.txt', 'a_b_c_[31m.txt'],
    ['..', 'attachment.bin'],
    ['...hidden', 'hidden'],
    ['', 'attachment.bin'],
    ['CON', '_CON'],
    ['nul.txt', '_nul.txt'],
    ['name. . ', 'name'],
    ['a<b>:"|?*', 'a_b______'],
    ['Ảnh Đà Lạt (2).jpg', 'Ảnh Đà Lạt (2).jpg'],
  ];
  for (const [claimed, safe] of cases) assert.equal(safeName(claimed, 'x/y'), safe, claimed);
  assert.equal(safeName('', 'image/jpeg'), 'attachment.jpg');
  const long = safeName(`${'đ'.repeat(300)}.tar`, 'x/y');
  assert.ok(utf8Length(long) <= MAX_FILE_NAME_BYTES && long.endsWith('.tar'));
  assert.equal(numbered('a.b.txt', 2), 'a.b (2).txt');
});

test('no name leads out of a folder, is empty, or says anything to a terminal', () => {
  const hostile = fc.array(
    fc.constantFrom('/', '\\', '..', '.', '\0', '\u202e', '\x1b', 'a', ' ', 'é', ':', '\u{1f600}', '~'),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        hostile.map((parts) => parts.join('')),
        fc.string({ unit: 'binary', maxLength: 400 }),
      ),
      (claimed) => {
        const name = safeName(claimed, 'image/png');
        assert.ok(name !== '' && name !== '.' && name !== '..' && !name.startsWith('.'));
        assert.doesNotMatch(name, /[\p{Cc}\p{Cf}/\\]/u);
        assert.ok(utf8Length(name) <= MAX_FILE_NAME_BYTES);
        assert.equal(safeName(name, 'image/png'), name, 'twice is once');
      },
    ),
  );
});
