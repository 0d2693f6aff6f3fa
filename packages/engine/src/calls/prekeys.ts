import { deviceIdOf } from '@sotto/identity';
import { createPrekeys, readPrekeyRecord } from '@sotto/ratchet';
import type { CreatedPrekey } from '@sotto/ratchet';
import type { EngineRequest, PrekeyMade, RecordChange } from '../engine.ts';
import { EngineError } from '../error.ts';
import { readKeyPairs } from '../key-records.ts';
import type { RecordReader } from '../reader.ts';
import { allPrekeyUsesNames, DEVICE_KEYS, prekeyName, SEALING_PREKEYS } from '../records.ts';
import { readSealingIndex, writeSealingIndex } from '../sealing-index.ts';
import { signingKey } from './account.ts';
import type { Call } from './context.ts';

const LASTING_KINDS = 3;
/** Beyond what any plan asks for at once. */
const MOST_ONE_TIME = 1000;

export const createPrekeysCall: Call<'create-prekeys'> = (context, request, records) => {
  records.require([DEVICE_KEYS, SEALING_PREKEYS]);
  const pairs = readKeyPairs(records.get(DEVICE_KEYS));
  const { crypto } = context;
  const { lasting, oneTime, firstId, now } = request;
  refuseTaken(request, records);
  const made = createPrekeys(crypto, {
    device: deviceIdOf(crypto, pairs.firstPublic, pairs.secondPublic),
    signingKey: signingKey(context, pairs),
    lasting,
    oneTime,
    firstId,
    now,
  });
  const changed: RecordChange[] = made.map(({ id, record }) => ({ name: prekeyName(id), bytes: record }));
  const sealing = made.filter(({ kind }) => kind === 'sealing').map(({ id }) => id);
  if (sealing.length > 0) {
    const known = readSealingIndex(records.find(SEALING_PREKEYS));
    changed.push({ name: SEALING_PREKEYS, bytes: writeSealingIndex([...sealing, ...known]) });
  }
  return {
    result: {
      lasting: made.filter((prekey) => !isOneTime(prekey)).map(describe),
      oneTime: made.filter(isOneTime).map(describe),
    },
    changed,
  };
};

/** No id is used twice: a private half that somebody may still need is never overwritten. */
function refuseTaken({ lasting, oneTime, firstId }: EngineRequest<'create-prekeys'>, records: RecordReader): void {
  // What is out of range is refused by whoever makes them.
  if (
    !Number.isSafeInteger(firstId) ||
    firstId < 1 ||
    !Number.isSafeInteger(oneTime) ||
    !(oneTime >= 0 && oneTime <= MOST_ONE_TIME)
  )
    return;
  const names = Array.from({ length: (lasting ? LASTING_KINDS : 0) + 2 * oneTime }, (_, i) => prekeyName(firstId + i));
  records.require(names);
  if (names.some((name) => records.find(name) !== null))
    throw new EngineError('exists', 'a prekey has this id already');
}

function isOneTime({ kind }: CreatedPrekey): boolean {
  return kind === 'one-time' || kind === 'one-time-kem';
}

/** Times of prekeys are Unix seconds in the protocol and Unix ms here. */
function describe({ kind, id, entry, expiresAt, record }: CreatedPrekey): PrekeyMade {
  return { kind, id, entry, expiresAt: expiresAt * 1000, keptUntil: readPrekeyRecord(record).keptUntil * 1000 };
}

export const deletePrekeys: Call<'delete-prekeys'> = (_context, { ids }, records) => {
  if (!ids.every((id) => Number.isSafeInteger(id) && id > 0)) throw new EngineError('request', 'not an id of a prekey');
  const known = readSealingIndex(records.find(SEALING_PREKEYS));
  const left = known.filter((id) => !ids.includes(id));
  const names = ids.flatMap((id) => [prekeyName(id), ...allPrekeyUsesNames(id)]);
  const changed: RecordChange[] = names.map((name) => ({ name, bytes: null }));
  if (left.length < known.length) changed.push({ name: SEALING_PREKEYS, bytes: writeSealingIndex(left) });
  return { result: { deleted: ids.length }, changed };
};
