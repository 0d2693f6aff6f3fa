import type { CryptoProvider, PrivateKey } from '@sotto/crypto';
import { decodeWhole } from '../../../packages/mls/src/codec/reader.ts';
import { readUpdatePath } from '../../../packages/mls/src/messages/commit.ts';
import type { UpdatePath } from '../../../packages/mls/src/messages/commit.ts';
import { encodeGroupContext } from '../../../packages/mls/src/messages/group-context.ts';
import { signLeafNode } from '../../../packages/mls/src/messages/leaf-node.ts';
import { sealingHere } from '../../../packages/mls/src/sealing.ts';
import type { SuiteCrypto } from '../../../packages/mls/src/suite.ts';
import { decodeTree } from '../../../packages/mls/src/tree/ratchet-tree.ts';
import type { RatchetTree } from '../../../packages/mls/src/tree/ratchet-tree.ts';
import { applyPath, createPath, encryptPath, openPath, requireKeys } from '../../../packages/mls/src/tree/treekem.ts';
import { bytesAt, listOf, numberAt, optionalBytesAt } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { compare } from '../outcome.ts';
import type { Difference } from '../outcome.ts';
import { privateKeyAt, suiteOf } from './suite.ts';

const NOBODY: ReadonlySet<number> = new Set();

/** Receives every path as every member; makes one as the first sender, and receives that too. */
export function treeKem(fields: Fields, provider: CryptoProvider): Difference {
  const crypto = suiteOf(fields, provider);
  const tree = decodeTree(crypto, bytesAt(fields, 'ratchet_tree'));
  const members = listOf(fields['leaves_private']);
  const keys = new Map(members.map((member) => [numberAt(member, 'index'), keysOf(crypto, member)]));
  for (const own of keys.values()) requireKeys(tree, own);
  for (const [index, entry] of listOf(fields['update_paths']).entries()) {
    const sender = numberAt(entry, 'sender');
    const path = decodeWhole(bytesAt(entry, 'update_path'), readUpdatePath);
    const secrets = entry['path_secrets'];
    if (!Array.isArray(secrets)) throw new Error('field path_secrets is not a list');
    const after = tree.copy();
    const steps = applyPath(after, sender, path, NOBODY);
    const context = contextOf(fields, crypto, after);
    const difference =
      compare('tree_hash_after', after.treeHash(), bytesAt(entry, 'tree_hash_after')) ??
      receive(crypto, { after, sender, path, steps, context }, keys, bytesAt(entry, 'commit_secret')) ??
      // Making one is dear in some suites and the same for every sender of a case.
      (index === 0 ? make(fields, crypto, tree, sender, members, keys) : null);
    if (difference !== null) return `path ${index}: ${difference}`;
  }
  return null;
}

type Keys = ReadonlyMap<number, PrivateKey>;

interface Received {
  readonly after: RatchetTree;
  readonly sender: number;
  readonly path: UpdatePath;
  readonly steps: ReturnType<typeof applyPath>;
  readonly context: Uint8Array;
}

function receive(
  crypto: SuiteCrypto,
  received: Received,
  keys: ReadonlyMap<number, Keys>,
  commitSecret: Uint8Array,
): Difference {
  const { after, sender, path, steps, context } = received;
  for (const [own, ownKeys] of keys) {
    if (own === sender) continue;
    const input = { tree: after, sender, own, keys: ownKeys, path, steps, context, absent: NOBODY };
    const opened = openPath(crypto, input);
    const difference = compare(`commit secret of member ${own}`, opened.commitSecret.reveal(), commitSecret);
    if (difference !== null) return difference;
  }
  return null;
}

function make(
  fields: Fields,
  crypto: SuiteCrypto,
  tree: RatchetTree,
  sender: number,
  members: readonly Fields[],
  keys: ReadonlyMap<number, Keys>,
): Difference {
  const after = tree.copy();
  const old = after.leaf(sender);
  const own = members.find((member) => numberAt(member, 'index') === sender);
  if (old === null || own === undefined) throw new Error('the sender is no member');
  const signer = crypto.importSigner(privateKeyAt(own, 'signature_priv', crypto, 'signature'));
  const place = { groupId: bytesAt(fields, 'group_id'), leafIndex: sender };
  const made = createPath(crypto, after, sender, (encryptionKey, parentHash) =>
    signLeafNode(crypto, signer, { ...old.fields, encryptionKey, source: { kind: 'commit', parentHash } }, place),
  );
  const context = contextOf(fields, crypto, after);
  const path = sealingHere(crypto, encryptPath(crypto, after, made, context, NOBODY));
  const receiving = tree.copy();
  const steps = applyPath(receiving, sender, path, NOBODY);
  return receive(crypto, { after: receiving, sender, path, steps, context }, keys, made.commitSecret.reveal());
}

function contextOf(fields: Fields, crypto: SuiteCrypto, tree: RatchetTree): Uint8Array {
  return encodeGroupContext({
    version: 1,
    cipherSuite: crypto.suite.id,
    groupId: bytesAt(fields, 'group_id'),
    epoch: BigInt(numberAt(fields, 'epoch')),
    treeHash: tree.treeHash(),
    confirmedTranscriptHash: bytesAt(fields, 'confirmed_transcript_hash'),
    extensions: [],
  });
}

function keysOf(crypto: SuiteCrypto, member: Fields): Keys {
  const keys = new Map([
    [2 * numberAt(member, 'index'), crypto.importKey(privateKeyAt(member, 'encryption_priv', crypto, 'encryption'))],
  ]);
  for (const entry of listOf(member['path_secrets'])) {
    const secret = optionalBytesAt(entry, 'path_secret');
    if (secret !== null) keys.set(numberAt(entry, 'node'), crypto.deriveKeyPair(crypto.deriveSecret(secret, 'node')));
  }
  return keys;
}
