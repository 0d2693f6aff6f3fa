import type { Block } from '../terminal/screen.ts';

/** What the chat shows things on: a terminal's screen. */
export interface ChatView {
  print(...blocks: readonly Block[]): void;
  /** A remark of the program itself, set apart from messages. May have several lines. */
  notice(text: string): void;
  /** The same for something that must not be missed. */
  alarm(text: string): void;
  /** Changes the mark of a printed message; false when it is not on the screen any more. */
  patch(key: string, mark: string): boolean;
  /** The line above the input, and the prompt. */
  status(status: string, prompt: string): void;
}
