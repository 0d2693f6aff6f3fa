import type { CryptoProvider } from '@sotto/crypto';
import { asciiBytes, toBase32 } from '@sotto/wire';

/** What a name stands for. */
type NamedKind = 'conversation' | 'account' | 'device' | 'message' | 'envelope';

/** Names that stand for ids in a bundle: the same for one conversation on both sides, of no meaning to anyone else. */
export type Naming = (kind: NamedKind, id: Uint8Array) => string;

const LABEL = asciiBytes('sotto/v1/diagnostics');
/** 80 bits: no two things of one bundle have the same name, and none can be searched for by trying. */
const NAME_BYTES = 10;

/**
 * Names in one conversation: hashes under a salt that follows from the conversation's id, which only its members can
 * compute, and from a code that both sides agree on (a ticket), without which even a member of another conversation with
 * the same people could not compare.
 */
export function namesIn(provider: CryptoProvider, conversation: Uint8Array, caseCode: string): Naming {
  const salt = provider.hash('sha256', LABEL, conversation, new TextEncoder().encode(caseCode.normalize('NFC')));
  return (kind, id) =>
    toBase32(provider.hash('sha256', LABEL, salt, asciiBytes(`${kind}/`), id).subarray(0, NAME_BYTES));
}
