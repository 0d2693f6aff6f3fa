import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_THUMBNAIL_BYTES as mostBytes } from '@sotto/wire';
import * as fc from 'fast-check';
import { cleanerOf } from '../src/attachments/images/clean.ts';
import { readOrientation } from '../src/attachments/images/orientation.ts';
import { PictureError } from '../src/attachments/images/picture.ts';
import { ThumbnailMaker } from '../src/attachments/thumbnail.ts';
import {
  chunk,
  decodeJpeg,
  decodePng,
  exif,
  jpegWithSecrets,
  pngWithSecrets,
  webpWithSecrets,
} from './support/pictures.ts';

const kinds = {
  'image/jpeg': jpegWithSecrets,
  'image/png': pngWithSecrets,
  'image/webp': webpWithSecrets,
} as const;
type Kind = keyof typeof kinds;
const each = Object.entries(kinds) as [Kind, (typeof kinds)[Kind]][];
const clean = (kind: Kind, bytes: Uint8Array) => cleanerOf(kind)!(bytes);

test('nothing that pictures say of place, camera, author or earlier versions is left, also behind their end', () => {
  for (const [kind, make] of each) {
    const dirty = make(40, 30);
    assert.match(dirty.toString('latin1'), /SECRET/);
    const { bytes, width, height } = clean(kind, dirty);
    assert.doesNotMatch(Buffer.from(bytes).toString('latin1'), /SECRET|Exif|XML|Photoshop/, kind);
    assert.deepEqual([width, height], [40, 30], kind);
    assert.match(Buffer.from(bytes).toString('latin1'), kind === 'image/png' ? /pHYs/ : /profile/, 'colours stay');
    assert.deepEqual(Buffer.from(clean(kind, bytes).bytes), Buffer.from(bytes), 'what is clean stays as it is');
  }
});

test('pixels are untouched', () => {
  const jpeg = jpegWithSecrets(64, 48);
  assert.deepEqual(decodeJpeg(clean('image/jpeg', jpeg).bytes).data, decodeJpeg(jpeg).data);
  const png = pngWithSecrets(64, 48);
  assert.deepEqual(decodePng(clean('image/png', png).bytes).data, decodePng(png.subarray(0, -13)).data);
});

test('how a picture is to be turned is kept, and its sides are those that are seen', () => {
  for (const [kind, make] of each) {
    for (let orientation = 2; orientation <= 8; orientation++) {
      const picture = clean(kind, make(40, 30, orientation));
      assert.equal(picture.orientation, orientation, kind);
      assert.deepEqual([picture.width, picture.height], orientation >= 5 ? [30, 40] : [40, 30]);
      assert.equal(clean(kind, picture.bytes).orientation, orientation, 'also in what is sent');
      assert.doesNotMatch(Buffer.from(picture.bytes).toString('latin1'), /SECRET/);
    }
  }
  assert.equal(readOrientation(exif(6)), 6);
  assert.equal(readOrientation(exif(6, false)), 6);
  assert.equal(readOrientation(exif(9)), 1);
});

test('a picture that is cut off, or has parts that no picture has, is refused', () => {
  for (const [kind, make] of each) {
    const whole = make(40, 30).subarray(0, -13);
    for (const share of [0, 0.1, 0.5, 0.9]) {
      assert.throws(() => clean(kind, whole.subarray(0, Math.floor(whole.length * share))), PictureError, kind);
    }
  }
  const png = pngWithSecrets(8, 8);
  const critical = Buffer.concat([png.subarray(0, 33), chunk('XXXX', Buffer.alloc(1)), png.subarray(33)]);
  assert.throws(() => clean('image/png', critical), PictureError);
});

test('damaged pictures are refused or cleaned, and nothing else', () => {
  for (const [kind, make] of each) {
    const valid = make(16, 16, 6);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (changes) => {
          const bytes = Buffer.from(valid);
          for (const [at, value] of changes) bytes[at] = value;
          try {
            clean(kind, bytes);
          } catch (error) {
            assert.ok(error instanceof PictureError, String(error));
          }
        },
      ),
      { numRuns: 400 },
    );
  }
});

test('a thumbnail is small, upright and shows the picture; what cannot be decoded has none', async () => {
  using thumbnails = new ThumbnailMaker();
  const { bytes, width, height, orientation } = clean('image/jpeg', jpegWithSecrets(600, 400, 6));
  const thumbnail = await thumbnails.make({ bytes, contentType: 'image/jpeg', width, height, orientation, mostBytes });
  assert.ok(thumbnail !== null && thumbnail.length <= mostBytes);
  const small = decodeJpeg(thumbnail);
  assert.ok(small.height > small.width && small.height <= 192, `${small.width}×${small.height}`);
  // Turned by a quarter: what was left is on top.
  const at = (x: number, y: number) => [
    ...small.data.subarray((y * small.width + x) * 4, (y * small.width + x) * 4 + 3),
  ];
  const [top, bottom] = [at(small.width >> 1, 5), at(small.width >> 1, small.height - 5)];
  assert.ok(top[0]! > 200 && top[2]! < 60, String(top));
  assert.ok(bottom[2]! > 200 && bottom[0]! < 60, String(bottom));

  const png = clean('image/png', pngWithSecrets(300, 200));
  assert.ok((await thumbnails.make({ ...png, contentType: 'image/png', mostBytes })) !== null);
  assert.equal(
    await thumbnails.make({ ...png, bytes: png.bytes.subarray(0, 60), contentType: 'image/png', mostBytes }),
    null,
  );
  assert.equal(await thumbnails.make({ ...png, contentType: 'image/webp', mostBytes }), null);
});

test('a picture that claims to be enormous is not decoded', async () => {
  using thumbnails = new ThumbnailMaker();
  const png = pngWithSecrets(8, 8);
  png.writeUInt32BE(60_000, 16);
  png.writeUInt32BE(60_000, 20);
  const bomb = clean('image/png', png);
  assert.equal(await thumbnails.make({ ...bomb, contentType: 'image/png', mostBytes }), null);
  // The header lies to the limit, the data does not fit it: the decoder gives up.
  assert.equal(await thumbnails.make({ ...bomb, width: 8, height: 8, contentType: 'image/png', mostBytes }), null);
});
