import assert from 'node:assert/strict';
import {
  acceptAll,
  createApplicationMessage,
  createCommit,
  createProposal,
  decodeMlsMessage,
  defaultCapabilities,
  defaultLifetime,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackage,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  processMessage,
} from 'ts-mls-1';
import type { CiphersuiteImpl, CiphersuiteName, ClientState, MLSMessage, Proposal } from 'ts-mls-1';
import { utf8 } from '../people.ts';
import type { Candidate, Peer, Plan } from './peer.ts';
import { quickened } from './quick-suite.ts';

/** A member by ts-mls 1.x. */
class TsMlsPeer implements Peer {
  readonly impl = 'ts-mls 1';
  readonly #suite: CiphersuiteImpl;
  #state: ClientState;

  constructor(suite: CiphersuiteImpl, state: ClientState) {
    this.#suite = suite;
    this.#state = state;
  }

  get authenticator(): Uint8Array {
    return this.#state.keySchedule.epochAuthenticator;
  }

  get leaves(): number[] {
    return this.#state.ratchetTree.flatMap((node, index) => (node !== undefined && index % 2 === 0 ? [index / 2] : []));
  }

  get leaf(): number {
    return this.#state.privatePath.leafIndex;
  }

  async encrypt(data: Uint8Array): Promise<Uint8Array> {
    const { newState, privateMessage } = await createApplicationMessage(this.#state, data, this.#suite);
    this.#state = newState;
    return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage });
  }

  async process(bytes: Uint8Array): Promise<Uint8Array | null> {
    const message = decoded(bytes);
    assert.ok(message.wireformat === 'mls_private_message' || message.wireformat === 'mls_public_message');
    const result = await processMessage(message, this.#state, emptyPskIndex, acceptAll, this.#suite);
    this.#state = result.newState;
    return result.kind === 'applicationMessage' ? result.message : null;
  }

  async commit({ add, remove }: Plan): Promise<{ readonly commit: Uint8Array; readonly welcome: Uint8Array | null }> {
    const extraProposals: Proposal[] = [
      ...add.map((bytes): Proposal => {
        const message = decoded(bytes);
        assert.ok(message.wireformat === 'mls_key_package');
        return { proposalType: 'add', add: { keyPackage: message.keyPackage } };
      }),
      ...remove.map((removed): Proposal => ({ proposalType: 'remove', remove: { removed } })),
    ];
    const context = { state: this.#state, cipherSuite: this.#suite };
    const { newState, commit, welcome } = await createCommit(context, { extraProposals, ratchetTreeExtension: true });
    this.#state = newState;
    return {
      commit: encodeMlsMessage(commit),
      welcome:
        welcome === undefined ? null : encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome }),
    };
  }

  async proposeRemoval(removed: number): Promise<Uint8Array> {
    const proposal: Proposal = { proposalType: 'remove', remove: { removed } };
    const { newState, message } = await createProposal(this.#state, false, proposal, this.#suite);
    this.#state = newState;
    return encodeMlsMessage(message);
  }
}

/** Makes candidates in this suite. */
export async function tsMls1(name: CiphersuiteName): Promise<(member: string) => Promise<Candidate>> {
  const suite = quickened(await getCiphersuiteImpl(getCiphersuiteFromName(name)));
  return async (member) => {
    const credential = { credentialType: 'basic', identity: utf8(member) } as const;
    const { publicPackage, privatePackage } = await generateKeyPackage(
      credential,
      defaultCapabilities(),
      defaultLifetime,
      [],
      suite,
    );
    return {
      keyPackage: encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage: publicPackage }),
      async join(bytes) {
        const message = decoded(bytes);
        assert.ok(message.wireformat === 'mls_welcome');
        const state = await joinGroup(message.welcome, publicPackage, privatePackage, emptyPskIndex, suite);
        return new TsMlsPeer(suite, state);
      },
    };
  };
}

function decoded(bytes: Uint8Array): MLSMessage {
  const result = decodeMlsMessage(bytes, 0);
  assert.ok(result !== undefined, 'ts-mls does not read a message');
  return result[0];
}
