/**
 * Every reason that a trail, an outbox row or a parked envelope can give, with the sentence `explain` shows.
 * Closed: a new cause gets a new code here. Sentences carry no content, names or ids.
 */
export const reasons = {
  // The way out.
  stored: 'It is stored on this device.',
  'waiting-acceptance': 'It waits until the contact request is accepted.',
  'waiting-connection': 'It waits until this device can reach the gateway of the receiving device.',
  'waiting-address': 'It waits until the contact has told where this device of theirs receives.',
  'waiting-keys': 'It waits until keys of the receiving device can be fetched from its gateway.',
  'waiting-identity': "It waits until the contact's chain of devices can be fetched and checked.",
  'waiting-device': 'Something went wrong on this device; it is tried again.',
  'session-started': 'A new session with the receiving device was started from its published keys.',
  'waiting-upload': 'Its attachments are on their way to the gateway; it leaves when they are there.',
  uploaded: 'Its attachments are on disk at the gateway.',
  'upload-quota': 'This account has uploaded as much as its gateway allows for a day; the upload goes on tomorrow.',
  'upload-storage-full': 'The gateway has no room for attachments now; it is tried again later.',
  'upload-refused': 'The gateway does not take an attachment of this size, so the message was not sent.',
  'upload-lost': 'An attachment is not on this device any more, so the message was not sent.',
  sealed: 'It was encrypted for the receiving device, and the sealed envelope is stored here.',
  accepted: 'The gateway of the receiving device has it on disk.',
  delivered: 'The receiving device has decrypted and stored it.',
  read: 'The recipient says it was seen.',
  'mailbox-full': "The receiving device's mailbox is full; it is tried again later.",
  'quota-used-up': 'The allowance for writing to this device is used up for now; it is tried again later.',
  'rate-limited': 'The gateway asked to slow down; it is tried again later.',
  'gateway-unavailable': 'The gateway cannot store right now; it is tried again later.',
  'address-refused': 'The receiving device no longer takes messages at this address; a new address is awaited.',
  'mailbox-gone': 'The mailbox does not exist any more; a new address is awaited.',
  'envelope-expired': 'The sealed envelope became too old on its way; it is sealed anew.',
  'too-large': 'The gateway of the receiving device does not take messages of this size.',
  'version-refused': 'The gateway of the receiving device does not speak this version.',
  'envelope-refused': 'The gateway of the receiving device says the envelope is damaged.',
  'identity-refused': "The receiving device's published keys do not prove who it is, so nothing was sent to it.",
  'device-revoked': 'The receiving device was revoked; nothing is sent to it any more.',
  'gateway-lost-data': 'The gateway that had accepted it has lost its data since; it is sent again.',
  'mailbox-replaced': 'The receiving device has another mailbox since; it is sent again, to that one.',
  'session-replaced': 'This device was set back to an earlier state; it is encrypted anew, in a new session.',
  'taken-up': 'This device was not running for a while; the message was taken up again.',
  'slow-connection': 'Handing it over took several seconds: the connection to the gateway is slow.',
  'clock-differs':
    "This device's clock is far from the gateway's, so its expiry was refused; it is sealed anew by the gateway's clock.",
  'storage-failed': 'This device could not store what happened to it, as when its disk is full; it was tried again.',
  healing: 'No delivery receipt came in time: a new session is started and the message sent again.',
  'contact-declined': 'The contact request was declined, so it was not sent.',
  'contact-blocked': 'The contact is blocked, so it was not sent.',
  'no-device': 'The recipient has no active device.',
  expired: 'It could not be delivered within its lifetime, and is not tried any more.',
  // The way in.
  received: 'It arrived, was decrypted and stored on this device.',
  'received-own': 'It was sent from another device of this account.',
  'waited-at-gateway': 'It waited at the gateway until this device was connected again.',
  'held-back': 'An earlier message has not arrived yet; it is held back for a moment.',
  released: 'The earlier message arrived, and it took its place.',
  gap: 'An earlier message has still not arrived; it is shown after a gap.',
  'receipt-sent': 'A delivery receipt is on its way to the sender.',
  duplicate: 'The same message arrived again and was dropped.',
  'counter-reused': 'Its sender used the same number for another message; both are kept.',
  edited: 'Its author changed it.',
  deleted: 'Its author took it back.',
  disappeared: 'Its time was over: it disappeared, and its content is deleted from this device.',
  'deleted-for-me': 'It was deleted for this account; others still have it.',
  // What was asked for again, at who sent it.
  'asked-for-again': 'A receiving device could not open it, or never got it, and asked for it again.',
  'sent-again': 'It is sent once more to the device that asked for it.',
  'asked-too-often': 'A receiving device asked for it too often; it is not sent again for now.',
  'asked-by-stranger': 'A device asked for it that it was never meant for; nothing was sent.',
  'handed-on': 'It was handed on to a device that had not got it from its author.',
  // And at who misses it.
  asking: 'Its sender was asked to send it again.',
  'asking-own': 'Another device of this account was asked for it.',
  'session-renewed': 'The session with its sender can no longer be read: a new one is started.',
  found: 'Its sender knows what it held and sends it again.',
  unavailable: 'Who was asked does not have it any more, or never had it.',
  'given-up': 'It was asked for many times and nobody answered; it is not asked for any more.',
  healed: 'It has come after all, and took the place of the line that said it was missing.',
  backfilled: 'It had not come when later ones did; it was asked for, and has come.',
  'nothing-missing': 'It held nothing that people see, so nothing is missing.',
  parked: 'It is kept, and tried again when something changes that may help.',
  // Envelopes that could not be opened.
  'no-session': 'It belongs to no session that this device has; the sender will start a new one.',
  'wrong-mailbox': 'It was sealed for another mailbox.',
  'unknown-version': 'It was made by a version this one does not speak.',
  'unknown-suite': 'It uses a cipher suite this version does not speak.',
  'prekey-gone': 'It uses a key of this device that is gone; the sender will start a new session.',
  'revoked-sender': 'It comes from a device that was revoked.',
  'invalid-sender': 'Its sender could not be proven.',
  'too-far-ahead': 'Too many messages of its session are missing before it.',
  'weak-suite': 'It was sealed without the post-quantum protection that one of the devices demands.',
  future: "Its session begins in the future by this device's clock; one of the two clocks is wrong.",
  'arrived-late': 'It arrived after its time was over.',
  damaged: 'It does not decrypt.',
  'invalid-content': 'It decrypted, but what it holds breaks the rules for contents.',
  'not-a-contact': 'It comes from an account that is no accepted contact.',
} as const satisfies Record<string, string>;

/** A closed reason code. */
export type ReasonCode = keyof typeof reasons;

/** The sentence for a code. */
export function explainReason(code: ReasonCode): string {
  return reasons[code];
}
