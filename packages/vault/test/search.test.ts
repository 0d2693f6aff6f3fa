import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import type { Vault } from '@sotto/vault';
import { Bitmap } from '../src/search/bitmap.ts';
import { fold, queryWords, wordsOf } from '../src/search/fold.ts';
import { addPostings, encodePostings } from '../src/search/postings.ts';
import { decodeDictionary, decodeReferences, encodeSegment } from '../src/search/segment.ts';
import { ByteWriter } from '../src/format/bytes.ts';
import { VaultError } from '@sotto/vault';
import { coded, DAY, TestVault } from './support.ts';

function references(
  vault: Vault,
  query: string,
  options: { limit?: number; scope?: string; before?: number } = {},
): string[] {
  return vault.search(query, { limit: 50, ...options }).map(({ reference }) => reference);
}

async function vaultWith(texts: readonly string[]): Promise<Vault> {
  const vault = await new TestVault().create();
  vault.transaction((write) => {
    for (const [i, each] of texts.entries()) write.index(String(i), each);
  });
  return vault;
}

suite('what counts as the same word', () => {
  const same: readonly (readonly [string, string])[] = [
    ['Đà Nẵng', 'da nang'],
    ['ĐƯỜNG', 'duong'],
    ['Nguyễn Thị Ánh Tuyết', 'nguyen thi anh tuyet'],
    ['ơi ưa', 'oi ua'],
    ['Ёлка', 'елка'],
    ['ЁЖ ёж', 'еж еж'],
    ['ПРИВЕТ', 'привет'],
    ['Café', 'cafe'],
    ['naïve façade', 'naive facade'],
    ['STRASSE', 'straße'],
    ['Ærøskøbing', 'aeroskobing'],
    ['ﬁle ２０２６', 'file 2026'],
    ['İstanbul', 'istanbul'],
    ['ΟΔΟΣ', 'οδος'],
    ['سَلَام', 'سلام'],
    ['שָׁלוֹם', 'שלום'],
  ];
  for (const [one, other] of same) test(`${one} = ${other}`, () => assert.equal(fold(one), fold(other)));

  const different: readonly (readonly [string, string])[] = [
    ['мой', 'мои'],
    ['кий', 'ким'],
    ['їжа', 'іжа'],
    ['が', 'か'],
    ['कि', 'क'],
  ];
  for (const [one, other] of different) test(`${one} ≠ ${other}`, () => assert.notEqual(fold(one), fold(other)));

  test('composed and decomposed input give the same words', () => {
    for (const [one] of [...same, ...different])
      assert.deepEqual(wordsOf(one.normalize('NFD')), wordsOf(one.normalize('NFC')));
  });

  test('words are split at anything that is no letter, digit or mark; apostrophes stay inside a word', () => {
    assert.deepEqual(wordsOf("Don't panic: it’s 42 (forty-two)… a@b.example"), [
      'dont',
      'panic',
      'its',
      '42',
      'forty',
      'two',
      'a',
      'b',
      'example',
    ]);
    assert.deepEqual(wordsOf('see you 🎉🎉 soon ❤️'), ['see', 'you', '🎉', 'soon', '❤']);
    assert.deepEqual(wordsOf(' \n\t…'), []);
    assert.equal(wordsOf('x'.repeat(500))[0]?.length, 48);
  });

  test('scripts without spaces are found by any pair of neighbours, or by one character', () => {
    assert.deepEqual(wordsOf('東京都 hello'), ['東京', '京都', '都', 'hello']);
    assert.deepEqual(queryWords('京都'), ['京都']);
    assert.deepEqual(queryWords('都'), ['都']);
    assert.deepEqual(queryWords('he hello hel'), ['hello'], 'a prefix of another word asks for nothing more');
  });

  test('any text folds without error, to words that find it again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (anything) => {
        const words = new Set(wordsOf(anything));
        for (const wanted of queryWords(anything)) {
          assert.ok(
            [...words].some((word) => word.startsWith(wanted)),
            JSON.stringify([anything, wanted]),
          );
        }
      }),
    );
  });
});

