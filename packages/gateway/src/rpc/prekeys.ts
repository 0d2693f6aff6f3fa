import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { PrekeyKind, PrekeyLeafSchema, ProvenPrekeySchema, Refusal } from '@sotto/wire';
import type { PrekeyEntry, UploadPrekeysRequest } from '@sotto/wire';
import { MAX_ONE_TIME_PREKEYS, MAX_PREKEY_BYTES } from '../limits.ts';
import type { PrekeyRecord } from '../ports/types.ts';
import { malformed, Refused } from '../refused.ts';
import { readNumber } from './requests.ts';

const LASTING = [PrekeyKind.SIGNED, PrekeyKind.LAST_RESORT_KEM, PrekeyKind.SEALING];
const ONE_TIME = [PrekeyKind.ONE_TIME, PrekeyKind.ONE_TIME_KEM];

/**
 * An upload with the form of its entries checked. Whether the keys are what the device signed is for those who use
 * them: a gateway that checked would prove nothing. Throws `Refused` `MALFORMED` or `TOO_LARGE`.
 */
export function readUpload(request: UploadPrekeysRequest): { lasting: PrekeyRecord[]; oneTime: PrekeyRecord[] } {
  if (request.oneTime.length > MAX_ONE_TIME_PREKEYS * ONE_TIME.length) {
    throw new Refused(Refusal.TOO_LARGE, 'more one-time prekeys than are kept');
  }
  const lasting = request.lasting.map((entry) => readEntry(entry, LASTING));
  const kinds = new Set(lasting.map((record) => record.kind));
  if (lasting.length > 0 && (lasting.length !== LASTING.length || kinds.size !== LASTING.length)) {
    throw malformed('the lasting prekeys come as one of each kind');
  }
  return { lasting, oneTime: request.oneTime.map((entry) => readEntry(entry, ONE_TIME)) };
}

function readEntry({ kind, id, prekey }: PrekeyEntry, kinds: readonly PrekeyKind[]): PrekeyRecord {
  if (!kinds.includes(kind)) throw malformed('a prekey of a kind that does not belong there');
  if (id === 0) throw malformed('prekey ids begin at 1');
  if (prekey === undefined) throw malformed('the prekey is missing');
  const leaf = readLeaf(prekey.leaf);
  if (leaf.kind !== kind || leaf.id !== id) throw malformed('a prekey says something else than its leaf');
  const bytes = toBinary(ProvenPrekeySchema, prekey);
  if (bytes.length > MAX_PREKEY_BYTES) throw new Refused(Refusal.TOO_LARGE, 'a prekey is too large');
  return { kind, id, expiresAt: readNumber(leaf.expiresAt), bytes };
}

function readLeaf(bytes: Uint8Array) {
  try {
    return fromBinary(PrekeyLeafSchema, bytes);
  } catch (cause) {
    throw malformed('a prekey’s leaf does not parse', cause);
  }
}
