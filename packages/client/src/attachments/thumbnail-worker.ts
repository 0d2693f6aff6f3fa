import { parentPort } from 'node:worker_threads';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { shrink, turn } from './images/pixels.ts';
import type { Pixels } from './images/pixels.ts';

/** What a thumbnail is made of. */
export interface ThumbnailJob {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** EXIF's 1 to 8. */
  readonly orientation: number;
  /** Of the result. */
  readonly mostBytes: number;
}

/** Longest sides and qualities, tried in turn until the result is small enough. */
const TRIES = [
  [192, 60],
  [160, 45],
  [128, 40],
  [96, 30],
  [64, 25],
  [40, 20],
] as const;

const MOST_MEGAPIXELS = 64;
const MOST_MIB = 1024;

function decode({ bytes, contentType }: ThumbnailJob): Pixels {
  if (contentType === 'image/png') return PNG.sync.read(Buffer.from(bytes));
  return jpeg.decode(bytes, {
    useTArray: true,
    formatAsRGBA: true,
    maxResolutionInMP: MOST_MEGAPIXELS,
    maxMemoryUsageInMB: MOST_MIB,
  });
}

function make(job: ThumbnailJob): Uint8Array | null {
  const pixels = decode(job);
  for (const [side, quality] of TRIES) {
    const small = turn(shrink(pixels, side), job.orientation);
    const { data } = jpeg.encode({ ...small, data: Buffer.from(small.data) }, quality);
    if (data.length <= job.mostBytes) return Uint8Array.from(data);
  }
  return null;
}

function makeOrNot(job: ThumbnailJob): Uint8Array | null {
  try {
    return make(job);
  } catch {
    // What a decoder thinks of a picture concerns nobody: there is no small one of it.
    return null;
  }
}

// A port between threads has no origin.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parentPort?.on('message', (job: ThumbnailJob) => parentPort?.postMessage(makeOrNot(job)));