suite('R-STO-1 search', () => {
  test('every word counts, as a prefix, in any order, newest first', async () => {
    const vault = await vaultWith(['Xin chào từ Đà Nẵng', 'Привет, ёлка!', 'hello from Da Nang', 'hello world']);
    assert.deepEqual(references(vault, 'da nang'), ['2', '0']);
    assert.deepEqual(references(vault, 'NẴNG đà'), ['2', '0']);
    assert.deepEqual(references(vault, 'ел'), ['1']);
    assert.deepEqual(references(vault, 'hel'), ['3', '2']);
    assert.deepEqual(references(vault, 'nan hel'), ['2']);
    assert.deepEqual(references(vault, 'ello'), []);
    assert.deepEqual(references(vault, ''), []);
    assert.deepEqual(references(vault, '!?'), []);
    vault.close();
  });

  test('indexing a reference again replaces its words; unindexing forgets them', async () => {
    const vault = await vaultWith(['first text', 'second text']);
    vault.transaction((write) => {
      write.index('0', 'edited words');
      write.unindex('1');
      write.unindex('never there');
    });
    assert.deepEqual(references(vault, 'text'), []);
    assert.deepEqual(references(vault, 'edited'), ['0']);
    vault.transaction((write) => write.index('0', '…'));
    assert.deepEqual(references(vault, 'edited'), []);
    vault.verify();
    vault.close();
  });

  test('a search within a scope, page by page', async () => {
    const vault = await new TestVault().create();
    vault.transaction((write) => {
      for (let i = 0; i < 1500; i++) write.index(`m${i}`, `note ${i}`, i % 3 === 0 ? 'anna' : 'ben');
    });
    assert.deepEqual(references(vault, 'note', { scope: 'anna', limit: 3 }), ['m1497', 'm1494', 'm1491']);
    assert.deepEqual(references(vault, 'note', { scope: 'nobody' }), []);
    const paged: string[] = [];
    for (let before = Infinity; ;) {
      const page = vault.search('note', { limit: 111, scope: 'ben', before });
      paged.push(...page.map(({ reference }) => reference));
      if (page.length < 111) break;
      before = page.at(-1)!.position;
    }
    const all = Array.from({ length: 1500 }, (_, i) => i).filter((i) => i % 3 !== 0);
    assert.deepEqual(
      paged,
      all.toReversed().map((i) => `m${i}`),
    );
    vault.close();
  });

  test('no word, no reference and no prefix hash lies in the file, whatever is indexed', async () => {
    const at = new TestVault();
    const vault = await at.create();
    vault.transaction((write) => {
      for (let i = 0; i < 600; i++) write.index(`reference-${i}`, 'elephant', 'scope-name');
    });
    while (vault.maintain());
    vault.close();
    const file = readFileSync(at.file);
    for (const word of ['elephant', 'eleph', 'reference-', 'scope-name']) {
      for (const encoding of ['utf8', 'utf16le'] as const) assert.ok(!file.includes(Buffer.from(word, encoding)));
      assert.ok(!file.includes(Buffer.from(word).toString('hex')));
    }
  });

  test('words of deleted messages leave the segments with the next day’s upkeep', async () => {
    const at = new TestVault();
    const vault = await at.create();
    vault.transaction((write) => {
      for (let i = 0; i < 1100; i++) write.index(`m${i}`, `text secret${i}`);
    });
    while (vault.maintain());
    vault.transaction((write) => {
      for (let i = 0; i < 512; i++) write.unindex(`m${i}`);
      write.unindex('m600');
    });
    assert.deepEqual(references(vault, 'secret3'), []);
    assert.deepEqual(references(vault, 'secret600'), []);
    at.clock.advance(DAY);
    while (vault.maintain());
    assert.deepEqual(references(vault, 'secret600'), []);
    assert.deepEqual(references(vault, 'secret601'), ['m601']);
    assert.equal(vault.search('text', { limit: 5000 }).length, 1100 - 513);
    vault.verify();
    const generation = vault.generation();
    assert.equal(vault.maintain(), false);
    assert.equal(vault.generation(), generation, 'nothing is left to do');
    vault.close();
  });
});

type Change =
  | { kind: 'index'; from: number; count: number; words: number }
  | { kind: 'unindex'; from: number; step: number }
  | { kind: 'maintain' }
  | { kind: 'tomorrow' }
  | { kind: 'verify-some'; rows: number }
  | { kind: 'reopen' }
  | { kind: 'abort'; count: number };

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('index' as const),
      from: fc.nat(3000),
      count: fc.integer({ min: 1, max: 900 }),
      words: fc.nat(5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('unindex' as const),
      from: fc.nat(3000),
      step: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'maintain' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'tomorrow' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('verify-some' as const), rows: fc.nat(900) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), count: fc.integer({ min: 1, max: 700 }) }) },
);

