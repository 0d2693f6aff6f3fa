import { ascii, concat, uint16 } from '../bytes.ts';
import type { Bytes, CryptoProvider, HashName } from '../provider.ts';
import { bytesOf } from '../secret.ts';
import type { Secret } from '../secret.ts';

/** LabeledExtract and LabeledExpand, RFC 9180 §4, under one suite id. Prefixes are built once per label. */
export class LabeledKdf {
  readonly #hash: HashName;
  readonly #suiteId: Uint8Array;
  readonly #prefixes = new Map<string, Uint8Array>();

  constructor(hash: HashName, suiteId: Uint8Array) {
    this.#hash = hash;
    this.#suiteId = suiteId;
  }

  extract(provider: CryptoProvider, salt: Bytes, label: string, ikm: Bytes): Secret {
    return provider.hmac(this.#hash, salt, this.#prefix(label), bytesOf(ikm));
  }

  expand(provider: CryptoProvider, prk: Bytes, label: string, info: Uint8Array, length: number): Secret {
    return provider.hkdfExpand(this.#hash, prk, [uint16(length), this.#prefix(label), info], length);
  }

  /** "HPKE-v1" ‖ suite_id ‖ label */
  #prefix(label: string): Uint8Array {
    let prefix = this.#prefixes.get(label);
    if (prefix === undefined) {
      prefix = concat([ascii('HPKE-v1'), this.#suiteId, ascii(label)]);
      this.#prefixes.set(label, prefix);
    }
    return prefix;
  }
}
