import type { CryptoProvider } from '@sotto/crypto';
import { TreeCache } from '@sotto/mls';
import { pairwiseComponents, RatchetError } from '@sotto/ratchet';
import { createAccount, createDevice, signLogin, signStatementCall } from './calls/account.ts';
import type { Call, CallContext } from './calls/context.ts';
import { encrypt } from './calls/encrypt.ts';
import {
  acceptGroupKey,
  createGroupKey,
  distributeGroupKey,
  encryptGroup,
  endGroupKey,
  groupKeyTags,
  processGroup,
} from './calls/group.ts';
import { createCommit } from './calls/groups/create-commit.ts';
import { createGroup, endGroup, expireGroup, groupHead, groupMembers } from './calls/groups/group.ts';
import { joinGroup, rejoinGroup } from './calls/groups/join.ts';
import { createKeyPackages, deleteKeyPackages, inspectKeyPackage } from './calls/groups/key-packages.ts';
import { createProposals, dropCommit, encryptEntry, offerRejoin } from './calls/groups/post.ts';
import { processEntry } from './calls/groups/process-entry.ts';
import { createPrekeysCall, deletePrekeys } from './calls/prekeys.ts';
import { process } from './calls/process.ts';
import { endSession, expireSkippedCall, sessionTags } from './calls/session.ts';
import { startSessionCall } from './calls/start-session.ts';
import { ChainCache } from './chains.ts';
import type { Engine, EngineReply, EngineRequest, Records, RequestKind } from './engine.ts';
import { EngineError } from './error.ts';
import { NeedRecords, RecordReader } from './reader.ts';

export interface InProcessEngineOptions {
  readonly crypto: CryptoProvider;
  /** Imported private keys kept between calls, at least 16: one for each session in use saves a third of a turn. */
  readonly cachedKeys?: number;
  /** Replayed sigchains kept between calls. */
  readonly cachedChains?: number;
  /** Nodes of groups' trees kept between calls, about 1.5 KiB each: twice the members of the groups in use. */
  readonly cachedTreeNodes?: number;
}

/** Enough for a person's daily conversations; a key takes about 1 KiB outside the JavaScript heap. */
const CACHED_KEYS = 256;
const CACHED_CHAINS = 256;
const CACHED_TREE_NODES = 32_768;

const CALLS: { readonly [Kind in RequestKind]: Call<Kind> } = {
  'create-account': createAccount,
  'create-device': createDevice,
  'sign-statement': signStatementCall,
  'sign-login': signLogin,
  'create-prekeys': createPrekeysCall,
  'delete-prekeys': deletePrekeys,
  'start-session': startSessionCall,
  encrypt,
  process,
  'session-tags': sessionTags,
  'expire-skipped': expireSkippedCall,
  'end-session': endSession,
  'create-group-key': createGroupKey,
  'distribute-group-key': distributeGroupKey,
  'accept-group-key': acceptGroupKey,
  'encrypt-group': encryptGroup,
  'process-group': processGroup,
  'group-key-tags': groupKeyTags,
  'end-group-key': endGroupKey,
  'create-key-packages': createKeyPackages,
  'delete-key-packages': deleteKeyPackages,
  'inspect-key-package': inspectKeyPackage,
  'create-group': createGroup,
  'group-head': groupHead,
  'group-members': groupMembers,
  'create-commit': createCommit,
  'drop-commit': dropCommit,
  'create-proposals': createProposals,
  'encrypt-entry': encryptEntry,
  'process-entry': processEntry,
  'join-group': joinGroup,
  'rejoin-group': rejoinGroup,
  'offer-rejoin': offerRejoin,
  'expire-group': expireGroup,
  'end-group': endGroup,
};

/** An engine that calls the protocols directly. Close it when the vault locks: that wipes its caches. */
export class InProcessEngine implements Engine {
  readonly #context: CallContext;
  #closed = false;

  constructor({
    crypto,
    cachedKeys = CACHED_KEYS,
    cachedChains = CACHED_CHAINS,
    cachedTreeNodes = CACHED_TREE_NODES,
  }: InProcessEngineOptions) {
    this.#context = {
      crypto,
      pairwise: pairwiseComponents({ provider: crypto, cachedKeys }),
      chains: new ChainCache(crypto, cachedChains),
      trees: new TreeCache({ nodes: cachedTreeNodes }),
      opened: new WeakMap(),
    };
  }

  // eslint-disable-next-line typescript/require-await -- an engine in another process answers later
  async call<Kind extends RequestKind>(request: EngineRequest<Kind>, records: Records): Promise<EngineReply<Kind>> {
    if (this.#closed) throw new EngineError('closed', 'the engine is closed');
    // TypeScript cannot see that the function under a kind takes requests of that kind.
    const call = CALLS[request.kind] as unknown as Call<Kind>;
    try {
      const { result, changed } = call(this.#context, request, new RecordReader(records));
      return { kind: 'done', result, changed };
    } catch (error) {
      if (error instanceof NeedRecords) return { kind: 'need', names: error.names };
      throw error instanceof RatchetError ? ratchetFailure(error) : error;
    }
  }

  // eslint-disable-next-line typescript/require-await -- an engine in another process ends later
  async close(): Promise<void> {
    this.#closed = true;
    this.#context.pairwise.keys.clear();
    this.#context.chains.clear();
    this.#context.trees.clear();
  }
}

/** What comes from outside is judged where it is read; what reaches this far is a record or an argument. */
function ratchetFailure(cause: RatchetError): EngineError {
  if (cause.code === 'malformed' || cause.code === 'unsupported') {
    return new EngineError('damaged_record', 'a record is damaged or of another version', { cause });
  }
  if (cause.code === 'exhausted') return new EngineError('exhausted', 'the key has sent all it can', { cause });
  if (cause.code === 'too_long') return new EngineError('too_large', 'the content fits no envelope', { cause });
  return new EngineError('request', 'the request is refused', { cause });
}
