/** What must hold in every run. */
export const invariants = {
  'acknowledged-is-stored': 'What a device acknowledged is in its vault.',
  'delivered-once': 'A message is received once on each device.',
  'causal-order': 'No message stands before one that its author had seen when writing it.',
  'same-history': 'All devices show the same messages in the same order, with the same text and reactions.',
  'group-agrees': 'All devices in a group agree on its epoch, name, members and roles.',
  'changes-decided': 'A change of a group that was stored is in force in the end, or was refused visibly.',
  'removed-learn-nothing': 'Who is not in a group gets nothing that is sent in it afterwards.',
  'nothing-lost': 'What was stored for a sender, or confirmed to one, is on every device in the end.',
  'no-key-reused': 'No key and nonce seal two contents; no message key makes two envelopes.',
  'outbox-settles': 'Every message on its way arrives, or expires or fails visibly.',
  'queues-bounded': 'No queue grows beyond its limit.',
  'rows-bounded': 'What is stored is bounded by what was sent.',
  'no-surprise': 'Nothing fails that was not made to fail.',
} as const satisfies Record<string, string>;

export type InvariantName = keyof typeof invariants;

/** An invariant does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly invariant: InvariantName;

  constructor(invariant: InvariantName, detail: string, options?: ErrorOptions) {
    super(`${invariant}: ${detail}`, options);
    this.invariant = invariant;
  }
}
