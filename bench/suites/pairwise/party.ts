/** One of two parties, as an application would run it: its records live serialised between operations. */
export interface Party {
  /** What a gateway hands out to start a session with this party; one-time keys are fresh. */
  bundle(): Promise<unknown>;
  /** Drops the session, to begin another one with the same peer. */
  forget(): void;
  /** Starts a session and encrypts the first message. */
  start(bundle: unknown, content: Uint8Array): Promise<Uint8Array>;
  /** Accepts the first message. */
  accept(sealed: Uint8Array): Promise<unknown>;
  encrypt(content: Uint8Array): Promise<Uint8Array>;
  decrypt(sealed: Uint8Array): Promise<unknown>;
}

/** A sender key at its owner and at one receiver. */
export interface SenderKeyPair {
  encrypt(content: Uint8Array): Promise<Uint8Array>;
  decrypt(sealed: Uint8Array): Promise<unknown>;
}

/** What an implementation to be measured exports. */
export interface PairwiseModule {
  readonly parties: () => Promise<readonly [Party, Party]>;
  readonly senderKey?: () => Promise<SenderKeyPair>;
}