function textOf(i: number, words: number): string {
  return `common${i % 2} w${i % 97} ${'v'.repeat(1 + (i % 5))}${words} number${i}`;
}

test('any sequence of changes, merges and reopenings finds what a plain list would', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 18 }), async (changes) => {
      const at = new TestVault();
      let vault = await at.create();
      const model = new Map<string, string>();
      const stop = new Error('stop');
      for (const each of changes) {
        if (each.kind === 'index') {
          vault.transaction((write) => {
            for (let i = each.from; i < each.from + each.count; i++) {
              write.index(`m${i}`, textOf(i, each.words));
              model.delete(`m${i}`);
              model.set(`m${i}`, textOf(i, each.words));
            }
          });
        }
        if (each.kind === 'unindex') {
          vault.transaction((write) => {
            for (let i = each.from; i < each.from + 400; i += each.step) {
              write.unindex(`m${i}`);
              model.delete(`m${i}`);
            }
          });
        }
        if (each.kind === 'abort') {
          const aborted = () =>
            vault.transaction((write) => {
              for (let i = 0; i < each.count; i++) write.index(`aborted${i}`, 'common0 aborted');
              for (let i = 0; i < 100; i++) write.unindex(`m${i}`);
              throw stop;
            });
          assert.throws(aborted, (error) => error === stop);
        }
        if (each.kind === 'tomorrow') at.clock.advance(DAY);
        if (each.kind === 'verify-some') vault.verifySome(each.rows);
        if (each.kind === 'maintain') while (vault.maintain());
        if (each.kind === 'reopen') {
          vault.close();
          vault = await at.open();
        }
      }
      const newestFirst = [...model].toReversed();
      for (const query of [
        'common0',
        'w1 common1',
        'vvv',
        'vvv2 w12',
        'number12',
        'common number7',
        'absent',
        'aborted',
      ]) {
        const wanted = query.split(' ');
        const expected = newestFirst
          .filter(([, words]) => wanted.every((want) => words.split(' ').some((word) => word.startsWith(want))))
          .map(([reference]) => reference);
        assert.deepEqual(references(vault, query, { limit: 10_000 }), expected, query);
      }
      vault.verify();
      vault.close();
    }),
    { numRuns: 6 },
  );
});

suite('segments', () => {
  test('postings of any density come back', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(511), { minLength: 1 }), (documents) => {
        const sorted = documents.toSorted((a, b) => a - b);
        const writer = new ByteWriter(16);
        encodePostings(sorted, 512, writer);
        const into = new Bitmap(512);
        addPostings(writer.copy(), sorted.length, 512, into);
        assert.deepEqual([...into.descending(512)], sorted.toReversed());
        assert.deepEqual(
          [...into.descending(100)],
          sorted.toReversed().filter((document) => document < 100),
        );
      }),
    );
  });

  test('blocks cut short or mutated are refused by code or read as something else, never crash', () => {
    const words = new Map(
      Array.from({ length: 700 }, (_, i) => [`word${i}`, i % 3 === 0 ? [i % 512] : [1, 5, 300 + (i % 200)]]),
    );
    const content = {
      span: 512,
      words,
      references: new Map([
        [1, 'one'],
        [300, 'three hundred'],
      ]),
    };
    const blocks = encodeSegment(content);
    assert.equal(blocks.dictionary.length, 2);
    const decoders: readonly (readonly [Uint8Array, (bytes: Uint8Array) => unknown])[] = [
      [blocks.dictionary[0]!, decodeDictionary],
      [blocks.references[0]!, decodeReferences],
      [blocks.postings[0]!.subarray(0, 4), (bytes) => addPostings(bytes, 3, 512, new Bitmap(512))],
    ];
    fc.assert(
      fc.property(fc.nat(2), fc.nat(), fc.nat(255), fc.boolean(), (which, position, byte, cut) => {
        const [valid, decode] = decoders[which]!;
        const at = position % valid.length;
        const mutated = cut ? valid.slice(0, at) : valid.slice();
        if (!cut) mutated[at] = byte;
        try {
          decode(mutated);
        } catch (error) {
          assert.ok(error instanceof VaultError);
          coded('damaged')(error);
        }
      }),
    );
  });
});
