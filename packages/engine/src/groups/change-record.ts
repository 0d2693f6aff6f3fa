import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { OwnCommitEffectsSchema, RemovalReason } from '@sotto/wire/stored';
import { EngineError } from '../error.ts';
import type { GroupChange, GroupDevice, GroupRemoval } from '../mls-calls.ts';

/** What an own commit does, kept until it is read back: MLS says it only once. */
export type OwnEffects = Pick<GroupChange, 'by' | 'external' | 'added' | 'removed' | 'updated' | 'policy'>;

const VERSION = 1;
const REASONS: { readonly [Why in GroupRemoval['why']]: RemovalReason } = {
  'own-account': RemovalReason.OWN_ACCOUNT,
  role: RemovalReason.ROLE,
  revoked: RemovalReason.REVOKED,
  rejoined: RemovalReason.REJOINED,
};

export function writeOwnEffects(effects: OwnEffects): Uint8Array {
  const { by, external, added, removed, updated, policy } = effects;
  return toBinary(
    OwnCommitEffectsSchema,
    create(OwnCommitEffectsSchema, {
      version: VERSION,
      by: seat(by),
      external,
      added: added.map(seat),
      removed: removed.map((removal) => ({ seat: seat(removal), by: seat(removal.by), reason: REASONS[removal.why] })),
      updated: updated.map(seat),
      policyBefore: policy?.before ?? new Uint8Array(),
      policyAfter: policy?.after ?? new Uint8Array(),
    }),
  );
}

/** Throws `EngineError` `damaged_record`. */
export function readOwnEffects(record: Uint8Array): OwnEffects {
  let message;
  try {
    message = fromBinary(OwnCommitEffectsSchema, record);
  } catch (cause) {
    throw damaged(cause);
  }
  if (message.version !== VERSION) throw damaged();
  const hasPolicy = message.policyAfter.length > 0;
  return {
    by: device(message.by),
    external: message.external,
    added: message.added.map(device),
    removed: message.removed.map((removal) => ({
      ...device(removal.seat),
      by: device(removal.by),
      why: reasonOf(removal.reason),
    })),
    updated: message.updated.map(device),
    policy: hasPolicy ? { before: message.policyBefore.slice(), after: message.policyAfter.slice() } : null,
  };
}

function seat({ leaf, account, device: id }: GroupDevice): GroupDevice {
  return { leaf, account, device: id };
}

function device(stored: GroupDevice | undefined): GroupDevice {
  if (stored === undefined) throw damaged();
  return { leaf: stored.leaf, account: stored.account.slice(), device: stored.device.slice() };
}

function reasonOf(value: RemovalReason): GroupRemoval['why'] {
  for (const why of Object.keys(REASONS) as GroupRemoval['why'][]) if (REASONS[why] === value) return why;
  throw damaged();
}

function damaged(cause?: unknown): EngineError {
  return new EngineError('damaged_record', 'the record of an own commit is damaged or of another version', { cause });
}
