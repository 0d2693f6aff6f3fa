import { Secret } from '@sotto/crypto';
import type { Bytes } from '@sotto/crypto';
import { Writer } from '../codec/writer.ts';
import { writePskId } from '../messages/psk.ts';
import type { PskId } from '../messages/psk.ts';
import type { SuiteCrypto } from '../suite.ts';

export interface Psk {
  readonly id: PskId;
  readonly secret: Bytes;
}

/** psk_secret, RFC 9420 §8.4; zeros when there is no PSK. */
export function pskSecret(crypto: SuiteCrypto, psks: readonly Psk[]): Secret {
  let result = Secret.take(crypto.zero());
  for (const [index, { id, secret }] of psks.entries()) {
    const writer = new Writer(128);
    writePskId(writer, id);
    const label = writer.uint16(index).uint16(psks.length).finish();
    using extracted = crypto.extract(crypto.zero(), secret);
    using input = crypto.expandWithLabel(extracted, 'derived psk', label, crypto.hashSize);
    using previous = result;
    result = crypto.extract(input, previous);
  }
  return result;
}
