/** A word is cut here; longer ones are addresses and accidents. In characters. */
const MAX_WORD = 48;
/** Words kept of one text; the largest message has fewer. */
const MAX_WORDS = 16_384;
/** Characters looked at; the largest message (96 KiB) is shorter. */
const MAX_TEXT = 131_072;

/**
 * Combining marks that are accents, and points that Hebrew and Arabic writers leave out. Vowel signs of other scripts
 * stay, and so do the voicing marks of kana.
 */
const ACCENTS =
  /(?=[\p{Script=Inherited}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Hebrew}\p{Script=Arabic}])(?![\u3099\u309a])\p{Mn}|\u0640/gu;

/** Letters of their own that decomposition would turn into another letter (Unicode's root collation keeps them apart). */
const RECOMPOSED: readonly (readonly [RegExp, string])[] = [
  [/\u0438\u0306/g, 'й'],
  [/\u0443\u0306/g, 'ў'],
  [/\u0456\u0308/g, 'ї'],
];

/** Letters without a decomposition, as people without that keyboard type them. */
const PLAIN: ReadonlyMap<string, string> = new Map([
  ['đ', 'd'],
  ['ð', 'd'],
  ['ħ', 'h'],
  ['ı', 'i'],
  ['ł', 'l'],
  ['ŋ', 'n'],
  ['ø', 'o'],
  ['ŧ', 't'],
  ['æ', 'ae'],
  ['œ', 'oe'],
  ['ß', 'ss'],
  ['þ', 'th'],
  ['ς', 'σ'],
]);
const SPECIAL = new RegExp(`[${[...PLAIN.keys()].join('')}]`, 'g');

const WORDS = /[\p{L}\p{N}\p{M}]+|\p{Extended_Pictographic}/gu;
const APOSTROPHES = /(?<=\p{L})['’ʼ](?=\p{L})/gu;
/** Scripts written without spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}][\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{M}ー]*/gu;
const PLAIN_TEXT = /^\p{ASCII}*$/u;

/** Letters as search compares them: compatibility forms, case and accents do not count (Unicode NFKD). */
export function fold(text: string): string {
  if (PLAIN_TEXT.test(text)) return text.toLowerCase();
  let folded = text.normalize('NFKD').toLowerCase();
  for (const [decomposed, letter] of RECOMPOSED) folded = folded.replace(decomposed, letter);
  return folded.replace(ACCENTS, '').replace(SPECIAL, (letter) => PLAIN.get(letter) ?? letter);
}

/** The distinct words of a text to index. Text without spaces gives its pairs of characters, and its last one. */
export function wordsOf(text: string): string[] {
  return split(text, (run, add) => {
    for (let i = 0; i < run.length; i++) add(`${run[i] ?? ''}${run[i + 1] ?? ''}`);
  });
}

/** The words a query asks for, each a prefix of an indexed one. */
export function queryWords(query: string): string[] {
  const words = split(query, (run, add) => {
    if (run.length === 1) add(run[0] ?? '');
    for (let i = 0; i + 1 < run.length; i++) add(`${run[i] ?? ''}${run[i + 1] ?? ''}`);
  });
  return words.filter((word) => !words.some((other) => other !== word && other.startsWith(word)));
}

function split(text: string, unspaced: (run: readonly string[], add: (word: string) => void) => void): string[] {
  const words = new Set<string>();
  const folded = fold(text.slice(0, MAX_TEXT)).replace(APOSTROPHES, '');
  for (const [word] of folded.matchAll(WORDS)) {
    if (words.size >= MAX_WORDS) break;
    let at = 0;
    for (const { 0: run, index } of word.matchAll(UNSPACED)) {
      addWord(words, word.slice(at, index));
      unspaced(Array.from(run), (pair) => words.add(pair));
      at = index + run.length;
    }
    addWord(words, word.slice(at));
  }
  return [...words];
}

function addWord(words: Set<string>, word: string): void {
  if (word.length <= MAX_WORD) {
    if (word !== '') words.add(word);
    return;
  }
  words.add(word.slice(0, MAX_WORD).replace(/[\ud800-\udbff]$/, ''));
}
