/** A set of small integers below a fixed size, as bits. */
export class Bitmap {
  readonly words: Uint32Array;

  constructor(size: number) {
    this.words = new Uint32Array(Math.ceil(size / 32));
  }

  /** Of what `bytes` returned; null if it cannot be that. */
  static from(bytes: Uint8Array): Bitmap | null {
    if (bytes.length % 4 !== 0) return null;
    const bitmap = new Bitmap(bytes.length * 8);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < bitmap.words.length; i++) bitmap.words[i] = view.getUint32(4 * i);
    return bitmap;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.words.length * 4);
    const view = new DataView(bytes.buffer);
    this.words.forEach((word, i) => view.setUint32(4 * i, word));
    return bytes;
  }

  add(value: number): void {
    const at = value >>> 5;
    this.words[at] = (this.words[at] ?? 0) | (1 << (value & 31));
  }

  has(value: number): boolean {
    return ((this.words[value >>> 5] ?? 0) & (1 << (value & 31))) !== 0;
  }

  addAll(other: Bitmap): void {
    for (let i = 0; i < this.words.length; i++) this.words[i] = (this.words[i] ?? 0) | (other.words[i] ?? 0);
  }

  /** Keeps what both have; false: nothing is left. */
  keep(other: Bitmap): boolean {
    let any = 0;
    for (let i = 0; i < this.words.length; i++) {
      const both = (this.words[i] ?? 0) & (other.words[i] ?? 0);
      this.words[i] = both;
      any |= both;
    }
    return any !== 0;
  }

  *ascending(): Generator<number, undefined> {
    for (const [i, bits] of this.words.entries()) {
      for (let word = bits; word !== 0; word &= word - 1) yield i * 32 + 31 - Math.clz32(word & -word);
    }
  }

  /** Its values below `end`, highest first. */
  *descending(end: number): Generator<number, undefined> {
    for (let i = Math.min(this.words.length - 1, Math.floor((end - 1) / 32)); i >= 0; i--) {
      let word = this.words[i] ?? 0;
      while (word !== 0) {
        const bit = 31 - Math.clz32(word);
        word &= ~(1 << bit);
        const value = i * 32 + bit;
        if (value < end) yield value;
      }
    }
  }
}
