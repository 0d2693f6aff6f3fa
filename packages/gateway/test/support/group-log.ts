import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import {
  decodeLogPost,
  encodeLogEntry,
  encodeLogEntryHeader,
  encodeLogPost,
  logAdmissionMessage,
  logEntryMessage,
  logId,
} from '@sotto/wire';
import type { LogAdmission, LogId, LogPost, LogProof } from '@sotto/wire';

/** An epoch of a group as its members hold it. */
export interface TestEpoch {
  readonly key: Uint8Array;
  readonly privateKey: KeyObject;
}

export function createEpoch(): TestEpoch {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { key: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'), privateKey };
}

export const randomLog = (): LogId => logId(randomBytes(32));

export interface TestEntry {
  readonly log: LogId;
  readonly epoch: TestEpoch;
  readonly kind?: 'message' | 'proposal' | 'commit' | 'external-commit';
  /** Commits: the key of the epoch that they begin. */
  readonly successor?: Uint8Array;
  readonly after?: number;
  /** External commits. */
  readonly admission?: LogAdmission;
  /** Another than the epoch's signs. */
  readonly signer?: TestEpoch;
  /** One of the size buckets. */
  readonly size?: number;
}

/** A serialised post; its seal is random bytes. */
export function testPost(entry: TestEntry): Uint8Array {
  const { log, epoch, kind = 'message', signer = epoch, admission, after = 0, size = 512 } = entry;
  const header =
    kind === 'commit' || kind === 'external-commit'
      ? encodeLogEntryHeader({ log, epochKey: epoch.key, kind, successor: entry.successor ?? createEpoch().key })
      : encodeLogEntryHeader({ log, epochKey: epoch.key, kind });
  const bytes = encodeLogEntry(header, randomBytes(size));
  const signature = sign(null, logEntryMessage(bytes), signer.privateKey);
  const proof: LogProof = admission === undefined ? { kind: 'signature', signature } : { kind: 'admission', admission };
  return encodeLogPost({ entry: bytes, proof, after });
}

/** The same as a store takes it. */
export function parsedPost(entry: TestEntry): LogPost {
  return decodeLogPost(testPost(entry));
}

export function testAdmission(
  log: LogId,
  epoch: TestEpoch,
  change: { readonly expiresAt: number; readonly nonce?: Uint8Array; readonly signer?: TestEpoch },
): LogAdmission {
  const { expiresAt, nonce = randomBytes(16), signer = epoch } = change;
  const signature = sign(null, logAdmissionMessage({ log, nonce, expiresAt }), signer.privateKey);
  return { log, epochKey: epoch.key, nonce, expiresAt, signature };
}
