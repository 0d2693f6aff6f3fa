import type { Credential } from '../messages/credential.ts';
import type { LeafNode, LeafNodeFields } from '../messages/leaf-node.ts';

/** A member as its leaf shows it. */
export interface Member {
  readonly leaf: number;
  readonly credential: Credential;
  readonly signatureKey: Uint8Array;
  readonly node: LeafNodeFields;
}

export function memberOf(leaf: number, node: LeafNode): Member {
  const { fields } = node;
  return { leaf, credential: fields.credential, signatureKey: fields.signatureKey, node: fields };
}
