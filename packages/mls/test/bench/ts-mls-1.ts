import * as mls from 'ts-mls-1';
import type { CiphersuiteImpl, ClientState } from 'ts-mls-1';
import type { Implementation, Member, Newcomer } from '../../../../bench/suites/mls/member.ts';
import { joinFullTree } from '../../../../bench/suites/mls/sotto.ts';

interface TsNewcomer extends Newcomer {
  create(): Promise<Member>;
}

/** ts-mls 1.x with its default provider, which uses the platform's WebCrypto where it can. */
export async function tsMls1(impl: string): Promise<Implementation> {
  const suite = await mls.getCiphersuiteImpl(
    mls.getCiphersuiteFromName('MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519'),
  );
  const implementation: Implementation = {
    impl,
    inFullTree: (members) => joinFullTree(implementation, members),
    create: (founder) => (founder as TsNewcomer).create(),
    async newcomer(index): Promise<TsNewcomer> {
      const { publicPackage, privatePackage } = await mls.generateKeyPackage(
        { credentialType: 'basic', identity: new TextEncoder().encode(`member ${index}`) },
        mls.defaultCapabilities(),
        mls.defaultLifetime,
        [],
        suite,
      );
      return {
        keyPackage: mls.encodeMlsMessage({
          version: 'mls10',
          wireformat: 'mls_key_package',
          keyPackage: publicPackage,
        }),
        create: async () =>
          member(suite, await mls.createGroup(new Uint8Array(16), publicPackage, privatePackage, [], suite)),
        async join(bytes) {
          const message = decoded(bytes);
          if (message.wireformat !== 'mls_welcome') throw new Error('not a welcome');
          return member(
            suite,
            await mls.joinGroup(message.welcome, publicPackage, privatePackage, mls.emptyPskIndex, suite),
          );
        },
      };
    },
  };
  return implementation;
}

function member(suite: CiphersuiteImpl, first: ClientState): Member {
  let state = first;
  const commit = async (
    extraProposals: mls.Proposal[],
  ): Promise<{ readonly commit: Uint8Array; readonly welcome: Uint8Array; readonly take: () => void }> => {
    const made = await mls.createCommit({ state, cipherSuite: suite }, { extraProposals, ratchetTreeExtension: true });
    return {
      commit: mls.encodeMlsMessage(made.commit),
      welcome:
        made.welcome === undefined
          ? new Uint8Array(0)
          : mls.encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome: made.welcome }),
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
          if (message.wireformat !== 'mls_key_package') throw new Error('not a key package');
          return { proposalType: 'add', add: { keyPackage: message.keyPackage } };
        }),
      );
      made.take();
      return { welcome: made.welcome };
    },
    async encrypt(text) {
      const { newState, privateMessage } = await mls.createApplicationMessage(state, text, suite);
      state = newState;
      return mls.encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage });
    },
    async process(bytes) {
      const message = decoded(bytes);
      if (message.wireformat !== 'mls_private_message') throw new Error('not a private message');
      ({ newState: state } = await mls.processPrivateMessage(state, message.privateMessage, mls.emptyPskIndex, suite));
    },
    update: () => commit([]),
    remove: (removed) => commit([{ proposalType: 'remove', remove: { removed } }]),
    stateBytes: () => mls.encodeGroupState(state).length,
  };
}

function decoded(bytes: Uint8Array): mls.MLSMessage {
  const result = mls.decodeMlsMessage(bytes, 0);
  if (result === undefined) throw new Error('ts-mls does not read a message');
  return result[0];
}
