import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assert as check, constantFrom, oneof, property, string, array, nat } from 'fast-check';
import { layoutDraft } from '../src/chat/layout.ts';
import { edits, emptyDraft, insert, moveLine } from '../src/chat/line-editor.ts';
import type { Draft, EditName } from '../src/chat/line-editor.ts';
import { exitCodes } from '../src/exit-codes.ts';
import { cleanName, cleanText, printableJson } from '../src/output/clean.ts';
import { cells, splitGraphemes } from '../src/output/width.ts';
import { VERSION } from '../src/version.ts';

/** Texts that a hostile sender would try. */
const hostile = oneof(
  string({ unit: 'binary' }),
  array(
    constantFrom(
      '\u001b[2J',
      '\u001b]0;title\u0007',
      '\u001b]52;c;aGk=\u001b\\',
      '\u009b31m',
      '\u0008',
      '\r',
      '\n',
      '\t',
      '\u202e',
      '\u2066',
      '\u0000',
      '\u007f',
      '\u0085',
      '\u2028',
      '\u200b',
      'a',
      'Ж',
      'é',
      '👍🏽',
      '\u001b',
      '[',
    ),
  ).map((parts) => parts.join('')),
);

/** What a terminal obeys, and what turns the reading order round. */
// eslint-disable-next-line no-control-regex -- they are what this looks for.
const dangerous = new RegExp('[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]');

describe('texts of other people', () => {
  test('R-APP-2 nothing that a terminal obeys is printed', () => {
    check(
      property(hostile, (text) => {
        assert.doesNotMatch(cleanText(text), dangerous);
        assert.doesNotMatch(cleanName(text), dangerous);
        assert.doesNotMatch(cleanName(text), /\n/);
        assert.ok(Array.from(cleanName(text)).length <= 64);
      }),
      { numRuns: 2000 },
    );
  });

  test('R-APP-2 ordinary texts of any language stay as they are', () => {
    for (const text of ['Tiếng Việt', 'Привет, мир', '你好', 'שלום', 'مرحبا', '👨‍👩‍👧 🇻🇳', 'a\nb', 'e\u0301']) {
      assert.equal(cleanText(text), text);
    }
  });

  test('R-APP-2 --json keeps every text exactly, and a terminal obeys none of it', () => {
    check(
      property(hostile, (text) => {
        const printed = printableJson({ text });
        assert.deepEqual(JSON.parse(printed), { text });
        assert.doesNotMatch(printed, dangerous);
        assert.doesNotMatch(printed, /\n/);
      }),
      { numRuns: 2000 },
    );
  });
});

const pieces = constantFrom('a', ' ', 'word', 'é', 'e\u0301', '你', '👍', '👨‍👩‍👧', '🇻🇳', '\n', 'Привет', '\t');
const names = Object.keys(edits) as EditName[];

describe('the line editor', () => {
  const steps = array(oneof(pieces, constantFrom(...names), constantFrom('up', 'down')), { maxLength: 60 });

  function play(list: readonly string[]): Draft {
    let draft = emptyDraft;
    for (const step of list) {
      if (step === 'up' || step === 'down') draft = moveLine(draft, step) ?? draft;
      else if (names.includes(step as EditName)) draft = edits[step as EditName](draft);
      else draft = insert(draft, step);
    }
    return draft;
  }

  test('R-APP-2 the cursor never stands inside a character, whatever is typed', () => {
    check(
      property(steps, (list) => {
        const { text, cursor } = play(list);
        assert.ok(cursor >= 0 && cursor <= text.length);
        const [before, after] = [text.slice(0, cursor), text.slice(cursor)];
        assert.ok(before.isWellFormed() && after.isWellFormed());
      }),
      { numRuns: 1000 },
    );
  });

  test('R-APP-2 backspace takes away what a person sees as one character', () => {
    check(
      property(
        array(
          pieces.filter((piece) => piece !== 'word' && piece !== 'Привет'),
          { minLength: 1 },
        ),
        (list) => {
          let draft = insert(emptyDraft, list.join(''));
          const characters = splitGraphemes(draft.text).length;
          for (let i = 0; i < characters; i++) draft = edits.backspace(draft);
          assert.equal(draft.text, '');
        },
      ),
    );
  });

  test('R-APP-2 no row of the footer is wider than the window, and the cursor is within it', () => {
    check(
      property(steps, nat({ max: 60 }), nat({ max: 8 }), (list, extra, maxRows) => {
        const width = 8 + extra;
        const draft = play(list);
        const layout = layoutDraft(draft, { prompt: '> ', width, maxRows: maxRows + 1 });
        assert.ok(layout.rows.length >= 1 && layout.rows.length <= maxRows + 1);
        for (const row of layout.rows) assert.ok(cells(row) <= width, row);
        assert.ok(layout.cursorRow < layout.rows.length);
        assert.ok(layout.cursorColumn <= width);
      }),
      { numRuns: 1000 },
    );
  });

  test('R-APP-2 laying out a draft of 64 KiB takes work in proportion: to its lines near the cursor, and to their length', (t) => {
    let segmented = 0;
    const real = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
    const segment = real.segment.bind(real);
    t.mock.method(Intl.Segmenter.prototype, 'segment', (text: string) => {
      segmented += text.length;
      return segment(text);
    });
    const work = (text: string): number => {
      segmented = 0;
      const { rows } = layoutDraft({ text, cursor: text.length }, { prompt: '> ', width: 79, maxRows: 8 });
      assert.equal(rows.length, 8);
      return segmented;
    };
    const line = 'слово 你好 👍 ';
    for (const text of [line.repeat(5000), 'x'.repeat(65_000)]) assert.ok(work(text) < 4 * text.length);
    // All but the last lines of a pasted document are left alone.
    assert.equal(work(`${line}\n`.repeat(5000)), work(`${line}\n`.repeat(50)));
  });
});

test('R-APP-2 every exit code stands in docs/cli.md, with its meaning', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/cli.md'), 'utf8');
  for (const [code, { exit, meaning }] of Object.entries(exitCodes)) {
    assert.ok(page.includes(`| ${exit} | \`${code}\` | ${meaning} |`), `${exit} ${code}`);
  }
  const numbers = Object.values(exitCodes).map(({ exit }) => exit);
  assert.equal(new Set(numbers).size, numbers.length);
});

test('the version printed is the one of package.json', () => {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string;
  };
  assert.equal(VERSION, manifest.version);
});
