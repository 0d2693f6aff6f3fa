import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  conversationId,
  decodeContent,
  encodeContent,
  isContentType,
  MAX_ATTACHMENT_BYTES,
  MAX_ATTACHMENTS,
  MAX_FILE_NAME_BYTES,
  MAX_PIXELS,
  MAX_THUMBNAIL_BYTES,
  MAX_WAVEFORM_BYTES,
  WireError,
} from '@sotto/wire';
import { codeOf } from './support.ts';

const fill = (byte: number) => new Uint8Array(32).fill(byte);
const blob = {
  key: fill(1),
  gateway: `sotto://127.0.0.1:8443/${'a'.repeat(52)}`,
  size: 1000n,
  sealedSize: 1200n,
  sha256: fill(2),
  expiresAt: 1_800_000_000n,
};
const photo = {
  blob,
  contentType: 'image/jpeg',
  name: 'Đà Lạt.jpg',
  thumbnail: fill(3),
  media: { case: 'image' as const, value: { width: 4000, height: 3000 } },
};
const withAttachments = (attachments: readonly object[], body = '') =>
  encodeContent({
    conversation: conversationId(fill(9)),
    counter: 1,
    height: 1,
    parents: [],
    sentAt: 1,
    chainHead: null,
    body: { kind: 'text', value: { body, attachments: attachments as never } },
  });

test('a message with a picture, a film, a voice note and a file survives a round trip, with or without a text', () => {
  const attachments = [
    photo,
    { ...photo, contentType: 'video/mp4', media: { case: 'video', value: { durationMs: 5 } } },
    {
      ...photo,
      contentType: 'audio/ogg',
      media: { case: 'audio', value: { durationMs: 9000, voice: true, waveform: fill(7) } },
    },
    { blob, contentType: 'application/octet-stream' },
  ];
  for (const text of ['', 'from yesterday']) {
    const bytes = withAttachments(attachments, text);
    const { body } = decodeContent(bytes);
    assert.ok(body.kind === 'text' && body.value.body === text);
    assert.deepEqual(
      body.value.attachments.map(({ media }) => media.case),
      ['image', 'video', 'audio', undefined],
    );
    assert.deepEqual(body.value.attachments[0]?.blob?.key, fill(1));
  }
});

const audio = (waveform: number) => ({ case: 'audio', value: { waveform: new Uint8Array(waveform) } });

test('every limit of an attachment is enforced, by name', () => {
  const cases: [string, readonly object[], string][] = [
    ['too many', Array.from({ length: MAX_ATTACHMENTS + 1 }, () => photo), 'too_large'],
    ['no blob', [{ contentType: 'image/png' }], 'malformed'],
    ['short key', [{ ...photo, blob: { ...blob, key: fill(1).subarray(1) } }], 'length'],
    ['short hash', [{ ...photo, blob: { ...blob, sha256: fill(1).subarray(1) } }], 'length'],
    ['no gateway', [{ ...photo, blob: { ...blob, gateway: '' } }], 'malformed'],
    [
      'too long',
      [{ ...photo, blob: { ...blob, size: BigInt(MAX_ATTACHMENT_BYTES) + 1n, sealedSize: 2n ** 41n } }],
      'range',
    ],
    ['sealed smaller', [{ ...photo, blob: { ...blob, sealedSize: 1000n } }], 'range'],
    ['no time', [{ ...photo, blob: { ...blob, expiresAt: 2n ** 60n } }], 'range'],
    ['no type', [{ ...photo, contentType: '' }], 'text'],
    ['a type with parameters', [{ ...photo, contentType: 'text/html; charset=x' }], 'text'],
    ['long name', [{ ...photo, name: 'x'.repeat(MAX_FILE_NAME_BYTES + 1) }], 'too_large'],
    ['broken name', [{ ...photo, name: '\ud800' }], 'text'],
    ['large thumbnail', [{ ...photo, thumbnail: new Uint8Array(MAX_THUMBNAIL_BYTES + 1) }], 'too_large'],
    ['wide', [{ ...photo, media: { case: 'image', value: { width: MAX_PIXELS + 1, height: 1 } } }], 'range'],
    ['long waveform', [{ ...photo, media: audio(MAX_WAVEFORM_BYTES + 1) }], 'too_large'],
    [
      'thumbnails that do not fit',
      Array.from({ length: 9 }, () => ({ ...photo, thumbnail: new Uint8Array(8192) })),
      'too_large',
    ],
  ];
  for (const [name, attachments, code] of cases)
    assert.equal(
      codeOf(() => withAttachments(attachments)),
      code,
      name,
    );
});

test('media types are lower case, without parameters, and nothing else', () => {
  for (const good of ['image/svg+xml', 'application/vnd.ms-excel', 'x/y']) assert.ok(isContentType(good), good);
  for (const bad of [
    '',
    'image',
    'image/',
    '/png',
    'Image/png',
    'image/png ',
    'a/b/c',
    'a/b\n',
    `a/${'b'.repeat(200)}`,
  ]) {
    assert.ok(!isContentType(bad), bad);
  }
});

test('damaged attachments are refused or read, and never anything else', () => {
  const valid = withAttachments([photo, { blob, contentType: 'a/b' }]);
  fc.assert(
    fc.property(fc.nat(valid.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Uint8Array.from(valid);
      bytes[at] = (bytes[at] ?? 0) ^ change;
      try {
        decodeContent(bytes);
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }),
    { numRuns: 500 },
  );
});
