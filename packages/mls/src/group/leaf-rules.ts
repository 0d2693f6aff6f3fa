import { MlsError } from '../error.ts';
import { sameBytes } from '../bytes.ts';
import { decodeWhole } from '../codec/reader.ts';
import { encode } from '../codec/writer.ts';
import { readRequiredCapabilities } from '../messages/capabilities.ts';
import type { Capabilities, RequiredCapabilities } from '../messages/capabilities.ts';
import { CREDENTIAL_TYPES, writeCredential } from '../messages/credential.ts';
import type { Credential } from '../messages/credential.ts';
import { EXTENSION_TYPES, extensionOf, isDefaultExtension } from '../messages/extension.ts';
import type { Extension } from '../messages/extension.ts';
import { MLS10, verifyKeyPackageSignature } from '../messages/key-package.ts';
import type { KeyPackage } from '../messages/key-package.ts';
import type { LeafNode, LeafNodeSource, Lifetime } from '../messages/leaf-node.ts';
import { isDefaultProposal } from '../messages/proposal.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { RatchetTree } from '../tree/ratchet-tree.ts';
import type { Surroundings } from './options.ts';

/** Throws `lifetime` outside of a leaf's lifetime, give or take the policy's clock skew, and for one that is too long. */
export function requireLifetime(lifetime: Lifetime, around: Surroundings): void {
  const now = BigInt(Math.floor(around.now() / 1000));
  const skew = BigInt(around.policy.clockSkew);
  if (now + skew < lifetime.notBefore || now - skew > lifetime.notAfter) {
    throw new MlsError('lifetime', 'a leaf is not within its lifetime');
  }
  if (1000 * Number(lifetime.notAfter - lifetime.notBefore) > around.policy.maxLifetime) {
    throw new MlsError('lifetime', 'the lifetime of a leaf is too long');
  }
}

/**
 * What RFC 9420 §7.3 asks of a leaf by itself: its signature, its source, extensions within its own capabilities, and
 * its credential. Throws `leaf_signature`, `leaf_source`, `bad_key`, `unsupported_extension`, `credential`.
 */
export function validateLeaf(
  crypto: SuiteCrypto,
  leaf: LeafNode,
  input: {
    readonly source: LeafNodeSource['kind'] | null;
    readonly place: { readonly groupId: Uint8Array; readonly leafIndex: number } | null;
    readonly around: Surroundings;
  },
): void {
  const { fields } = leaf;
  if (input.source !== null && fields.source.kind !== input.source) {
    throw new MlsError('leaf_source', 'a leaf does not have the source that its place asks for');
  }
  leaf.verify(crypto, input.place);
  leaf.publicKey(crypto);
  for (const { type } of fields.extensions) {
    if (!isDefaultExtension(type) && !fields.capabilities.extensions.includes(type)) {
      throw new MlsError('unsupported_extension', 'a leaf has an extension that it does not list as supported');
    }
  }
  if (!fields.capabilities.credentials.includes(CREDENTIAL_TYPES[fields.credential.kind])) {
    throw new MlsError('unsupported_credential', 'a leaf does not list its own credential type as supported');
  }
  if (!input.around.authentication.accepts(fields.credential, fields.signatureKey)) {
    throw new MlsError('credential', 'the authentication service does not accept a credential');
  }
}

/**
 * RFC 9420 §10.1, and the leaf's §7.3. Throws `key_package_suite`, `key_package_signature`, `init_key`, `lifetime`, and
 * what `validateLeaf` throws.
 */
export function validateKeyPackage(crypto: SuiteCrypto, keyPackage: KeyPackage, around: Surroundings): void {
  if (keyPackage.version !== MLS10 || keyPackage.cipherSuite !== crypto.suite.id) {
    throw new MlsError('key_package_suite', 'a key package is of another version or cipher suite');
  }
  const { leafNode } = keyPackage;
  if (sameBytes(keyPackage.initKey, leafNode.encryptionKey)) {
    throw new MlsError('init_key', 'a key package uses one key for two purposes');
  }
  validateLeaf(crypto, leafNode, { source: 'key_package', place: null, around });
  if (leafNode.source.kind === 'key_package') requireLifetime(leafNode.source.lifetime, around);
  verifyKeyPackageSignature(crypto, keyPackage);
  crypto.importPublicKey(keyPackage.initKey);
}

/** What a group's extensions ask of each member's capabilities. */
export interface Demands {
  readonly required: RequiredCapabilities | null;
  readonly extensions: readonly number[];
}

export function demandsOf(extensions: readonly Extension[]): Demands {
  const data = extensionOf(extensions, EXTENSION_TYPES.requiredCapabilities);
  return {
    required: data === null ? null : decodeWhole(data, readRequiredCapabilities),
    extensions: extensions.map(({ type }) => type),
  };
}

/** Throws `capabilities` unless a member supports what the group asks for, RFC 9420 §7.2, §11.1 and §12.1.7. */
export function requireCapabilities(capabilities: Capabilities, demands: Demands): void {
  const { required, extensions } = demands;
  const isMet =
    capabilities.versions.includes(MLS10) &&
    [...extensions, ...(required?.extensions ?? [])].every(
      (type) => isDefaultExtension(type) || capabilities.extensions.includes(type),
    ) &&
    (required?.proposals ?? []).every((type) => isDefaultProposal(type) || capabilities.proposals.includes(type)) &&
    (required?.credentials ?? []).every((type) => capabilities.credentials.includes(type));
  if (!isMet) throw new MlsError('capabilities', 'a member does not support what the group requires');
}

/**
 * What RFC 9420 §7.3 asks of members together, after a commit: capabilities for the group's demands, and everybody's
 * credential type supported by everybody. `changed` leaves are new to `tree`; the others are known to fit each other and,
 * unless `demandsChanged`, the demands. `previous` counts the credential types before.
 */
export function requireCompatible(
  tree: RatchetTree,
  changed: Iterable<number>,
  input: {
    readonly demands: Demands;
    readonly demandsChanged: boolean;
    readonly previous: ReadonlyMap<number, number>;
  },
): void {
  const inUse = tree.credentialTypes();
  const isNewType = [...inUse.keys()].some((type) => !input.previous.has(type));
  const check = (leaf: LeafNode | null): void => {
    if (leaf === null) return;
    const { capabilities } = leaf.fields;
    requireCapabilities(capabilities, input.demands);
    for (const type of inUse.keys()) {
      if (!capabilities.credentials.includes(type)) {
        throw new MlsError('unsupported_credential', 'a member does not support a credential type in use');
      }
    }
  };
  if (isNewType || input.demandsChanged) for (const [, leaf] of tree.leaves()) check(leaf);
  else for (const index of changed) check(tree.leaf(index));
}

/** Throws `credential` unless a member may go from one credential to the other. */
export function requireSuccessor(previous: Credential, next: Credential, around: Surroundings): void {
  const isAllowed =
    sameBytes(encode(previous, writeCredential), encode(next, writeCredential)) ||
    around.authentication.succeeds?.(previous, next) === true;
  if (!isAllowed) throw new MlsError('credential', 'a member may not take this credential');
}
