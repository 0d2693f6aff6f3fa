import { acceptInitial, encryptMessage, openInitial, pairwiseComponents, startSession } from '@sotto/ratchet';
import type {
  AcceptRequest,
  AcceptResult,
  CreatedPrekey,
  InitialMessage,
  PairwiseComponents,
  StartResult,
} from '@sotto/ratchet';
import { decodeEnvelope, roundExpiry } from '@sotto/wire';
import type { SuiteId } from '@sotto/wire';
import { pick, prekeysOf, START, testDevice, verified } from './devices.ts';
import type { TestDevice } from './devices.ts';
import { native, text } from './world.ts';

export type Started = Extract<StartResult, { kind: 'started' }>;

/** Two devices and the prekeys of one, step by step, so that a test can meddle between the steps. */
export interface FirstContact {
  readonly components: PairwiseComponents;
  readonly anh: TestDevice;
  readonly binh: TestDevice;
  readonly prekeys: readonly CreatedPrekey[];
  readonly started: Started;
  /** The first message, as bytes on the wire. */
  readonly envelope: Uint8Array;
  /** The session record after it. */
  readonly session: Uint8Array;
}

export const EXPIRES = roundExpiry(START / 1000 + 7 * 86_400);

export interface FirstContactOptions {
  readonly minimumSuites?: readonly [SuiteId, SuiteId];
  /** Which prekeys the gateway hands out; all by default. */
  readonly handsOut?: (prekey: CreatedPrekey) => boolean;
  readonly content?: Uint8Array;
}

export function firstContact({ minimumSuites, handsOut, content }: FirstContactOptions = {}): FirstContact {
  const components = pairwiseComponents({ provider: native, cachedKeys: 16 });
  const anh = testDevice(native, minimumSuites?.[0]);
  const binh = testDevice(native, minimumSuites?.[1]);
  const prekeys = prekeysOf(native, binh, { oneTime: 2 });
  const bundle = verified(native, binh, firstOfEach(prekeys).filter(handsOut ?? (() => true)));
  const started = startSession(components, { own: anh.local, ownChain: null, peer: binh.local, bundle, now: START });
  if (started.kind !== 'started') throw new Error(started.reason);
  const { envelope, session } = firstMessage(components, started.session, started, binh, content);
  return { components, anh, binh, prekeys, started, envelope, session };
}

/** One prekey of each kind, as a gateway hands them out. */
export function firstOfEach(prekeys: readonly CreatedPrekey[]): CreatedPrekey[] {
  return prekeys.filter(({ kind }, index) => prekeys.findIndex((other) => other.kind === kind) === index);
}

/** One more initial message of a session. */
export function firstMessage(
  components: PairwiseComponents,
  session: Uint8Array,
  started: Started,
  to: TestDevice,
  content: Uint8Array = text('xin chào'),
): { readonly envelope: Uint8Array; readonly session: Uint8Array } {
  const result = encryptMessage(components, {
    session,
    opening: started.opening,
    content,
    mailbox: to.mailbox,
    expiresAt: EXPIRES,
    urgency: 'high',
  });
  if (result.kind !== 'encrypted') throw new Error(result.kind);
  return result;
}

/** Takes the seal off at the recipient. */
export function unsealed(contact: FirstContact, envelope: Uint8Array = contact.envelope): InitialMessage {
  const opened = openInitial(contact.components, {
    envelope: decodeEnvelope(envelope),
    device: contact.binh.local.device,
    sealingKeys: [pick(contact.prekeys, 'sealing').record],
  });
  if (opened.kind !== 'opened') throw new Error(opened.kind);
  return opened.initial;
}

/** Records of the prekeys that an initial message names. */
export function recordsFor(contact: FirstContact, initial: InitialMessage): AcceptRequest['prekeys'] {
  const record = (id: number | null) => contact.prekeys.find((prekey) => prekey.id === id)?.record ?? null;
  const { signed, oneTime, kem } = initial.prekeys;
  return { signed: record(signed), oneTime: record(oneTime), kem: record(kem) };
}

/** Accepts at the recipient, with what a test wants changed. */
export function accept(contact: FirstContact, changes: Partial<AcceptRequest> = {}): AcceptResult {
  const initial = changes.initial ?? unsealed(contact);
  return acceptInitial(contact.components, {
    initial,
    envelope: decodeEnvelope(contact.envelope),
    own: contact.binh.local,
    peer: contact.anh.local,
    prekeys: recordsFor(contact, initial),
    now: START,
    ...changes,
  });
}

/** `accepted`, or why not. */
export function outcome(result: AcceptResult): string {
  return result.kind === 'refused' ? result.reason : result.kind;
}
