import type { EngineCalls } from '@sotto/engine';
import { equalBytes, LogEntryKind } from '@sotto/wire';
import { StoredGroup_State } from '@sotto/wire/stored';
import type { ConversationRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef } from '../store/refs.ts';
import { groups } from '../store/tables.ts';
import { newPost } from './enqueue.ts';
import { intentsOf, putPost } from './rows.ts';
import type { WorkerParts } from './worker-parts.ts';

/** What goes into one commit. */
export interface CommitWish {
  /** Key packages, and whose they are. */
  readonly add: readonly { readonly keyPackage: Uint8Array; readonly account: Uint8Array }[];
  /** Leaves. */
  readonly remove: readonly number[];
  readonly policy: Uint8Array | null;
  readonly update: boolean;
  readonly revoked: NonNullable<EngineCalls['create-commit']['request']['revoked']>;
  /** Ids of the intents that it carries out. */
  readonly intents: readonly Uint8Array[];
}

export const noWish: CommitWish = { add: [], remove: [], policy: null, update: false, revoked: [], intents: [] };

export type CommitMaking =
  | { readonly kind: 'made' }
  | { readonly kind: 'nothing-to-do' }
  | { readonly kind: 'refused' }
  /** The group is not what it was when this was wished for, or a chain is not to be had for the moment. */
  | { readonly kind: 'later'; readonly reason: 'overtaken' | 'waiting-identity' };

const MOST_ROUNDS = 8;

/** Makes a commit, and stores it with everything that leaves once it counts; it is posted after that. */
export async function makeCommit(
  parts: WorkerParts,
  ref: ConversationRef,
  wish: CommitWish,
  signal: AbortSignal,
): Promise<CommitMaking> {
  const { core } = parts;
  const row = core.ledger.read((read) => groups.get(read, ref));
  if (row?.state !== StoredGroup_State.JOINED) return { kind: 'later', reason: 'overtaken' };
  const wanted = new Map<string, Uint8Array>();
  for (const { account } of [...wish.add, ...wish.revoked]) wanted.set(accountRef(account), account);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const { add, remove, policy, update, revoked } = wish;
    const outcome = await core.engine.performIf<'create-commit', boolean>(
      {
        request: {
          kind: 'create-commit',
          own: core.own.identity(),
          gateway: core.own.gateway,
          group: row.id,
          ...(add.length === 0 ? {} : { add: add.map(({ keyPackage }) => keyPackage) }),
          ...(remove.length === 0 ? {} : { remove }),
          ...(policy === null ? {} : { policy }),
          ...(update ? { update } : {}),
          ...(revoked.length === 0 ? {} : { revoked }),
          chains: parts.chains.known(wanted.values()),
          after: Number(row.barrier),
          now: core.clock.now(),
        },
        records: ['device/keys'],
        commit: (tx, result) => result.kind === 'made' && store(tx, parts, ref, row.epochKey, wish, result),
      },
      (result) => result.kind === 'made',
    );
    if (outcome.kind === 'committed') return outcome.value ? { kind: 'made' } : { kind: 'later', reason: 'overtaken' };
    const { result } = outcome;
    if (result.kind === 'nothing-to-do') return { kind: 'nothing-to-do' };
    if (result.kind !== 'need-chains') return { kind: 'refused' };
    for (const { account } of result.chains) wanted.set(accountRef(account), account);
    if (!(await parts.chains.find(result.chains, signal))) return { kind: 'later', reason: 'waiting-identity' };
  }
  return { kind: 'later', reason: 'waiting-identity' };
}

type Made = Extract<EngineCalls['create-commit']['result'], { kind: 'made' }>;

function store(
  tx: Tx,
  { core, changes }: WorkerParts,
  ref: ConversationRef,
  epochKey: Uint8Array,
  wish: CommitWish,
  { post, entryId, next }: Made,
): boolean {
  const group = groups.need(tx.write, ref);
  if (!equalBytes(group.epochKey, epochKey)) return false;
  const row = newPost(tx, group, {
    kind: LogEntryKind.COMMIT,
    post,
    entry: entryId,
    intents: [...wish.intents],
    welcomes: next.welcomes.map(({ account, device, welcome }) => ({ account, device, welcome })),
    tree: next.tree ?? new Uint8Array(0),
  });
  putPost(tx, row);
  for (const intent of intentsOf(tx.write, ref)) {
    if (!wish.intents.some((id) => equalBytes(id, intent.id))) continue;
    changes.wait(tx, intent, 'waiting-log', core.clock.now());
  }
  return true;
}
