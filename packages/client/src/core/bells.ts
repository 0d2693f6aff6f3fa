import type { AccountRef, ConversationRef, MessageRef } from '../refs.ts';

/**
 * How rooms tell each other, after a commit, that there is something to do. A bell says where to look, never what was
 * found: whoever hears it reads the store, so a bell rung twice or before a crash loses nothing.
 */
export interface BellSounds {
  /** A content was put into the outbox. */
  outbound: MessageRef;
  /** The attachments of an own message are at the gateway. */
  uploaded: MessageRef;
  /** A file is to be uploaded, or removed at its gateway. */
  files: null;
  /** A sealed file that nothing names any more. */
  'file-dropped': string;
  /** An own message reached a further state. */
  progress: MessageRef;
  /** Addresses, devices or standing of an account (the own one too) changed. */
  account: AccountRef;
  /** A device sent something: it is there, and its gateway can be reached. */
  heard: { readonly account: AccountRef; readonly device: string };
  /** Capabilities are to be opened or closed at the gateway. */
  grants: null;
  /** A chain is behind what someone named. */
  chain: AccountRef;
  /** Receipts are due. */
  receipts: null;
  /** Messages are held back in a conversation, or what they wait for has come. */
  held: ConversationRef;
  /** Something is wanted that should be here, and may be asked for at this time (Unix ms). */
  wanted: number;
  /** The time of a message runs. */
  countdown: null;
  /** Own other devices are to be told how a conversation is kept. */
  settings: null;
  /** There is something to be done in a group. */
  group: ConversationRef;
  /** A group's log is to be followed from another place, or not any more. */
  groupFollow: ConversationRef;
  /** Receipts are due in groups. */
  groupReceipts: null;
  /** Key packages are to be made or uploaded. */
  keyPackages: null;
  /** Own devices changed, or one of them has to be told something. */
  devices: null;
  /** The own chain says that this device is out. */
  revoked: null;
  /**
   * This vault was set back or has a twin, and what it shares with others may have moved on without it. Rung in the
   * transaction that gives up all pairwise sessions, before anything is sent: whoever keeps further shared state
   * (groups) gives it up in the same way.
   */
  rollback: null;
  /** Prekeys are to be made or uploaded. */
  prekeys: null;
  /** A parked envelope may be readable now. */
  parked: null;
}

type Listener<Name extends keyof BellSounds> = (sound: BellSounds[Name]) => void;

export class Bells {
  /** What a listener throws goes here: whoever rings has done its own part. */
  onFailure: (cause: unknown) => void = () => undefined;
  readonly #listeners = new Map<keyof BellSounds, Listener<never>[]>();

  on<Name extends keyof BellSounds>(name: Name, listener: Listener<Name>): void {
    const listeners = this.#listeners.get(name) ?? [];
    this.#listeners.set(name, [...listeners, listener]);
  }

  ring<Name extends keyof BellSounds>(name: Name, sound: BellSounds[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as Listener<Name>)(sound);
      } catch (cause) {
        this.onFailure(cause);
      }
    }
  }
}
