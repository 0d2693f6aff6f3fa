import { randomBytes } from 'node:crypto';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { crc32 } from 'node:zlib';

/** Pixels of a picture that is red on its left and blue on its right. */
function pixels(width: number, height: number): Buffer {
  const data = Buffer.alloc(width * height * 4, 255);
  for (let at = 0; at < width * height; at++) data.set(at % width < width / 2 ? [255, 0, 0] : [0, 0, 255], at * 4);
  return data;
}

/** EXIF data as cameras write it: orientation, a place and a maker. */
export function exif(orientation: number, little = true): Buffer {
  const tiff = Buffer.alloc(200);
  const u16 = (value: number, at: number) => (little ? tiff.writeUInt16LE(value, at) : tiff.writeUInt16BE(value, at));
  const u32 = (value: number, at: number) => (little ? tiff.writeUInt32LE(value, at) : tiff.writeUInt32BE(value, at));
  tiff.write(little ? 'II' : 'MM', 0, 'latin1');
  u16(42, 2);
  u32(8, 4);
  u16(3, 8);
  const entry = (index: number, tag: number, type: number, count: number) => {
    const at = 10 + index * 12;
    u16(tag, at);
    u16(type, at + 2);
    u32(count, at + 4);
    return at + 8;
  };
  u32(100, entry(0, 0x010f, 2, 12));
  u16(orientation, entry(1, 0x0112, 3, 1));
  u32(150, entry(2, 0x8825, 4, 1));
  tiff.write('SECRETCAMERA', 100, 'latin1');
  tiff.write('SECRETPLACE', 150, 'latin1');
  return tiff;
}

const segment = (marker: number, ...parts: (string | Buffer)[]): Buffer => {
  const data = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([head, data]);
};

/** A JPEG with everything that tells of its author, and something behind its end. */
export function jpegWithSecrets(width: number, height: number, orientation = 1): Buffer {
  const plain = jpeg.encode({ width, height, data: pixels(width, height) }, 90).data;
  return Buffer.concat([
    plain.subarray(0, 2),
    segment(0xe1, 'Exif\0\0', exif(orientation)),
    segment(0xe1, 'http://ns.adobe.com/xap/1.0/\0<x>SECRETXMP</x>'),
    segment(0xed, 'Photoshop 3.0\0SECRETIPTC'),
    segment(0xfe, 'SECRETCOMMENT'),
    segment(0xe2, 'ICC_PROFILE\0\x01\x01profile'),
    segment(0xe2, 'MPF\0SECRETMPF'),
    plain.subarray(2),
    Buffer.from('SECRETTRAILER'),
  ]);
}

/** A picture of which no thumbnail is small. */
export function noisyJpeg(width: number, height: number): Buffer {
  return jpeg.encode({ width, height, data: randomBytes(width * height * 4) }, 60).data;
}

export const decodeJpeg = (bytes: Uint8Array) => jpeg.decode(bytes, { useTArray: true });
export const decodePng = (bytes: Uint8Array) => PNG.sync.read(Buffer.from(bytes));

export function chunk(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/** A PNG likewise. */
export function pngWithSecrets(width: number, height: number, orientation = 1): Buffer {
  const png = new PNG({ width, height });
  png.data = pixels(width, height);
  const plain = PNG.sync.write(png);
  const afterHeader = 8 + 25;
  return Buffer.concat([
    plain.subarray(0, afterHeader),
    chunk('tEXt', Buffer.from('Author\0SECRETAUTHOR')),
    chunk('iTXt', Buffer.from('XML:com.adobe.xmp\0\0\0\0\0SECRETXMP')),
    chunk('eXIf', exif(orientation, false)),
    chunk('tIME', Buffer.from([7, 234, 11, 20, 12, 0, 0])),
    chunk('pHYs', Buffer.from([0, 0, 11, 19, 0, 0, 11, 19, 1])),
    chunk('prVt', Buffer.from('SECRETPRIVATE')),
    plain.subarray(afterHeader),
    Buffer.from('SECRETTRAILER'),
  ]);
}

const riff = (type: string, data: Buffer): Buffer => {
  const bytes = Buffer.alloc(8 + data.length + (data.length % 2));
  bytes.write(type, 0, 'latin1');
  bytes.writeUInt32LE(data.length, 4);
  data.copy(bytes, 8);
  return bytes;
};

/** A WebP likewise; its picture is a header only, which nothing here decodes. */
export function webpWithSecrets(width: number, height: number, orientation = 1): Buffer {
  const extended = Buffer.alloc(10);
  extended[0] = 0x2c;
  extended.writeUIntLE(width - 1, 4, 3);
  extended.writeUIntLE(height - 1, 7, 3);
  const body = Buffer.concat([
    riff('VP8X', extended),
    riff('ICCP', Buffer.from('profile')),
    riff('VP8 ', Buffer.from([0x30, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x77])),
    riff('EXIF', exif(orientation)),
    riff('XMP ', Buffer.from('SECRETXMP')),
    riff('WEIR', Buffer.from('SECRETPRIVATE')),
  ]);
  const head = Buffer.from('RIFF    WEBP', 'latin1');
  head.writeUInt32LE(4 + body.length, 4);
  return Buffer.concat([head, body, Buffer.from('SECRETTRAILER')]);
}
