import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret } from '@sotto/crypto';
import * as fc from 'fast-check';
import { CIPHER_SUITES } from '@sotto/mls';
import { Records } from '../src/group/records.ts';
import { TreeStore } from '../src/group/tree-store.ts';
import { disposeMessageKey } from '../src/schedule/ratchet.ts';
import { SecretTree } from '../src/schedule/secret-tree.ts';
import { SuiteCrypto } from '../src/suite.ts';
import { fullWidth, root } from '../src/tree/math.ts';
import { native } from './people.ts';

const LIMITS = { maxGenerationJump: 100, skippedKeys: 8 };
const PREFIX = 'secret/0123456789abcdef/';

/** A secret tree over what was stored of it, read anew each time. */
class Tree {
  readonly #crypto: SuiteCrypto;
  readonly #width: number;
  readonly stored = new Map<string, Uint8Array>();

  constructor(suite: number, members: number) {
    const parameters = CIPHER_SUITES.get(suite);
    assert.ok(parameters);
    this.#crypto = new SuiteCrypto(native, parameters);
    this.#width = fullWidth(members);
    this.#run(false, (store) => {
      store.setNode(root(this.#width), Secret.take(native.random(this.#crypto.hashSize)));
    });
  }

  /** Takes a sender's key; the bytes written for it, names included. */
  take(leaf: number, generation: number): number {
    return this.#run(true, (store) => {
      const tree = new SecretTree(this.#crypto, this.#width, store, LIMITS);
      const { key, consume } = tree.key(leaf, 'application', generation);
      consume();
      disposeMessageKey(key);
    });
  }

  delete(): void {
    this.#run(true, (store) => {
      store.load(this.#width);
      store.delete(this.#width);
    });
  }

  #run(isStored: boolean, call: (store: TreeStore) => void): number {
    const records = new Records({ read: (name) => this.stored.get(name) ?? null });
    call(new TreeStore(PREFIX, records, isStored));
    let written = 0;
    for (const { name, bytes } of records.take()) {
      written += name.length + (bytes?.length ?? 0);
      if (bytes === null) this.stored.delete(name);
      else this.stored.set(name, bytes);
    }
    return written;
  }
}

describe('records of a secret tree', () => {
  it('a message writes at most 1 KB, names included, also as the first of its sender among 10,000 in the X-Wing suite', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9_999), { minLength: 1, maxLength: 30 }), (leaves) => {
        const tree = new Tree(0xf002, 10_000);
        for (const leaf of [9_999, ...leaves]) {
          let written = 0;
          try {
            written = tree.take(leaf, 0);
          } catch (error) {
            // The same sender again.
            assert.equal((error as { code?: string }).code, 'generation_used');
          }
          assert.ok(written <= 1024, `${written} bytes`);
        }
      }),
      { numRuns: 10 },
    );
  });

  it('in groups of every size all senders are found, and deleting leaves nothing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.array(fc.record({ leaf: fc.nat(299), generation: fc.nat(20) }), { maxLength: 20 }),
        (members, messages) => {
          const tree = new Tree(1, members);
          const seen = new Set<string>();
          for (const { leaf: any, generation } of messages) {
            const leaf = any % members;
            try {
              tree.take(leaf, generation);
              assert.ok(!seen.has(`${leaf} ${generation}`), 'a key was there twice');
            } catch (error) {
              assert.equal((error as { code?: string }).code, 'generation_used');
            }
            seen.add(`${leaf} ${generation}`);
          }
          tree.delete();
          assert.deepEqual([...tree.stored.keys()], []);
        },
      ),
      { numRuns: 60 },
    );
  });
});
