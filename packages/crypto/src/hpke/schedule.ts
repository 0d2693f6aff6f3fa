import { ascii, concat, NO_BYTES, uint16 } from '../bytes.ts';
import type { CryptoProvider, HashName } from '../provider.ts';
import type { Secret } from '../secret.ts';
import { AEAD_SIZES, HASH_SIZES } from '../sizes.ts';
import { LabeledKdf } from './labeled.ts';
import { MODE_IDS, pskOf } from './mode.ts';
import type { HpkeReceiverMode, HpkeSenderMode } from './mode.ts';

/** The AEADs of RFC 9180 §7.3. */
export type HpkeAead = 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305' | 'export-only';

const KDF_IDS: { readonly [Name in HashName]: number } = { sha256: 1, sha384: 2, sha512: 3 };
const AEAD_IDS: { readonly [Name in HpkeAead]: number } = {
  'aes-128-gcm': 1,
  'aes-256-gcm': 2,
  'chacha20-poly1305': 3,
  'export-only': 0xffff,
};

/** `info_hash` of RFC 9180 §5.1, made by `Hpke.prepareInfo` for one suite. */
export class HpkeInfo {
  readonly hash: Uint8Array;

  constructor(hash: Uint8Array) {
    this.hash = hash;
  }
}

/** KeySchedule, RFC 9180 §5.1, of one suite. */
export class KeySchedule {
  readonly provider: CryptoProvider;
  readonly kdf: LabeledKdf;
  readonly hashSize: number;
  readonly keySize: number;
  readonly nonceSize: number;
  /** psk_id_hash of the modes without a PSK: a constant of the suite. */
  readonly #noPskIdHash: Uint8Array;

  constructor(provider: CryptoProvider, kemId: number, hash: HashName, aead: HpkeAead) {
    const sizes = aead === 'export-only' ? { key: 0, nonce: 0 } : AEAD_SIZES[aead];
    this.provider = provider;
    this.kdf = new LabeledKdf(
      hash,
      concat([ascii('HPKE'), uint16(kemId), uint16(KDF_IDS[hash]), uint16(AEAD_IDS[aead])]),
    );
    this.hashSize = HASH_SIZES[hash];
    this.keySize = sizes.key;
    this.nonceSize = sizes.nonce;
    this.#noPskIdHash = this.kdf.extract(provider, NO_BYTES, 'psk_id_hash', NO_BYTES).reveal();
  }

  prepareInfo(info: Uint8Array): HpkeInfo {
    return new HpkeInfo(this.kdf.extract(this.provider, NO_BYTES, 'info_hash', info).reveal());
  }

  /** Wipes `sharedSecret`. */
  begin(mode: HpkeSenderMode | HpkeReceiverMode, sharedSecret: Secret, info: Uint8Array | HpkeInfo): ScheduledKeys {
    using shared = sharedSecret;
    const { kdf, provider } = this;
    const psk = pskOf(mode);
    const pskIdHash =
      psk === null ? this.#noPskIdHash : kdf.extract(provider, NO_BYTES, 'psk_id_hash', psk.pskId).reveal();
    const { hash: infoHash } = info instanceof HpkeInfo ? info : this.prepareInfo(info);
    const context = concat([Uint8Array.of(MODE_IDS[mode.kind]), pskIdHash, infoHash]);
    return new ScheduledKeys(this, kdf.extract(provider, shared, 'secret', psk?.psk ?? NO_BYTES), context);
  }
}

/** `secret` of one exchange and what follows from it; each key is derived when asked for and belongs to the caller. */
export class ScheduledKeys implements Disposable {
  readonly #schedule: KeySchedule;
  readonly #secret: Secret;
  readonly #context: Uint8Array;

  constructor(schedule: KeySchedule, secret: Secret, context: Uint8Array) {
    this.#schedule = schedule;
    this.#secret = secret;
    this.#context = context;
  }

  key(): Secret {
    return this.#expand('key', this.#schedule.keySize);
  }

  baseNonce(): Secret {
    return this.#expand('base_nonce', this.#schedule.nonceSize);
  }

  exporterSecret(): Secret {
    return this.#expand('exp', this.#schedule.hashSize);
  }

  [Symbol.dispose](): void {
    this.#secret.dispose();
  }

  #expand(label: string, length: number): Secret {
    const { kdf, provider } = this.#schedule;
    return kdf.expand(provider, this.#secret, label, this.#context, length);
  }
}
