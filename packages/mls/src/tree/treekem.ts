import { Secret } from '@sotto/crypto';
import type { PrivateKey } from '@sotto/crypto';
import { NO_BYTES, sameBytes } from '../bytes.ts';
import { MlsError } from '../error.ts';
import type { Sealing } from '../sealing.ts';
import type { UpdatePath, UpdatePathNode } from '../messages/commit.ts';
import type { LeafNode } from '../messages/leaf-node.ts';
import type { SuiteCrypto } from '../suite.ts';
import { commonAncestor, isBelow } from './math.ts';
import { ParentNode } from './node.ts';
import type { PathNode, PathStep, RatchetTree } from './ratchet-tree.ts';

const PATH_LABEL = 'UpdatePathNode';

/** Private keys of tree nodes, by node index: the own leaf's and those above it that are known. */
export type PathKeys = ReadonlyMap<number, PrivateKey>;

/** One step of a path's key derivation, RFC 9420 §7.4. */
interface PathSecretStep extends PathStep {
  readonly pathSecret: Secret;
  readonly key: PrivateKey;
}

/** A new path that its maker has put into its tree, not yet encrypted to anyone. */
export interface NewPath {
  readonly steps: readonly PathSecretStep[];
  readonly leafNode: LeafNode;
  readonly leafKey: PrivateKey;
  readonly commitSecret: Secret;
}

/**
 * Makes fresh keys for the committer's filtered direct path and leaf, and puts them into `tree`, RFC 9420 §7.5.
 * `signLeaf` gets the parent hash and the new key and signs the leaf.
 */
export function createPath(
  crypto: SuiteCrypto,
  tree: RatchetTree,
  leaf: number,
  signLeaf: (leafKey: Uint8Array, parentHash: Uint8Array) => LeafNode,
): NewPath {
  const path = tree.filteredPath(leaf);
  const { steps, commitSecret } = derivePath(crypto, path, randomPathSecret(crypto));
  const parentHash = placePath(
    tree,
    leaf,
    path,
    steps.map(({ key }) => key.publicKey),
  );
  const leafKey = crypto.generateKey();
  const leafNode = signLeaf(leafKey.publicKey, parentHash);
  tree.setLeaf(leaf, leafNode);
  return { steps, leafNode, leafKey, commitSecret };
}

/** Encrypts a path's secrets to everyone below its copath but `absent` leaves (new members learn from the Welcome). */
export function* encryptPath(
  crypto: SuiteCrypto,
  tree: RatchetTree,
  path: NewPath,
  context: Uint8Array,
  absent: ReadonlySet<number>,
): Sealing<UpdatePath> {
  const jobs = path.steps.map(({ copath, pathSecret }) =>
    receivers(tree, copath, absent).map((index) => {
      const node = tree.node(index);
      if (node === null) throw new MlsError('internal', 'a resolution holds a blank node');
      return { receiver: node.publicKey(crypto), plaintext: pathSecret };
    }),
  );
  const sealed = yield { cipherSuite: crypto.suite.id, label: PATH_LABEL, context, jobs: jobs.flat() };
  let taken = 0;
  const nodes = path.steps.map(({ key }, i): UpdatePathNode => {
    const from = taken;
    taken += jobs[i]?.length ?? 0;
    return { encryptionKey: key.publicKey, encryptedPathSecrets: sealed.slice(from, taken) };
  });
  return { leafNode: path.leafNode, nodes };
}

/**
 * Checks a received path's form against `tree` (proposals applied) and puts it in, RFC 9420 §7.5. Throws `path_shape`
 * when it does not fit the tree, `parent_hash` when its leaf does not carry the path's parent hash.
 */
export function applyPath(
  tree: RatchetTree,
  leaf: number,
  path: UpdatePath,
  absent: ReadonlySet<number>,
): readonly PathStep[] {
  const steps = tree.filteredPath(leaf);
  if (steps.length !== path.nodes.length)
    throw new MlsError('path_shape', 'a path does not have the length of its leaf');
  for (const [i, { copath }] of steps.entries()) {
    if (path.nodes[i]?.encryptedPathSecrets.length !== receivers(tree, copath, absent).length) {
      throw new MlsError('path_shape', 'a path is not encrypted to as many nodes as it should be');
    }
  }
  const { source } = path.leafNode;
  if (source.kind !== 'commit') throw new MlsError('leaf_source', 'the leaf of a path is not from a commit');
  const keys = path.nodes.map(({ encryptionKey }) => encryptionKey);
  const parentHash = placePath(tree, leaf, steps, keys);
  tree.setLeaf(leaf, path.leafNode);
  if (!sameBytes(parentHash, source.parentHash)) {
    throw new MlsError('parent_hash', "a path's leaf does not have its parent hash");
  }
  return steps;
}

/** What a member learns from a path: its commit secret and the private keys from the common ancestor up. */
export interface OpenedPath {
  readonly commitSecret: Secret;
  readonly keys: PathKeys;
}

/**
 * Decrypts the path secret meant for `own` and derives what follows, RFC 9420 §7.5. `tree` has the path applied; `keys`
 * are the own private keys of it. Throws `path_decryption`, and `path_keys` when the keys that follow are not the path's.
 */
