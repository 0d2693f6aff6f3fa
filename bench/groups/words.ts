const VOCABULARY = 60_000;
const SYLLABLES = 'ba cho den fi gor hu ing ka lem mi no per qui ra ste tu'.split(' ');

/** A small generator of numbers in [0, 1): the data is the same in every run. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A word by its rank among `VOCABULARY`. */
export function wordOf(rank: number): string {
  let word = '';
  for (let rest = rank + 17; rest > 0; rest = Math.floor(rest / 16)) word += SYLLABLES[rest % 16] ?? '';
  return word;
}

/** 3 to 14 words, as frequent as in speech (Zipf). */
export function textFrom(random: () => number): string {
  const words = 3 + Math.floor(random() * 12);
  return Array.from({ length: words }, () => wordOf(Math.floor(VOCABULARY ** random()) - 1)).join(' ');
}
