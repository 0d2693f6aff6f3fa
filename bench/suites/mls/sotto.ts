import { nativeProvider } from '@sotto/crypto';
import { Client } from '@sotto/mls';
import type { CommitBuilder, Group, KeyPackageBundle } from '@sotto/mls';
import { groupsOverFullTree } from './full-tree.ts';
import type { Implementation, Member, Newcomer } from './member.ts';

const provider = nativeProvider();

interface SottoNewcomer extends Newcomer {
  readonly client: Client;
  readonly bundle: KeyPackageBundle;
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
      bundle,
      keyPackage: bundle.message,
      join: async (welcome) => member(client.join({ welcome, keyPackages: [bundle] }).group),
    };
  };
  return {
    impl,
    newcomer,
    create: async (founder) => member((founder as SottoNewcomer).client.createGroup()),
    async inFullTree(members) {
      const [a, b] = fullTree(await newcomers(newcomer, members), [0, members >> 1]);
      return [member(a), member(b)];
    },
  };
}

/**
 * Two of another implementation in such a group: added to it by a member of ours, and each with a commit of its own
 * behind it, so that no leaf is unmerged.
 */
export async function joinFullTree(
  implementation: Pick<Implementation, 'newcomer'>,
  members: number,
): Promise<readonly [Member, Member]> {
  const ours = sotto('sotto', 1);
  const [group] = fullTree(await newcomers((i) => ours.newcomer(i), members - 2), [0, 1]);
  const [a, b] = [await implementation.newcomer(members - 2), await implementation.newcomer(members - 1)];
  const { welcome } = group.commit().add(a.keyPackage).add(b.keyPackage).create();
  if (welcome === null) throw new Error('no welcome');
  const [first, second] = [await a.join(welcome), await b.join(welcome)];
  for (const [maker, receiver] of [
    [first, second],
    [second, first],
  ] as const) {
    const { commit, take } = await maker.update();
    take();
    await receiver.process(commit);
  }
  return [first, second];
}

async function newcomers(newcomer: (index: number) => Promise<Newcomer>, count: number): Promise<KeyPackageBundle[]> {
  const bundles: KeyPackageBundle[] = [];
  for (let i = 0; i < count; i++) bundles.push(((await newcomer(i)) as SottoNewcomer).bundle);
  return bundles;
}

function fullTree(bundles: readonly KeyPackageBundle[], leaves: readonly [number, number]): readonly [Group, Group] {
  const [a, b] = groupsOverFullTree(bundles, leaves);
  if (a === undefined || b === undefined) throw new Error('too few members');
  return [a, b];
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
