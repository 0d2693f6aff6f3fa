import { create } from '@bufbuild/protobuf';
import type { MessageShape } from '@bufbuild/protobuf';
import { asciiBytes, concatBytes } from './bytes.ts';
import { WireError } from './error.ts';
import { LogAdmissionSchema } from './gen/sotto/wire/v1/group_pb.ts';
import { logId } from './ids.ts';
import type { LogId } from './ids.ts';
import { safeNumber } from './numbers.ts';

/** Lets its holder post one external commit on top of one epoch. */
export interface LogAdmission {
  readonly log: LogId;
  /** Ed25519 key of the epoch, which signs it, 32 bytes. */
  readonly epochKey: Uint8Array;
  /** 16 random bytes; spent once. */
  readonly nonce: Uint8Array;
  /** Unix seconds. */
  readonly expiresAt: number;
  /** Over `logAdmissionMessage`, 64 bytes. */
  readonly signature: Uint8Array;
}

/** The year 36812: a bound that keeps arithmetic exact, not a policy. */
export const MAX_ADMISSION_EXPIRY = 2 ** 40;

const LABEL = asciiBytes('sotto/v1/log-admission');
const LENGTHS = { epochKey: 32, nonce: 16, signature: 64 } as const;

function checkLength(name: keyof typeof LENGTHS, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== LENGTHS[name]) throw new WireError('length', `an admission's part of a wrong length`);
  return bytes;
}

function checkExpiry(expiresAt: number): number {
  if (!Number.isSafeInteger(expiresAt) || expiresAt <= 0 || expiresAt > MAX_ADMISSION_EXPIRY) {
    throw new WireError('range', 'an admission expires at a time out of range');
  }
  return expiresAt;
}

/**
 * What an epoch's key signs to admit: "sotto/v1/log-admission" ‖ log ‖ nonce ‖ expiry as 8 bytes, big endian. The key
 * needs no mention: it is the one that verifies. Throws `WireError`: `length`, `range`.
 */
export function logAdmissionMessage(admission: Pick<LogAdmission, 'log' | 'nonce' | 'expiresAt'>): Uint8Array {
  const { log, nonce, expiresAt } = admission;
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(checkExpiry(expiresAt)));
  return concatBytes(LABEL, logId(log), checkLength('nonce', nonce), time);
}

/** Checks lengths and ranges, and verifies nothing. Throws `WireError`: `length`, `range`. */
export function readLogAdmission(message: Omit<MessageShape<typeof LogAdmissionSchema>, '$typeName'>): LogAdmission {
  return {
    log: logId(message.log),
    epochKey: checkLength('epochKey', message.epochKey),
    nonce: checkLength('nonce', message.nonce),
    expiresAt: checkExpiry(safeNumber(message.expiresAt)),
    signature: checkLength('signature', message.signature),
  };
}

/** Throws `WireError`: `length`, `range`. */
export function writeLogAdmission(admission: LogAdmission): MessageShape<typeof LogAdmissionSchema> {
  const message = create(LogAdmissionSchema, {
    ...admission,
    expiresAt: BigInt(checkExpiry(admission.expiresAt)),
  });
  readLogAdmission(message);
  return message;
}
