import { nativeProvider } from '@sotto/crypto';
import { Client } from '@sotto/mls';
import type { CommitBuilder, Group } from '@sotto/mls';
import type { Implementation, Member, Newcomer } from './member.ts';

const provider = nativeProvider();

interface SottoNewcomer extends Newcomer {
  readonly client: Client;
}

export function sotto(impl: string, cipherSuite: number): Implementation {
  const newcomer = async (index: number): Promise<SottoNewcomer> => {
    const client = new Client({
      provider,
      cipherSuite,
      identity: {
        credential: { kind: 'basic', identity: new TextEncoder().encode(`member ${index}`) },
        signer: provider.generate('ed25519'),
      },
      authentication: { accepts: () => true },
      now: () => Date.now(),
    });
    const bundle = client.createKeyPackage();
    return {
      client,
      keyPackage: bundle.message,
      join: async (welcome) => member(client.join({ welcome, keyPackages: [bundle] }).group),
    };
  };
  return { impl, newcomer, create: async (founder) => member((founder as SottoNewcomer).client.createGroup()) };
}

function member(group: Group): Member {
  const make = async (builder: CommitBuilder): Promise<{ readonly commit: Uint8Array; readonly take: () => void }> => {
    const { message, digest } = builder.create();
    return { commit: message, take: () => group.merge(digest) };
  };
  return {
    async addAll(keyPackages) {
      const builder = group.commit();
      for (const keyPackage of keyPackages) builder.add(keyPackage);
      const { digest, welcome } = builder.create();
      group.merge(digest);
      if (welcome === null) throw new Error('no welcome');
      return { welcome };
    },
    encrypt: async (text) => group.encrypt(text),
    async process(message) {
      group.process(message);
    },
    update: () => make(group.commit().update()),
    remove: (leaf) => make(group.commit().remove(leaf)),
    stateBytes() {
      return group.takeChanges().reduce((sum, change) => sum + (change.bytes?.length ?? 0), 0);
    },
  };
}
