import { stripVTControlCharacters } from 'node:util';

// Texts and names come from other people, and a terminal obeys control sequences: a message could clear the screen,
// rewrite earlier lines, set the title or paste into the clipboard. Bidirectional overrides make a line read as another.
const OVERRIDES = /[\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]/g;
// eslint-disable-next-line no-control-regex -- control characters are exactly what this removes.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const INVISIBLE = /[\u200b\u2060\ufeff\u00ad\u180e]/g;

/** A text of someone else, safe to print: line breaks and tabs stay, everything a terminal would obey goes. */
export function cleanText(text: string): string {
  return stripVTControlCharacters(text.replaceAll(/\r\n?|[\u2028\u2029\u0085]/g, '\n'))
    .replaceAll(CONTROLS, '')
    .replaceAll(OVERRIDES, '')
    .replaceAll('\t', '    ');
}

/** A name of someone else: as `cleanText`, on one line, without characters that nobody sees, at most 64 characters. */
export function cleanName(name: string): string {
  const line = cleanText(name).replaceAll(INVISIBLE, '').replaceAll(/\s+/g, ' ').trim();
  const characters = Array.from(line);
  return characters.length > 64 ? `${characters.slice(0, 63).join('')}…` : line;
}

/** `JSON.stringify` on one line, with everything escaped that a terminal would obey. The value stays the same. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
