import type { AccountRef, GroupNotice } from '@sotto/client';
import { cleanName, cleanText } from '../output/clean.ts';

/** Names that a sentence spells out; the rest is counted. */
const MOST_NAMED = 5;

/** A change of a group as a sentence. `nameOf` gives names as they may be printed; own ones are `you`. */
export function describeNotice({ change, by }: GroupNotice, nameOf: (account: AccountRef) => string): string {
  const who = nameOf(by);
  switch (change.kind) {
    case 'created':
      return `${who} made this group.`;
    case 'added':
      return `${who} added ${list(change.accounts, nameOf)}.`;
    case 'removed':
      return `${who} removed ${list(change.accounts, nameOf)}.`;
    case 'left':
      return `${list(change.accounts, nameOf)} left.`;
    case 'made-owner':
      return `${who} made ${list(change.accounts, nameOf)} owner.`;
    case 'made-admin':
      return `${who} made ${list(change.accounts, nameOf)} admin.`;
    case 'made-member':
      return `${who} made ${list(change.accounts, nameOf)} a member again.`;
    case 'devices':
      return `Devices of ${list(change.accounts, nameOf)} in this group changed.`;
    case 'renamed':
      return `${who} called this group “${cleanName(change.text)}”.`;
    case 'described':
      return change.text === '' ? `${who} took the description away.` : `${who} described it: “${line(change.text)}”.`;
    case 'picture':
      return `${who} changed the picture.`;
    case 'permissions':
      return `${who} changed who may do what.`;
    case 'link':
      return `${who} changed the link.`;
    case 'timer':
      return change.seconds === 0
        ? `${who} switched disappearing messages off.`
        : `${who} lets messages disappear after ${duration(change.seconds)}.`;
  }
}

function line(text: string): string {
  return cleanText(text).replaceAll(/\s+/g, ' ').trim();
}

function list(accounts: readonly AccountRef[], nameOf: (account: AccountRef) => string): string {
  const names = accounts.slice(0, MOST_NAMED).map(nameOf);
  const others = accounts.length - names.length;
  if (others > 0) return `${names.join(', ')} and ${others} more`;
  const last = names.pop() ?? '';
  return names.length === 0 ? last : `${names.join(', ')} and ${last}`;
}

const UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [604_800, 'week'],
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
];

/** A span of time in its largest whole unit: `3 days`. */
export function duration(seconds: number): string {
  const [size, name] = UNITS.find(([each]) => seconds >= each && seconds % each === 0) ?? [1, 'second'];
  const count = seconds / size;
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