export function openPath(
  crypto: SuiteCrypto,
  input: {
    readonly tree: RatchetTree;
    readonly sender: number;
    readonly own: number;
    readonly keys: PathKeys;
    readonly path: UpdatePath;
    readonly steps: readonly PathStep[];
    readonly context: Uint8Array;
    readonly absent: ReadonlySet<number>;
  },
): OpenedPath {
  const { tree, steps, path } = input;
  const start = steps.findIndex(({ copath }) => isBelow(2 * input.own, copath));
  const step = steps[start];
  if (step === undefined) throw new MlsError('path_decryption', 'a path is not encrypted to this member');
  const candidates = receivers(tree, step.copath, input.absent);
  const position = candidates.findIndex((index) => input.keys.has(index) && isBelow(2 * input.own, index));
  const key = input.keys.get(candidates[position] ?? -1);
  const sealed = path.nodes[start]?.encryptedPathSecrets[position];
  if (key === undefined || sealed === undefined) {
    throw new MlsError('path_decryption', 'a path is not encrypted to a key of this member');
  }
  const opened = crypto.decrypt(key, PATH_LABEL, input.context, sealed);
  if (opened === null || opened.length !== crypto.hashSize) {
    opened?.fill(0);
    throw new MlsError('path_decryption', 'a path secret does not open');
  }
  const pathSecret = Secret.take(opened);
  const derived = derivePath(crypto, steps.slice(start), pathSecret);
  const keys = new Map(derived.steps.map(({ index, key: pathKey }) => [index, pathKey]));
  requireKeys(tree, keys);
  for (const { pathSecret: used } of derived.steps) used.dispose();
  return { commitSecret: derived.commitSecret, keys };
}

/**
 * The private keys that a new member learns from a Welcome's path secret, RFC 9420 §12.4.3.1: from the lowest ancestor it
 * shares with the committer up. Wipes `pathSecret`. Throws `path_keys` when they are not those of the tree.
 */
export function keysFromWelcome(
  crypto: SuiteCrypto,
  tree: RatchetTree,
  input: { readonly committer: number; readonly own: number; readonly pathSecret: Secret },
): PathKeys {
  const shared = commonAncestor(2 * input.committer, 2 * input.own);
  const steps = tree.filteredPath(input.committer).filter(({ index }) => isBelow(shared, index));
  if (steps[0]?.index !== shared)
    throw new MlsError('path_keys', 'a welcome has a path secret for no node of the tree');
  const derived = derivePath(crypto, steps, input.pathSecret);
  derived.commitSecret.dispose();
  for (const { pathSecret } of derived.steps) pathSecret.dispose();
  const keys = new Map(derived.steps.map(({ index, key }) => [index, key]));
  requireKeys(tree, keys);
  return keys;
}

/** Throws `path_keys` unless every private key belongs to its node. */
export function requireKeys(tree: RatchetTree, keys: PathKeys): void {
  for (const [index, key] of keys) {
    const node = tree.node(index);
    if (node === null || !sameBytes(node.encryptionKey, key.publicKey)) {
      throw new MlsError('path_keys', 'a derived key is not the one in the tree');
    }
  }
}

/** Path secrets from the bottom of `path` up; the steps own theirs. The last one's successor is the commit secret. */
function derivePath(
  crypto: SuiteCrypto,
  path: readonly PathStep[],
  first: Secret,
): { readonly steps: readonly PathSecretStep[]; readonly commitSecret: Secret } {
  let pathSecret = first;
  const steps = path.map((step): PathSecretStep => {
    using nodeSecret = crypto.deriveSecret(pathSecret, 'node');
    const made = { ...step, pathSecret, key: crypto.deriveKeyPair(nodeSecret) };
    pathSecret = crypto.deriveSecret(pathSecret, 'path');
    return made;
  });
  return { steps, commitSecret: pathSecret };
}

/** Sets the nodes with their parent hashes, from the top down, and returns the leaf's parent hash. */
function placePath(
  tree: RatchetTree,
  leaf: number,
  steps: readonly PathStep[],
  keys: readonly Uint8Array[],
): Uint8Array {
  tree.setPath(leaf, []);
  let parentHash: Uint8Array = NO_BYTES;
  const nodes: PathNode[] = [];
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i];
    const key = keys[i];
    if (step === undefined || key === undefined) throw new MlsError('internal', 'a path lacks a key');
    const node = new ParentNode(key, parentHash, []);
    nodes.push({ index: step.index, node });
    parentHash = tree.parentHashOf(node, step.copath);
  }
  tree.setPath(leaf, nodes);
  return parentHash;
}

function receivers(tree: RatchetTree, copath: number, absent: ReadonlySet<number>): readonly number[] {
  const resolution = tree.resolution(copath);
  return absent.size === 0 ? resolution : resolution.filter((index) => index % 2 === 1 || !absent.has(index / 2));
}

function randomPathSecret(crypto: SuiteCrypto): Secret {
  return Secret.take(crypto.provider.random(crypto.hashSize));
}
