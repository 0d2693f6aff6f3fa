import type { Draft } from './line-editor.ts';

/** Lines kept for arrow-up: an evening's worth. */
const MAX_ENTRIES = 200;

/** What was sent before in this window, for arrow-up and arrow-down. The unfinished draft is kept while looking. */
export class InputHistory {
  readonly #entries: string[] = [];
  #position = 0;
  #draft = '';

  /** Remembers a line that was sent. */
  add(text: string): void {
    if (this.#entries.at(-1) !== text) this.#entries.push(text);
    if (this.#entries.length > MAX_ENTRIES) this.#entries.shift();
    this.#position = this.#entries.length;
    this.#draft = '';
  }

  /** The entry before or after the one shown; null at either end. */
  move(current: Draft, direction: 'up' | 'down'): Draft | null {
    const next = this.#position + (direction === 'up' ? -1 : 1);
    if (next < 0 || next > this.#entries.length) return null;
    if (this.#position === this.#entries.length) this.#draft = current.text;
    this.#position = next;
    const text = this.#entries[next] ?? this.#draft;
    return { text, cursor: text.length };
  }
}
