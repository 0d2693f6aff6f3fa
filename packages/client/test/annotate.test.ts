import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accountId, messageId } from '@sotto/wire';
import * as fc from 'fast-check';
import { annotate, noAnnotations } from '../src/conversations/annotate.ts';
import type { Annotation, Annotations } from '../src/conversations/annotate.ts';

const author = accountId(new Uint8Array(32).fill(1));
const reader = accountId(new Uint8Array(32).fill(2));

const annotation: fc.Arbitrary<Annotation> = fc
  .record({
    height: fc.integer({ min: 1, max: 5 }),
    id: fc.nat(255).map((byte) => messageId(new Uint8Array(32).fill(byte))),
    account: fc.constantFrom(author, reader),
    what: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('edit' as const),
          body: fc.constantFrom('a', 'b', 'c'),
          mentions: fc.constant([]),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('reaction' as const), emoji: fc.constantFrom('', '👍', '❤️') }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('pin' as const), pinned: fc.boolean() }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'delete' as const }) },
    ),
  })
  .map(({ what, ...place }) => ({ ...place, ...what }));

// An id is a hash of the content: one id, one annotation.
const annotations = fc.uniqueArray(annotation, { selector: (each) => each.id[0], maxLength: 12 });

function apply(all: readonly Annotation[]): Annotations {
  let message = noAnnotations;
  for (const each of all) message = annotate(message, author, each) ?? message;
  return message;
}

test('edits, deletions and reactions give the same message in whatever sequence they arrive', () => {
  fc.assert(
    fc.property(
      annotations.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, shuffled]) => {
        assert.deepEqual(apply(shuffled), apply(all));
      },
    ),
  );
});

test('annotations that arrive twice change nothing', () => {
  fc.assert(fc.property(annotations, (all) => assert.deepEqual(apply([...all, ...all]), apply(all))));
});

test('only its author edits or takes back a message', () => {
  const by = (
    account: typeof author,
    what: { kind: 'delete' } | { kind: 'edit'; body: string; mentions: [] },
  ): Annotation => ({
    height: 2,
    id: messageId(new Uint8Array(32).fill(9)),
    account,
    ...what,
  });
  assert.equal(annotate(noAnnotations, author, by(reader, { kind: 'delete' })), null);
  assert.equal(annotate(noAnnotations, author, by(reader, { kind: 'edit', body: 'x', mentions: [] })), null);
  assert.equal(annotate(noAnnotations, author, by(author, { kind: 'delete' }))?.deleted, true);
});
