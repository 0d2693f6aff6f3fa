const WORDS = 8;

/** bytes of a serialised sum, and of an element */
export const MULTISET_SIZE = 32;

/**
 * Incremental hash of a multiset of rows: MSet-Add-Hash of Clarke, Devadas, van Dijk, Gassend and Suh, "Incremental
 * Multiset Hash Functions and Their Application to Memory Integrity Checking" (ASIACRYPT 2003), modulo 2^256, with
 * HMAC-SHA-256 as its keyed function. Elements come in as that function's output. The paper hides the sum with a
 * masked nonce; here the sum exists outside memory only inside the encrypted head, which does the same.
 */
export class MultisetHash {
  readonly #words: Uint32Array;
  #count: number;

  constructor(sum?: Uint8Array, count = 0) {
    this.#words = new Uint32Array(WORDS);
    this.#count = count;
    if (sum !== undefined) {
      const view = viewOf(sum);
      for (let i = 0; i < WORDS; i++) this.#words[i] = view.getUint32(4 * i);
    }
  }

  /** How many elements are in. */
  get count(): number {
    return this.#count;
  }

  add(element: Uint8Array): void {
    const view = viewOf(element);
    let carry = 0;
    for (let i = WORDS - 1; i >= 0; i--) {
      const sum = (this.#words[i] ?? 0) + view.getUint32(4 * i) + carry;
      this.#words[i] = sum;
      carry = sum >= 2 ** 32 ? 1 : 0;
    }
    this.#count++;
  }

  remove(element: Uint8Array): void {
    const view = viewOf(element);
    let borrow = 0;
    for (let i = WORDS - 1; i >= 0; i--) {
      const difference = (this.#words[i] ?? 0) - view.getUint32(4 * i) - borrow;
      this.#words[i] = difference;
      borrow = difference < 0 ? 1 : 0;
    }
    this.#count--;
  }

  equals(other: MultisetHash): boolean {
    return this.#count === other.#count && this.#words.every((word, i) => word === other.#words[i]);
  }

  clone(): MultisetHash {
    const copy = new MultisetHash(undefined, this.#count);
    copy.#words.set(this.#words);
    return copy;
  }

  /** 32 bytes, big-endian. */
  sum(): Uint8Array {
    const bytes = new Uint8Array(MULTISET_SIZE);
    const view = viewOf(bytes);
    for (let i = 0; i < WORDS; i++) view.setUint32(4 * i, this.#words[i] ?? 0);
    return bytes;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
