/** What the benchmark asks of an implementation; messages are MLSMessages. */
export interface Implementation {
  readonly impl: string;
  /** A newcomer with a key package. */
  newcomer(index: number): Promise<Newcomer>;
  create(founder: Newcomer): Promise<Member>;
  /** Two members of a group of `members` in whose tree every parent has a key. */
  inFullTree(members: number): Promise<readonly [Member, Member]>;
}

export interface Newcomer {
  readonly keyPackage: Uint8Array;
  join(welcome: Uint8Array): Promise<Member>;
}

export interface Member {
  /** Adds all in one commit, and takes it. */
  addAll(keyPackages: readonly Uint8Array[]): Promise<{ readonly welcome: Uint8Array }>;
  encrypt(text: Uint8Array): Promise<Uint8Array>;
  /** Of a text or a commit. */
  process(message: Uint8Array): Promise<void>;
  /** A commit with a path and nothing else; `take` goes on to its epoch. */
  update(): Promise<{ readonly commit: Uint8Array; readonly take: () => void }>;
  remove(leaf: number): Promise<{ readonly commit: Uint8Array; readonly take: () => void }>;
  /** What is to be stored after the last operation, bytes. */
  stateBytes(): number;
}
