/** A batch as it goes to a thread. */
export interface SealRequest {
  readonly cipherSuite: number;
  readonly label: string;
  readonly context: Uint8Array;
  /** Public keys. */
  readonly receivers: readonly Uint8Array[];
  /** Of each plaintext, bytes. */
  readonly lengths: readonly number[];
  /** One after another; the thread wipes them. */
  readonly plaintexts: Uint8Array<ArrayBuffer>;
}

export interface SealReply {
  readonly encapsulated: readonly Uint8Array[];
  readonly ciphertexts: readonly Uint8Array[];
}
