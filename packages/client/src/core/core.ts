import type { CryptoProvider } from '@sotto/crypto';
import type { Clock } from '@sotto/transport';
import { decodeEnvelope, directConversationId, envelopeIdOf, messageIdOf } from '@sotto/wire';
import type { AccountId, ConversationId, DeviceId, EnvelopeId, MessageId } from '@sotto/wire';
import type { OwnAccount } from '../account/own-account.ts';
import type { Emitter } from '../events/emitter.ts';
import type { AccountRef, DeviceRef, MessageRef } from '../refs.ts';
import type { Settings } from '../settings.ts';
import type { Ledger, Tx } from '../store/ledger.ts';
import type { Background } from './background.ts';
import type { Bells } from './bells.ts';
import type { Clearance } from './clearance.ts';
import type { EngineRoom } from './engine-room.ts';

/** What every room of the messenger stands on. */
export interface Core {
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  /** Uniform in [0, 1): jitter only. */
  readonly random: () => number;
  readonly settings: Settings;
  readonly ledger: Ledger;
  readonly engine: EngineRoom;
  readonly events: Emitter;
  readonly background: Background;
  /** What is sealed waits here. */
  readonly clearance: Clearance;
  readonly bells: Bells;
  readonly self: SelfIds;
  readonly own: OwnAccount;
  /** Chooses the devices that a content in the outbox goes to, in the transaction that put it there. */
  readonly plan: (tx: Tx, message: MessageRef) => void;
  /** Numbers that grow across restarts: the sequence of what goes into the outbox. */
  readonly nextNumber: () => bigint;
}

/** Who this device is; fixed for the vault's lifetime. */
export interface SelfIds {
  readonly account: AccountId;
  readonly accountRef: AccountRef;
  readonly device: DeviceId;
  readonly deviceRef: DeviceRef;
}

export function sha256(core: Pick<Core, 'provider'>, ...parts: readonly Uint8Array[]): Uint8Array {
  return core.provider.hash('sha256', ...parts);
}

/** The direct conversation with an account; with the own account, what own devices tell each other. */
export function conversationWith(core: Pick<Core, 'provider' | 'self'>, account: AccountId): ConversationId {
  return directConversationId(core.self.account, account, (...parts) => sha256(core, ...parts));
}

const TAG_BYTES = 8;

/** What a serialised envelope is known by: its id, and the tag by which its receiver finds the session. */
export function envelopeNames(
  core: Pick<Core, 'provider'>,
  bytes: Uint8Array,
): { readonly id: EnvelopeId; readonly tag: Uint8Array } {
  const envelope = decodeEnvelope(bytes);
  const id = envelopeIdOf(envelope, (...parts) => sha256(core, ...parts));
  return { id, tag: envelope.sealed.slice(0, TAG_BYTES) };
}

export function contentId(core: Pick<Core, 'provider'>, author: DeviceId, content: Uint8Array): MessageId {
  return messageIdOf(author, content, (...parts) => sha256(core, ...parts));
}
