/**
 * Every reason that a group's state or a change of one can give, with the sentence people read. Closed: a new cause gets
 * a new code here. Sentences carry no content, names or ids.
 */
export const groupReasons = {
  // A change on its way.
  stored: 'It is stored on this device.',
  'waiting-turn': 'Other changes of the group asked for here come first.',
  'waiting-connection': "It waits until this device can reach the gateway of the group's log.",
  'waiting-keys': 'It waits until keys of an account that is to be added can be fetched from its gateway.',
  'waiting-identity': 'It waits until the chain of devices of an account can be fetched and checked.',
  'waiting-log': "It is handed over; it waits to be read back from the group's log.",
  'waiting-committer': 'It is proposed; another member completes it.',
  'log-full': "The group's log is full; it is tried again later.",
  overtaken: 'Another change came first; it is done again on what the group is now.',
  // How a change ends.
  forbidden: "The group's rules do not allow it.",
  'not-a-member': 'The account concerned is not in the group.',
  'no-device': 'The account concerned has no device that can be added.',
  'identity-refused': 'The published keys of the account concerned do not prove who it is.',
  'group-over': 'This account is no longer in the group.',
  'log-refused': "The gateway of the group's log refuses it.",
  'too-large': "It is larger than the gateway of the group's log takes.",
  // Why a group is over, or stands still.
  'left-here': 'This account left.',
  declined: 'The invitation was declined.',
  'removed-by-member': 'A member removed this account.',
  'asking-refused': 'The question to be let in was answered with no.',
  'cannot-follow': 'A change of the group could not be read; this device asked to be brought back in.',
  'resync-asked': 'Somebody asked on this device that it be brought back in.',
  'log-expired': 'The log no longer has what this device had not read; it asked to be brought back in.',
  'rolled-back': "This device's state is older than what it has sent; it asked to be brought back in.",
  'waiting-member': 'It waits for a member who can bring this device back in.',
  'log-gone': "The group's log does not exist at its gateway.",
} as const satisfies Record<string, string>;

/** A closed reason code of a group or a change of one. */
export type GroupReason = keyof typeof groupReasons;

/** The sentence for a code. */
export function explainGroupReason(code: GroupReason): string {
  return groupReasons[code];
}
