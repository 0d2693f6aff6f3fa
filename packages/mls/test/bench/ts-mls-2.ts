import * as mls from 'ts-mls-2';
import type { ClientState, MlsContext, MlsMessage, Proposal } from 'ts-mls-2';
import type { Implementation, Member, Newcomer } from '../../../../bench/suites/mls/member.ts';
import { joinFullTree } from '../../../../bench/suites/mls/sotto.ts';

interface TsNewcomer extends Newcomer {
  create(): Promise<Member>;
}

/** ts-mls 2.x with its default provider, which uses the platform's WebCrypto where it can. */
export async function tsMls2(impl: string): Promise<Implementation> {
  const cipherSuite = await mls.getCiphersuiteImpl('MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519');
  const context = { cipherSuite, authService: mls.unsafeTestingAuthenticationService };
  const implementation: Implementation = {
    impl,
    inFullTree: (members) => joinFullTree(implementation, members),
    create: (founder) => (founder as TsNewcomer).create(),
    async newcomer(index): Promise<TsNewcomer> {
      const identity = new TextEncoder().encode(`member ${index}`);
      const { publicPackage, privatePackage } = await mls.generateKeyPackage({
        credential: { credentialType: mls.defaultCredentialTypes.basic, identity },
        cipherSuite,
      });
      return {
        keyPackage: encoded({
          version: mls.protocolVersions.mls10,
          wireformat: mls.wireformats.mls_key_package,
          keyPackage: publicPackage,
        }),
        create: async () =>
          member(
            context,
            await mls.createGroup({
              context,
              groupId: new Uint8Array(16),
              keyPackage: publicPackage,
              privateKeyPackage: privatePackage,
            }),
          ),
        async join(bytes) {
          const message = decoded(bytes);
          if (message.wireformat !== mls.wireformats.mls_welcome) throw new Error('not a welcome');
          const { welcome } = message;
          const input = { context, welcome, keyPackage: publicPackage, privateKeys: privatePackage };
          return member(context, await mls.joinGroup(input));
        },
      };
    },
  };
  return implementation;
}

function member(context: MlsContext, first: ClientState): Member {
  let state = first;
  const commit = async (
    extraProposals: Proposal[],
  ): Promise<{ readonly commit: Uint8Array; readonly welcome: Uint8Array; readonly take: () => void }> => {
    const made = await mls.createCommit({ context, state, extraProposals, ratchetTreeExtension: true });
    return {
      commit: encoded(made.commit),
      welcome: made.welcome === undefined ? new Uint8Array(0) : encoded(made.welcome),
      take: () => {
        state = made.newState;
      },
    };
  };
  return {
    async addAll(keyPackages) {
      const made = await commit(
        keyPackages.map((bytes) => {
          const message = decoded(bytes);
          if (message.wireformat !== mls.wireformats.mls_key_package) throw new Error('not a key package');
          return { proposalType: mls.defaultProposalTypes.add, add: { keyPackage: message.keyPackage } };
        }),
      );
      made.take();
      return { welcome: made.welcome };
    },
    async encrypt(text) {
      const { newState, message } = await mls.createApplicationMessage({ context, state, message: text });
      state = newState;
      return encoded(message);
    },
    async process(bytes) {
      const message = decoded(bytes);
      if (message.wireformat !== mls.wireformats.mls_private_message) throw new Error('not a private message');
      const { privateMessage } = message;
      ({ newState: state } = await mls.processPrivateMessage({ context, state, privateMessage }));
    },
    update: () => commit([]),
    remove: (removed) => commit([{ proposalType: mls.defaultProposalTypes.remove, remove: { removed } }]),
    stateBytes: () => mls.encode(mls.clientStateEncoder, state).length,
  };
}

function encoded(message: MlsMessage): Uint8Array {
  return mls.encode(mls.mlsMessageEncoder, message);
}

function decoded(bytes: Uint8Array): MlsMessage {
  const message = mls.decode(mls.mlsMessageDecoder, bytes);
  if (message === undefined) throw new Error('ts-mls does not read a message');
  return message;
}
