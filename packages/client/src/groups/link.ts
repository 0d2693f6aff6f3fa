import {
  asciiBytes,
  concatBytes,
  conversationId,
  equalBytes,
  fromBase32,
  parseContactLink,
  toBase32,
} from '@sotto/wire';
import { WireError } from '@sotto/wire';
import type { ConversationId, Sha256 } from '@sotto/wire';
import { MessengerError } from '../error.ts';

const LABEL = asciiBytes('sotto/v1/group-link');
const CHECK = asciiBytes('sotto/v1/group-link-check');
const PREFIX = 'sotto:group/';
const CONTACT = 'sotto:contact/';
const GROUP_BYTES = 32;
export const LINK_SECRET_BYTES = 16;
const CHECK_BYTES = 4;

/** What lets somebody ask to come into a group. */
export interface GroupLink {
  /** Contact link of the account to ask. */
  readonly contact: string;
  readonly group: ConversationId;
  /** 16 bytes. */
  readonly secret: Uint8Array;
}

/** What a group's rules hold of its link's secret. */
export function linkHash(secret: Uint8Array, sha256: Sha256): Uint8Array {
  return sha256(LABEL, secret);
}

/** `sotto:group/…/…`: the contact link of who is asked, then group and secret with four bytes against typing errors. */
export function formatGroupLink({ contact, group, secret }: GroupLink, sha256: Sha256): string {
  const check = sha256(CHECK, asciiBytes(contact), group, secret).subarray(0, CHECK_BYTES);
  return `${PREFIX}${contact.slice(CONTACT.length)}/${toBase32(concatBytes(group, secret, check))}`;
}

/** In either case. Throws `invalid_argument`. */
export function parseGroupLink(text: string, sha256: Sha256): GroupLink {
  const [, contactPart, groupPart] = /^sotto:group\/([^/]+)\/([a-z2-7]+)$/.exec(text.trim().toLowerCase()) ?? [];
  if (contactPart === undefined || groupPart === undefined) {
    throw new MessengerError('invalid_argument', 'a group link begins with sotto:group/ and has two parts');
  }
  try {
    const contact = `${CONTACT}${contactPart}`;
    parseContactLink(contact);
    const bytes = fromBase32(groupPart);
    if (bytes.length !== GROUP_BYTES + LINK_SECRET_BYTES + CHECK_BYTES) {
      throw new MessengerError('invalid_argument', 'the group link is incomplete');
    }
    const group = conversationId(bytes.slice(0, GROUP_BYTES));
    const secret = bytes.slice(GROUP_BYTES, GROUP_BYTES + LINK_SECRET_BYTES);
    const check = sha256(CHECK, asciiBytes(contact), group, secret).subarray(0, CHECK_BYTES);
    if (!equalBytes(check, bytes.subarray(-CHECK_BYTES))) {
      throw new MessengerError('invalid_argument', 'the group link is mistyped');
    }
    return { contact, group, secret };
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new MessengerError('invalid_argument', 'the group link is mistyped', { cause });
  }
}
