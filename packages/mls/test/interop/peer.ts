import type { Client, Group, PendingCommit } from '@sotto/mls';

/** One member of a group, whatever the implementation; messages are MLSMessages. */
export interface Peer {
  readonly impl: string;
  readonly authenticator: Uint8Array;
  /** Leaves in use, ascending. */
  readonly leaves: readonly number[];
  readonly leaf: number;
  encrypt(data: Uint8Array): Promise<Uint8Array>;
  /** Application data, or null for anything else. */
  process(message: Uint8Array): Promise<Uint8Array | null>;
  commit(plan: Plan): Promise<{ readonly commit: Uint8Array; readonly welcome: Uint8Array | null }>;
  /** A proposal to remove a leaf; kept by its maker too. */
  proposeRemoval(leaf: number): Promise<Uint8Array>;
}

export interface Plan {
  /** KeyPackage messages. */
  readonly add: readonly Uint8Array[];
  readonly remove: readonly number[];
}

/** Someone who is not in yet. */
export interface Candidate {
  readonly keyPackage: Uint8Array;
  join(welcome: Uint8Array): Promise<Peer>;
}

export class SottoPeer implements Peer {
  readonly impl = 'sotto';
  readonly group: Group;

  constructor(group: Group) {
    this.group = group;
  }

  get authenticator(): Uint8Array {
    return this.group.epochAuthenticator;
  }

  get leaves(): number[] {
    return this.group.members().map(({ leaf }) => leaf);
  }

  get leaf(): number {
    return this.group.ownLeaf;
  }

  async encrypt(data: Uint8Array): Promise<Uint8Array> {
    return this.group.encrypt(data);
  }

  async process(message: Uint8Array): Promise<Uint8Array | null> {
    const got = this.group.process(message);
    return got.kind === 'application' ? got.data : null;
  }

  async commit({ add, remove }: Plan): Promise<{ readonly commit: Uint8Array; readonly welcome: Uint8Array | null }> {
    const builder = this.group.commit();
    for (const keyPackage of add) builder.add(keyPackage);
    for (const leaf of remove) builder.remove(leaf);
    const pending: PendingCommit = builder.create();
    this.group.merge(pending.digest);
    return { commit: pending.message, welcome: pending.welcome };
  }

  async proposeRemoval(leaf: number): Promise<Uint8Array> {
    return this.group.propose({ kind: 'remove', leaf });
  }
}

export function sottoCandidate(client: Client): Candidate {
  const bundle = client.createKeyPackage();
  return {
    keyPackage: bundle.message,
    join: async (welcome) => new SottoPeer(client.join({ welcome, keyPackages: [bundle] }).group),
  };
}
