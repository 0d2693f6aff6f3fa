import type { Reader } from '../codec/reader.ts';
import { encode } from '../codec/writer.ts';
import { readCredential, writeCredential } from './credential.ts';
import type { Credential } from './credential.ts';
import { EXTENSION_TYPES } from './extension.ts';
import type { Extension } from './extension.ts';

/** Someone outside the group who may propose, RFC 9420 §12.1.8.1. */
export interface ExternalSender {
  readonly signatureKey: Uint8Array;
  readonly credential: Credential;
}

export function readExternalSenders(reader: Reader): ExternalSender[] {
  return reader.list((inner) => ({ signatureKey: inner.vector(), credential: readCredential(inner) }));
}

/** The group context extension that names them. */
export function externalSendersExtension(senders: readonly ExternalSender[]): Extension {
  const data = encode(senders, (writer, list) =>
    writer.list(list, (inner, { signatureKey, credential }) => {
      writeCredential(inner.vector(signatureKey), credential);
    }),
  );
  return { type: EXTENSION_TYPES.externalSenders, data };
}
