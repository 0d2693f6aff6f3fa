import { MAX_GROUP_DESCRIPTION_CHARACTERS, MAX_GROUP_NAME_CHARACTERS, MAX_TIMER_SECONDS } from '@sotto/wire';
import { MessengerError } from '../error.ts';

const LEAST_ROTATE_SECONDS = 3600;
const MOST_ROTATE_SECONDS = 365 * 86_400;

const characters = (text: string): number => Array.from(text).length;

/** Each throws `invalid_argument`. */
export function checkName(name: string): string {
  const trimmed = name.trim();
  if (trimmed === '' || characters(trimmed) > MAX_GROUP_NAME_CHARACTERS || !trimmed.isWellFormed()) {
    throw new MessengerError('invalid_argument', `a group's name has 1 to ${MAX_GROUP_NAME_CHARACTERS} characters`);
  }
  return trimmed;
}

export function checkDescription(text: string): string {
  if (characters(text) > MAX_GROUP_DESCRIPTION_CHARACTERS || !text.isWellFormed()) {
    throw new MessengerError(
      'invalid_argument',
      `a description has at most ${MAX_GROUP_DESCRIPTION_CHARACTERS} characters`,
    );
  }
  return text;
}

export function checkPicture(hash: string | null): Uint8Array {
  if (hash === null) return new Uint8Array(0);
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    throw new MessengerError('invalid_argument', 'a picture is named by its SHA-256 in hexadecimal');
  }
  return Uint8Array.from(Buffer.from(hash, 'hex'));
}

export function checkTimer(seconds: number): number {
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > MAX_TIMER_SECONDS) {
    throw new MessengerError('invalid_argument', `a timer has 0 to ${MAX_TIMER_SECONDS} seconds`);
  }
  return seconds;
}

export function checkRotation(seconds: number): number {
  if (!Number.isInteger(seconds) || seconds < LEAST_ROTATE_SECONDS || seconds > MOST_ROTATE_SECONDS) {
    throw new MessengerError('invalid_argument', 'keys are renewed after an hour to a year');
  }
  return seconds;
}
