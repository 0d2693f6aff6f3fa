import type { Reader } from '../codec/reader.ts';
import type { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';

export type ResumptionUsage = 'application' | 'reinit' | 'branch';

/** Names a pre-shared key, RFC 9420 §8.4. `nonce` is fresh and has KDF.Nh bytes. */
export type PskId =
  | { readonly kind: 'external'; readonly id: Uint8Array; readonly nonce: Uint8Array }
  | {
      readonly kind: 'resumption';
      readonly usage: ResumptionUsage;
      readonly groupId: Uint8Array;
      readonly epoch: bigint;
      readonly nonce: Uint8Array;
    };

const KINDS = { external: 1, resumption: 2 } as const;
const USAGES: readonly ResumptionUsage[] = ['application', 'reinit', 'branch'];

export function writePskId(writer: Writer, psk: PskId): void {
  writer.uint8(KINDS[psk.kind]);
  if (psk.kind === 'external') writer.vector(psk.id);
  else
    writer
      .uint8(USAGES.indexOf(psk.usage) + 1)
      .vector(psk.groupId)
      .uint64(psk.epoch);
  writer.vector(psk.nonce);
}

export function readPskId(reader: Reader): PskId {
  const kind = reader.uint8();
  if (kind === KINDS.external) return { kind: 'external', id: reader.vector(), nonce: reader.vector() };
  if (kind !== KINDS.resumption) throw new MlsError('malformed', 'a pre-shared key has an unknown kind');
  const usage = USAGES[reader.uint8() - 1];
  if (usage === undefined) throw new MlsError('malformed', 'a resumption key has an unknown usage');
  const groupId = reader.vector();
  const epoch = reader.uint64();
  return { kind: 'resumption', usage, groupId, epoch, nonce: reader.vector() };
}
