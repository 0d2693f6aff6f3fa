import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededProvider } from '@sotto/crypto/simulation';
import { CIPHER_SUITES } from '@sotto/mls';
import type { Client, Group, KeyPackageBundle, SealBatch, Sealer } from '@sotto/mls';
import { SealPool } from '@sotto/mls/seal-pool';
import { sealBatch } from '../src/sealing.ts';
import { SuiteCrypto } from '../src/suite.ts';
import { assertAgree, assertTalk, clock, groupOf, native, person, utf8 } from './people.ts';

/** A sealer that does it here, with the hooks of a test. */
function here(suite: number, seen: (batch: SealBatch) => void | Promise<void>, provider = native): Sealer {
  const parameters = CIPHER_SUITES.get(suite);
  assert.ok(parameters);
  return {
    async seal(batch) {
      const sealed = sealBatch(new SuiteCrypto(provider, parameters), batch);
      await seen(batch);
      return sealed;
    },
  };
}

function newcomers(count: number, cipherSuite: number): { client: Client; bundle: KeyPackageBundle }[] {
  return Array.from({ length: count }, (_, i) => {
    const client = person(`newcomer ${i}`, { cipherSuite });
    return { client, bundle: client.createKeyPackage() };
  });
}

/** A commit and its Welcome, from one seed. */
async function made(bySealer: boolean): Promise<Uint8Array[]> {
  const provider = seededProvider(utf8('seed'));
  const identity = {
    credential: { kind: 'basic', identity: utf8('a') } as const,
    signer: provider.generate('ed25519'),
  };
  const group = person('a', { provider, identity, now: () => clock.now }).createGroup();
  const builder = group.commit().update();
  const packages = person('b', { provider, identity: { ...identity, signer: provider.generate('ed25519') } });
  builder.add(packages.createKeyPackage().message);
  const commit = bySealer ? await builder.createBy(here(1, () => {}, provider)) : builder.create();
  return [commit.message, commit.welcome!, commit.digest];
}

describe('seals made elsewhere', () => {
  it('a commit is the same byte for byte, whoever seals', async () => {
    assert.deepEqual(await made(true), await made(false));
  });

  for (const suite of [1, 0xf002]) {
    it(`threads seal a Welcome and a path in suite ${suite}: all newcomers join, all members follow`, async () => {
      await using pool = new SealPool({ provider: native, threads: 2 });
      const [a, b] = groupOf([person('a', { cipherSuite: suite }), person('b', { cipherSuite: suite })]) as [
        Group,
        Group,
      ];
      const added = newcomers(80, suite);
      const builder = a.commit().update();
      for (const { bundle } of added) builder.add(bundle.message);
      const commit = await builder.createBy(pool);
      a.merge(commit.digest);
      b.process(commit.message);
      const joined = [0, 40, 79].map((i) => {
        const { client, bundle } = added[i]!;
        return client.join({ welcome: commit.welcome!, keyPackages: [bundle] }).group;
      });
      const update = await b.commit().update().createBy(pool);
      b.merge(update.digest);
      for (const group of [a, ...joined]) group.process(update.message);
      assertAgree([a, b, ...joined]);
      assertTalk([a, ...joined]);
    });
  }

  it('secrets that were handed out are wiped, whether it worked or not', async () => {
    const [group] = groupOf([person('a'), person('b')]) as [Group];
    const batches: SealBatch[] = [];
    const seen = (batch: SealBatch): void => {
      batches.push(batch);
    };
    const plan = (): ReturnType<Group['commit']> => group.commit().update().add(newcomers(1, 1)[0]!.bundle.message);
    await plan().createBy(here(1, seen));
    const failure = new Error('no seal');
    await assert.rejects(
      plan().createBy({
        seal: async (batch) => {
          batches.push(batch);
          throw failure;
        },
      }),
      failure,
    );
    assert.equal(batches.length, 3);
    for (const { plaintext } of batches.flatMap(({ jobs }) => jobs)) assert.throws(() => plaintext.reveal());
  });

  it('a failure changes nothing, and neither does a group that went on meanwhile: overtaken', async () => {
    const [a, b] = groupOf([person('a'), person('b')]) as [Group, Group];
    a.takeChanges();
    await assert.rejects(
      a
        .commit()
        .update()
        .createBy({ seal: () => Promise.reject(new Error('no seal')) }),
    );
    assert.deepEqual(a.takeChanges(), []);
    const theirs = b.commit().update().create();
    b.merge(theirs.digest);
    const going = here(1, () => {
      a.process(theirs.message);
    });
    await assert.rejects(a.commit().update().createBy(going), { code: 'overtaken' });
    assertTalk([a, b]);
  });

  it('a thread that fails is said so, and the pool goes on', async () => {
    await using pool = new SealPool({ provider: native, threads: 1 });
    const receiver = native.generate('x25519').publicKey;
    const secret = native.hkdfExtract('sha256', new Uint8Array(1), new Uint8Array(32));
    const batch = (bytes: Uint8Array): SealBatch => ({
      cipherSuite: 1,
      label: 'x',
      context: new Uint8Array(0),
      jobs: Array.from({ length: 40 }, () => ({ receiver: { kind: 'x25519', bytes } as const, plaintext: secret })),
    });
    await assert.rejects(pool.seal(batch(receiver.subarray(1))), { code: 'sealer' });
    assert.equal((await pool.seal(batch(receiver))).length, 40);
    secret.dispose();
  });
});
