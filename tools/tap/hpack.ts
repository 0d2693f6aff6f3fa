/** Code lengths of RFC 7541 Appendix B for the octets 0–255; the code is canonical, so lengths are enough. EOS has 30. */
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26,
];

/** Names and values of RFC 7541 Appendix A, from index 1. */
const STATIC: readonly (readonly [string, string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((status) => [':status', status] as const),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...(
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control ' +
    'content-disposition content-encoding content-language content-length content-location content-range content-type ' +
    'cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since ' +
    'last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after ' +
    'server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate'
  )
    .split(' ')
    .map((name) => [name, ''] as const),
];

function canonicalCodes(): Map<number, number> {
  const codes = new Map<number, number>();
  const symbols = LENGTHS.map((length, symbol) => ({ length, symbol })).toSorted(
    (a, b) => a.length - b.length || a.symbol - b.symbol,
  );
  let code = 0;
  let previous = 0;
  for (const { length, symbol } of symbols) {
    code *= 2 ** (length - previous);
    previous = length;
    // A leading one keeps codes of different lengths apart.
    codes.set(2 ** length + code, symbol);
    code++;
  }
  return codes;
}

const codes = canonicalCodes();

function unhuffman(bytes: Buffer): Buffer {
  const out: number[] = [];
  let code = 1;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      const symbol = codes.get(code);
      if (symbol !== undefined) {
        out.push(symbol);
        code = 1;
      }
    }
  }
  // What is left is padding: at most seven ones (§5.2).
  if (code >= 256 || !/^1+$/.test(code.toString(2))) throw new Error('HPACK: a broken Huffman code');
  return Buffer.from(out);
}

/** Decodes header blocks of one direction of one connection (RFC 7541), in the order in which they were sent. */
export class HeaderDecoder {
  #dynamic: [string, string][] = [];
  #size = 0;
  #limit = 4096;

  decode(block: Buffer): [name: string, value: string][] {
    const headers: [string, string][] = [];
    let at = 0;
    const integer = (prefixBits: number): number => {
      const mask = 2 ** prefixBits - 1;
      let value = block.readUInt8(at++) & mask;
      if (value < mask) return value;
      for (let shift = 1; ; shift *= 128) {
        const byte = block.readUInt8(at++);
        value += (byte & 127) * shift;
        if (byte < 128) return value;
      }
    };
    const text = (): string => {
      const huffman = (block.readUInt8(at) & 0x80) !== 0;
      const length = integer(7);
      const bytes = block.subarray(at, at + length);
      if (bytes.length !== length) throw new Error('HPACK: truncated');
      at += length;
      return (huffman ? unhuffman(bytes) : bytes).toString('latin1');
    };
    while (at < block.length) {
      const first = block.readUInt8(at);
      if (first >= 0x80) {
        headers.push([...this.#entry(integer(7))]);
      } else if (first >= 0x40) {
        const index = integer(6);
        const name = index === 0 ? text() : this.#entry(index)[0];
        const header: [string, string] = [name, text()];
        headers.push(header);
        this.#add(header);
      } else if (first >= 0x20) {
        this.#limit = integer(5);
        this.#evict();
      } else {
        const index = integer(4);
        headers.push([index === 0 ? text() : this.#entry(index)[0], text()]);
      }
    }
    return headers;
  }

  #entry(index: number): readonly [string, string] {
    const entry = STATIC[index - 1] ?? this.#dynamic[index - 1 - STATIC.length];
    if (entry === undefined) throw new Error('HPACK: no such entry');
    return entry;
  }

  #add(header: [string, string]): void {
    this.#dynamic.unshift(header);
    this.#size += sizeOf(header);
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#limit) {
      const last = this.#dynamic.pop();
      if (last === undefined) return;
      this.#size -= sizeOf(last);
    }
  }
}

/** §4.1. */
function sizeOf([name, value]: readonly [string, string]): number {
  return name.length + value.length + 32;
}
