/** Four bytes a pixel: red, green, blue, opacity; row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const CHANNELS = 4;

/**
 * The picture so small that its longer side has at most `side` pixels, each the mean of those it stands for, on white
 * where it was transparent. Never larger than it was.
 */
export function shrink({ width, height, data }: Pixels, side: number): Pixels {
  const scale = Math.min(1, side / Math.max(width, height));
  const small = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const result = new Uint8Array(small.width * small.height * CHANNELS);
  for (let y = 0; y < small.height; y++) {
    const [top, bottom] = span(y, small.height, height);
    for (let x = 0; x < small.width; x++) {
      const [left, right] = span(x, small.width, width);
      const sums = [0, 0, 0];
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          const at = (row * width + column) * CHANNELS;
          const opacity = data[at + 3] ?? 0;
          for (let channel = 0; channel < 3; channel++) {
            sums[channel] = (sums[channel] ?? 0) + ((data[at + channel] ?? 0) * opacity + 255 * (255 - opacity)) / 255;
          }
        }
      }
      const count = (bottom - top) * (right - left);
      result.set([...sums.map((sum) => Math.round(sum / count)), 255], (y * small.width + x) * CHANNELS);
    }
  }
  return { ...small, data: result };
}

function span(index: number, count: number, of: number): readonly [number, number] {
  const first = Math.floor((index * of) / count);
  return [first, Math.max(first + 1, Math.floor(((index + 1) * of) / count))];
}

/** Turned and mirrored as EXIF's orientation says, 1 to 8. */
export function turn(pixels: Pixels, orientation: number): Pixels {
  if (orientation === 1) return pixels;
  const swaps = orientation >= 5;
  const width = swaps ? pixels.height : pixels.width;
  const height = swaps ? pixels.width : pixels.height;
  const data = new Uint8Array(pixels.data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [fromX, fromY] = origin(orientation, x, y, pixels);
      const from = (fromY * pixels.width + fromX) * CHANNELS;
      data.set(pixels.data.subarray(from, from + CHANNELS), (y * width + x) * CHANNELS);
    }
  }
  return { width, height, data };
}

/** Where the pixel at (x, y) of the upright picture is stored (EXIF 2.32 §4.6.4, table of orientation). */
function origin(orientation: number, x: number, y: number, { width, height }: Pixels): readonly [number, number] {
  switch (orientation) {
    case 2:
      return [width - 1 - x, y];
    case 3:
      return [width - 1 - x, height - 1 - y];
    case 4:
      return [x, height - 1 - y];
    case 5:
      return [y, x];
    case 6:
      return [y, height - 1 - x];
    case 7:
      return [width - 1 - y, height - 1 - x];
    case 8:
      return [width - 1 - y, x];
    default:
      return [x, y];
  }
}
