import type { GroupDevice, GroupHead } from '@sotto/engine';
import { activeDevice } from '@sotto/identity';
import type { VaultReader } from '@sotto/vault';
import { accountId, deviceId, equalBytes } from '@sotto/wire';
import { StoredGroup_State } from '@sotto/wire/stored';
import type { StoredGroup } from '@sotto/wire/stored';
import { findContact } from '../contacts/rows.ts';
import type { ConversationRef } from '../refs.ts';
import { deviceOf, deviceRef } from '../store/refs.ts';
import { groups, ownDevices } from '../store/tables.ts';
import { noWish } from './make-commit.ts';
import type { CommitWish } from './make-commit.ts';
import { eachMember, findMember, requireRules } from './rows.ts';
import type { Candidate } from './plan-intent.ts';
import type { WorkerParts } from './worker-parts.ts';

const DEFAULT_ROTATE_SECONDS = 7 * 86_400;

export type Chore = { readonly kind: 'do' } | { readonly kind: 'at'; readonly at: number } | { readonly kind: 'none' };

/** What any member, or any own device, could do for the group; each waits its turn, so that mostly one does. */
interface Due {
  readonly add: readonly Candidate[];
  readonly remove: readonly GroupDevice[];
  readonly revoked: CommitWish['revoked'];
  readonly proposals: boolean;
  /** Turns to wait. */
  readonly rank: number;
}

/**
 * Keeps a group in step with its members' chains: own devices that are new come in, revoked ones go, proposed removals
 * are taken in, own keys are renewed by schedule. Nothing is stored: it all follows from the group and the chains.
 */
export class Housekeeping {
  readonly #parts: WorkerParts;
  readonly #ref: ConversationRef;
  /** To be looked at anew. */
  #unclear = true;
  #due: (Due & { readonly at: number }) | null = null;
  #failures = 0;

  constructor(parts: WorkerParts, ref: ConversationRef) {
    this.#parts = parts;
    this.#ref = ref;
  }

  /** The group or a chain changed. */
  moved(): void {
    this.#unclear = true;
    this.#due = null;
  }

  next(read: VaultReader, group: StoredGroup): Chore {
    void read;
    if (this.#unclear) return { kind: 'do' };
    const now = this.#parts.core.clock.now();
    const rotate = this.#rotateAt(group);
    const at = Math.min(this.#due?.at ?? Infinity, rotate);
    if (at === Infinity) return { kind: 'none' };
    return at <= now ? { kind: 'do' } : { kind: 'at', at };
  }

  /** Whether the commit was made; else it is tried again later. */
  tried(made: boolean): void {
    this.#failures = made ? 0 : this.#failures + 1;
    this.#due = null;
    this.#unclear = made;
    if (made) return;
    const { clock, settings } = this.#parts.core;
    const wait = Math.min(settings.retryMostMs, settings.retryBaseMs * 2 ** Math.min(this.#failures, 16));
    this.#due = { add: [], remove: [], revoked: [], proposals: false, rank: 0, at: clock.now() + wait };
  }

  /** Looks at what is due, and gives it back once it is this device's turn. */
  async wish(signal: AbortSignal): Promise<CommitWish | null> {
    const { core, packages } = this.#parts;
    const now = core.clock.now();
    const looked = this.#due === null || this.#unclear || this.#due.at <= now ? await this.#look() : null;
    this.#unclear = false;
    const group = core.ledger.read((read) => groups.get(read, this.#ref));
    if (group?.state !== StoredGroup_State.JOINED) return null;
    const rotate = this.#rotateAt(group) <= now;
    if (looked === null && !rotate) {
      this.#due = null;
      return null;
    }
    if (looked !== null) {
      const at = this.#due?.rank === looked.rank ? this.#due.at : now + looked.rank * core.settings.groupRankMs;
      if (at > now && !rotate) {
        this.#due = { ...looked, at };
        return null;
      }
    }
    const due = looked ?? { add: [], remove: [], revoked: [], proposals: false, rank: 0 };
    const found = await packages.gather(this.#ref, due.add, signal);
    const add = found.flatMap((each) => (each.kind === 'found' ? [each] : []));
    const nothing = add.length === 0 && due.remove.length === 0 && !due.proposals && !rotate;
    if (nothing) {
      // A new device's keys are not there yet.
      this.tried(false);
      return null;
    }
    const remove = due.remove.map(({ leaf }) => leaf);
    return { ...noWish, add, remove, revoked: due.revoked, update: rotate || due.proposals };
  }

  #rotateAt(group: StoredGroup): number {
    if (group.ownKeysAt === 0n) return Infinity;
    const seconds = requireRules(group).rotateSeconds || DEFAULT_ROTATE_SECONDS;
    return Number(group.ownKeysAt) + seconds * 1000;
  }

  async #look(): Promise<Due | null> {
    const { core } = this.#parts;
    const row = core.ledger.read((read) => groups.get(read, this.#ref));
    if (row?.state !== StoredGroup_State.JOINED) return null;
    const { head } = await core.engine.ask({ kind: 'group-head', group: row.id }, []);
    const proposals = removals(head);
    const { add, remove, revoked, own } = core.ledger.read((read) => this.#compare(read));
    if (proposals.length === 0 && add.length === 0 && remove.length === 0) return null;
    // Own devices are the account's own affair: its first one in the group does it.
    const isOwn = proposals.length === 0 && remove.every((each) => equalBytes(each.account, core.self.account));
    const rank = isOwn ? own : await this.#rank(row.id, head);
    return { add, remove, revoked, proposals: proposals.length > 0, rank };
  }

  async #rank(group: Uint8Array, head: GroupHead): Promise<number> {
    const { members } = await this.#parts.core.engine.ask({ kind: 'group-members', group }, []);
    return members.find((member) => member.leaf === head.ownLeaf)?.rank ?? 0;
  }

  /** Members' devices as the group has them, beside what their chains say. */
  #compare(read: VaultReader) {
    const { core, acquaintances } = this.#parts;
    const add: Candidate[] = [];
    const remove: GroupDevice[] = [];
    const revoked: { account: Uint8Array; head: { sequence: number; hash: Uint8Array } }[] = [];
    for (const member of eachMember(read, this.#ref)) {
      const account = accountId(member.account);
      const isOwn = equalBytes(account, core.self.account);
      // Others' chains that this device does not follow are the business of those who do.
      if (!isOwn && findContact(read, account) === null) continue;
      const view = acquaintances.view(read, account);
      if (view === null) continue;
      const gone = member.leaves.filter((leaf) => activeDevice(view, deviceId(leaf.device)) === null);
      for (const leaf of gone) remove.push({ leaf: leaf.index, account, device: leaf.device });
      if (gone.length > 0) revoked.push({ account, head: { sequence: view.head.sequence, hash: view.head.hash } });
    }
    const self = findMember(read, this.#ref, core.self.account);
    const leaves = self?.leaves ?? [];
    for (const ref of core.own.otherDevices()) {
      const device = deviceOf(ref);
      if (leaves.some((leaf) => equalBytes(leaf.device, device))) continue;
      if (ownDevices.get(read, ref)?.opened === true) add.push({ account: core.self.account, device });
    }
    const order = leaves
      .map((leaf) => deviceRef(leaf.device))
      .filter((ref) => ref === core.self.deviceRef || core.own.otherDevices().includes(ref));
    return { add, remove, revoked, own: Math.max(0, order.indexOf(core.self.deviceRef)) };
  }
}

function removals({ proposals }: GroupHead): GroupHead['proposals'] {
  return proposals.filter((proposal) => proposal.kind === 'remove');
}
