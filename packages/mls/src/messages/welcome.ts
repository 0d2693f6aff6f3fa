import type { HpkeSealed } from '@sotto/crypto';
import { Secret } from '@sotto/crypto';
import type { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { readCiphertext, writeCiphertext } from './commit.ts';
import { readPskId, writePskId } from './psk.ts';
import type { PskId } from './psk.ts';

/** RFC 9420 §12.4.3.1. */
export interface Welcome {
  readonly cipherSuite: number;
  readonly secrets: readonly EncryptedGroupSecrets[];
  readonly encryptedGroupInfo: Uint8Array;
}

interface EncryptedGroupSecrets {
  readonly newMember: Uint8Array;
  readonly encryptedGroupSecrets: HpkeSealed;
}

export interface GroupSecrets {
  readonly joinerSecret: Secret;
  /** Of the lowest node that a new member shares with the committer. */
  readonly pathSecret: Secret | null;
  readonly psks: readonly PskId[];
}

export function writeWelcome(writer: Writer, welcome: Welcome): void {
  writer.uint16(welcome.cipherSuite).list(welcome.secrets, (inner, secrets) => {
    inner.vector(secrets.newMember);
    writeCiphertext(inner, secrets.encryptedGroupSecrets);
  });
  writer.vector(welcome.encryptedGroupInfo);
}

export function readWelcome(reader: Reader): Welcome {
  return {
    cipherSuite: reader.uint16(),
    secrets: reader.list((inner) => ({
      newMember: inner.vector(),
      encryptedGroupSecrets: readCiphertext(inner),
    })),
    encryptedGroupInfo: reader.vector(),
  };
}

/** The result is secret. */
export function encodeGroupSecrets(secrets: GroupSecrets): Secret {
  const writer = new Writer(256);
  writer.vector(secrets.joinerSecret.reveal());
  writer.optional(secrets.pathSecret, (inner, secret) => inner.vector(secret.reveal()));
  writer.list(secrets.psks, writePskId);
  return Secret.take(writer.finish());
}

export function readGroupSecrets(reader: Reader): GroupSecrets {
  return {
    joinerSecret: Secret.copy(reader.vector()),
    pathSecret: reader.optional((inner) => Secret.copy(inner.vector())),
    psks: reader.list(readPskId),
  };
}
