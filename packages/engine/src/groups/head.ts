import type { CryptoProvider } from '@sotto/crypto';
import type { Group } from '@sotto/mls';
import { compareBytes, concatBytes } from '@sotto/wire';
import type { GroupHead, GroupMember } from '../mls-calls.ts';
import { EngineError } from '../error.ts';
import { credentialOf } from './credentials.ts';
import { policyOf, proposalOf } from './effects.ts';
import type { LogState } from './log-state.ts';
import { roleOf } from './rules.ts';

/** Where a group stands. */
export function headOf(group: Group, state: LogState): GroupHead {
  return {
    group: group.groupId.slice(),
    status: state.standing,
    epoch: state.current.epoch,
    epochKey: state.current.publicKey.slice(),
    ownLeaf: group.ownLeaf,
    suite: group.cipherSuite,
    policy: policyOf(group).bytes.slice(),
    authenticator: group.epochAuthenticator,
    pendingCommits: state.commits.map(({ entry }) => entry.slice()),
    proposals: state.standing === 'active' ? group.proposals().flatMap((sent) => proposalOf(group, sent) ?? []) : [],
  };
}

/** Leaves whose seats a head names, to be asked for at once. */
export function leavesOfProposals(group: Group): number[] {
  return group
    .proposals()
    .flatMap(({ proposal, sender }) => [
      ...(sender.kind === 'member' ? [sender.leaf] : []),
      ...(proposal.kind === 'remove' ? [proposal.leaf] : []),
    ]);
}

/** In order of leaves. */
export function membersOf(crypto: CryptoProvider, group: Group): GroupMember[] {
  const { rules } = policyOf(group);
  const authenticator = group.epochAuthenticator;
  const members = group.members();
  const order = members
    .map(({ leaf }) => ({ leaf, place: crypto.hash('sha256', concatBytes(authenticator, uint32(leaf))) }))
    .toSorted((a, b) => compareBytes(a.place, b.place));
  const ranks = new Map(order.map(({ leaf }, rank) => [leaf, rank]));
  return members.map(({ leaf, credential: raw }) => {
    const credential = credentialOf(raw);
    if (credential === null) throw new EngineError('damaged_record', 'a member of a group has no credential');
    const { account, device, head, gateway } = credential;
    return { leaf, account, device, head, gateway, role: roleOf(rules, account), rank: ranks.get(leaf) ?? 0 };
  });
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
