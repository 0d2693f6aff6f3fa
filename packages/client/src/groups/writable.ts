import type { ContentDraft } from '@sotto/wire';
import type { StoredGroup } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { requireRules } from './rows.ts';
import { may, roleOf } from './rules.ts';
import type { GroupRole } from './types.ts';

/** Whether a member may put such a content into the conversation. */
export function maySay(rules: Parameters<typeof may>[0], role: GroupRole, kind: ContentDraft['body']['kind']): boolean {
  if (kind === 'pin') return may(rules, role, 'pin');
  return may(rules, role, 'send');
}

/** Throws `forbidden`, `invalid_argument`. */
export function requireMayWrite(core: Core, group: StoredGroup, body: ContentDraft['body']): void {
  if (body.kind === 'setTimer') {
    throw new MessengerError('invalid_argument', "a group's timer is one of its rules: groups.setTimer");
  }
  const rules = requireRules(group);
  if (!maySay(rules, roleOf(rules, core.self.account), body.kind)) {
    throw new MessengerError('forbidden', "the group's rules do not allow it");
  }
}
