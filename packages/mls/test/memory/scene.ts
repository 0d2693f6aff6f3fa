import { seededProvider } from '@sotto/crypto/simulation';
import { Client } from '@sotto/mls';
import type { Group } from '@sotto/mls';
import { utf8 } from '../people.ts';

/** A run that repeats: everything follows from the seed and the given time. */
export class Scene {
  readonly alice: Group;
  readonly bob: Group;
  readonly #overtaken: Uint8Array;

  /** A group of two; one message of Alice's is overtaken by another, so that Bob keeps its key. */
  constructor(seed: string) {
    const provider = seededProvider(utf8(seed));
    const [alice, bob] = ['alice', 'bob'].map(
      (name) =>
        new Client({
          provider,
          cipherSuite: 3,
          identity: { credential: { kind: 'basic', identity: utf8(name) }, signer: provider.generate('ed25519') },
          authentication: { accepts: () => true },
          now: () => 1_800_000_000_000,
          policy: { pastEpochs: 1 },
        }),
    );
    if (alice === undefined || bob === undefined) throw new Error('nobody');
    this.alice = alice.createGroup();
    const bundle = bob.createKeyPackage();
    const { digest, welcome } = this.alice.commit().add(bundle.message).create();
    this.alice.merge(digest);
    if (welcome === null) throw new Error('no welcome');
    this.bob = bob.join({ welcome, keyPackages: [bundle] }).group;
    this.#overtaken = this.alice.encrypt(utf8('overtaken'));
    this.bob.process(this.alice.encrypt(utf8('first')));
  }

  /** Bob reads the message, and the epoch becomes one that is no longer kept. */
  end(): void {
    this.bob.process(this.#overtaken);
    for (let i = 0; i < 3; i++) {
      const { digest, message } = this.alice.commit().update().create();
      this.alice.merge(digest);
      this.bob.process(message);
    }
  }
}
