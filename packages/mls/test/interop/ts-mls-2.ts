import assert from 'node:assert/strict';
import * as mls from 'ts-mls-2';
import type { ClientState, MlsContext, MlsMessage, Proposal } from 'ts-mls-2';
import { utf8 } from '../people.ts';
import type { Candidate, Peer, Plan } from './peer.ts';
import { quickened } from './quick-suite.ts';

/** A member by ts-mls 2.x. */
class TsMlsPeer implements Peer {
  readonly impl = 'ts-mls 2';
  readonly #context: MlsContext;
  #state: ClientState;

  constructor(context: MlsContext, state: ClientState) {
    this.#context = context;
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
    const made = await mls.createApplicationMessage({ context: this.#context, state: this.#state, message: data });
    this.#state = made.newState;
    return encoded(made.message);
  }

  async process(bytes: Uint8Array): Promise<Uint8Array | null> {
    const message = decoded(bytes);
    assert.ok(
      message.wireformat === mls.wireformats.mls_private_message ||
        message.wireformat === mls.wireformats.mls_public_message,
    );
    const result = await mls.processMessage({ context: this.#context, state: this.#state, message });
    this.#state = result.newState;
    return result.kind === 'applicationMessage' ? result.message : null;
  }

  async commit({ add, remove }: Plan): Promise<{ readonly commit: Uint8Array; readonly welcome: Uint8Array | null }> {
    const extraProposals: Proposal[] = [
      ...add.map((bytes): Proposal => {
        const message = decoded(bytes);
        assert.ok(message.wireformat === mls.wireformats.mls_key_package);
        return { proposalType: mls.defaultProposalTypes.add, add: { keyPackage: message.keyPackage } };
      }),
      ...remove.map((removed): Proposal => ({ proposalType: mls.defaultProposalTypes.remove, remove: { removed } })),
    ];
    const made = await mls.createCommit({
      context: this.#context,
      state: this.#state,
      extraProposals,
      ratchetTreeExtension: true,
    });
    this.#state = made.newState;
    return { commit: encoded(made.commit), welcome: made.welcome === undefined ? null : encoded(made.welcome) };
  }

  async proposeRemoval(removed: number): Promise<Uint8Array> {
    const proposal: Proposal = { proposalType: mls.defaultProposalTypes.remove, remove: { removed } };
    const made = await mls.createProposal({ context: this.#context, state: this.#state, proposal });
    this.#state = made.newState;
    return encoded(made.message);
  }
}

/** Makes candidates in this suite. */
export async function tsMls2(name: mls.CiphersuiteName): Promise<(member: string) => Promise<Candidate>> {
  const cipherSuite = quickened(await mls.getCiphersuiteImpl(name));
  const context = { cipherSuite, authService: mls.unsafeTestingAuthenticationService };
  return async (member) => {
    const { publicPackage, privatePackage } = await mls.generateKeyPackage({
      credential: { credentialType: mls.defaultCredentialTypes.basic, identity: utf8(member) },
      cipherSuite,
    });
    return {
      keyPackage: encoded({
        version: mls.protocolVersions.mls10,
        wireformat: mls.wireformats.mls_key_package,
        keyPackage: publicPackage,
      }),
      async join(bytes) {
        const message = decoded(bytes);
        assert.ok(message.wireformat === mls.wireformats.mls_welcome);
        const { welcome } = message;
        const input = { context, welcome, keyPackage: publicPackage, privateKeys: privatePackage };
        return new TsMlsPeer(context, await mls.joinGroup(input));
      },
    };
  };
}

function encoded(message: MlsMessage): Uint8Array {
  return mls.encode(mls.mlsMessageEncoder, message);
}

function decoded(bytes: Uint8Array): MlsMessage {
  const message = mls.decode(mls.mlsMessageDecoder, bytes);
  assert.ok(message !== undefined, 'ts-mls does not read a message');
  return message;
}
