import { toBinary } from '@bufbuild/protobuf';
import type { CryptoProvider, Secret } from '@sotto/crypto';
import type { Group } from '@sotto/mls';
import {
  decodeLogContent,
  encodeLogContent,
  encodeLogEntry,
  encodeLogEntryHeader,
  encodeLogPost,
  logEntryIdOf,
  LogAdmissionSchema,
  logAdmissionMessage,
  logEntryMessage,
  logId,
  padLogContent,
  unpad,
  WireError,
  writeLogAdmission,
} from '@sotto/wire';
import type { LogContent, LogEntry, LogEntryFields, LogProof } from '@sotto/wire';
import { EngineError } from '../error.ts';
import type { PostMade } from '../mls-calls.ts';
import type { CallContext } from '../calls/context.ts';

/** What an epoch gives the log, decision 0004: an Ed25519 pair whose public half names it, and two keys that seal. */
export interface EpochKeys {
  readonly epoch: number;
  /** LogId of the log that it is in. */
  readonly log: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly seed: Secret;
  readonly sealKey: Secret;
  readonly externalSealKey: Secret;
}

const LABELS = {
  key: 'sotto/v1/log-key',
  seal: 'sotto/v1/log-seal',
  external: 'sotto/v1/log-seal-external',
} as const;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const NOTHING = new Uint8Array();
const ADMISSION_NONCE_BYTES = 16;

/** Of the epoch that a group is in, whose policy names `log`. */
export function epochKeysOf(crypto: CryptoProvider, group: Group, log: Uint8Array): EpochKeys {
  const secret = (label: string): Secret => group.exportSecret(label, NOTHING, KEY_BYTES);
  const seed = secret(LABELS.key);
  using pair = crypto.importPrivate('ed25519', seed);
  return {
    epoch: Number(group.epoch),
    log,
    publicKey: pair.publicKey.slice(),
    seed,
    sealKey: secret(LABELS.seal),
    externalSealKey: secret(LABELS.external),
  };
}

/** Public half of the key of a group's epoch, and nothing kept. */
export function epochKeyOf(crypto: CryptoProvider, group: Group): Uint8Array {
  using seed = group.exportSecret(LABELS.key, NOTHING, KEY_BYTES);
  using pair = crypto.importPrivate('ed25519', seed);
  return pair.publicKey.slice();
}

/** Seals a content into an entry. Throws `EngineError` `too_large`. */
export function sealEntry(
  crypto: CryptoProvider,
  key: Secret,
  fields: LogEntryFields,
  content: LogContent,
): Uint8Array {
  const header = encodeLogEntryHeader(fields);
  let padded: Uint8Array;
  try {
    padded = padLogContent(encodeLogContent(content));
  } catch (cause) {
    if (cause instanceof WireError && cause.code === 'too_large') {
      throw new EngineError('too_large', 'the content fits no entry of a log', { cause });
    }
    throw cause;
  }
  const nonce = crypto.random(NONCE_BYTES);
  return encodeLogEntry(header, nonce, crypto.seal('chacha20-poly1305', key, nonce, padded, header));
}

/** Null when it does not open, or what it holds is none. */
export function openEntry(crypto: CryptoProvider, key: Secret, entry: LogEntry): LogContent | null {
  const { sealed, header } = entry;
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const padded = crypto.open('chacha20-poly1305', key, nonce, sealed.subarray(NONCE_BYTES), header);
  if (padded === null) return null;
  try {
    return decodeLogContent(unpad(padded));
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}

/** A post of a sealed entry, signed by its epoch's key. `after`: of commits. */
export function signedPost(
  { crypto, pairwise }: CallContext,
  keys: EpochKeys,
  entry: Uint8Array,
  after: number,
): PostMade {
  const key = pairwise.keys.get('ed25519', keys.publicKey, keys.seed.reveal());
  const signature = crypto.sign(key, logEntryMessage(entry));
  return postOf(crypto, entry, { kind: 'signature', signature }, after);
}

export function postOf(crypto: CryptoProvider, entry: Uint8Array, proof: LogProof, after: number): PostMade {
  return { post: encodeLogPost({ entry, proof, after }), entryId: entryIdOf(crypto, entry) };
}

export function entryIdOf(crypto: CryptoProvider, entry: Uint8Array): Uint8Array {
  return logEntryIdOf(entry, (...parts) => crypto.hash('sha256', ...parts));
}

/** A serialised LogAdmission: lets its holder post one external commit on this epoch. `expiresAt`: Unix seconds. */
export function admissionOf({ crypto, pairwise }: CallContext, keys: EpochKeys, expiresAt: number): Uint8Array {
  const admission = { log: logId(keys.log), nonce: crypto.random(ADMISSION_NONCE_BYTES), expiresAt };
  const key = pairwise.keys.get('ed25519', keys.publicKey, keys.seed.reveal());
  const signature = crypto.sign(key, logAdmissionMessage(admission));
  return toBinary(LogAdmissionSchema, writeLogAdmission({ ...admission, epochKey: keys.publicKey, signature }));
}
