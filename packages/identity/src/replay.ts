import type { CryptoProvider } from '@sotto/crypto';
import { equalBytes, idHex } from '@sotto/wire';
import { IdentityError } from './error.ts';
import { buildHistory, equivocationsOn, winner } from './history.ts';
import type { History, HistoryNode } from './history.ts';
import { MAX_STATEMENTS } from './limits.ts';
import { readStatement } from './statement-codec.ts';
import type { Statement } from './statement.ts';
import type { AccountView, ChainState, Position, ReplayResult } from './view.ts';

/**
 * What serialised statements say about an account: a pure function of the set of them, whatever their order. Among
 * concurrent statements the sibling rule decides and losers are void; two by one signer on the same statement are an
 * equivocation. Throws `IdentityError` if any statement is invalid, foreign or without its predecessor.
 */
export function replay(crypto: CryptoProvider, statements: readonly Uint8Array[]): ReplayResult {
  return judge(buildHistory(readAll(crypto, statements)));
}

/**
 * The view with more statements: the same as replaying all, verifying only what is new. Statements already known are
 * ignored. Throws as `replay`; then `view` still stands.
 */
export function extend(crypto: CryptoProvider, view: AccountView, statements: readonly Uint8Array[]): ReplayResult {
  const known = [...view.history.nodes.values()].map((node) => node.statement);
  const fresh = statements.filter((bytes) => !known.some((statement) => equalBytes(statement.bytes, bytes)));
  if (known.length + fresh.length > MAX_STATEMENTS) throw new IdentityError('too_large', 'too many statements');
  return judge(buildHistory([...known, ...readAll(crypto, fresh)]));
}

/** Where a position stands in a view. */
export type PositionLookup =
  /** In force; `state` is the account up to there. */
  | { readonly kind: 'known'; readonly state: ChainState }
  /** It lost against a sibling, or stands on one that did. */
  | { readonly kind: 'void'; readonly state: ChainState }
  /** Further than this view: fetch the statements between. */
  | { readonly kind: 'ahead' }
  /** No further, and not among everything known: somebody shows another history. */
  | { readonly kind: 'fork' };

/** The account's state up to a position, so that everyone judges by the same statements. */
export function stateAt(view: AccountView, position: Position): PositionLookup {
  const node = view.history.nodes.get(idHex(position.hash));
  if (node !== undefined && node.statement.sequence === position.sequence) {
    const inForce = view.statements[position.sequence];
    const known = inForce !== undefined && equalBytes(inForce.hash, position.hash);
    return { kind: known ? 'known' : 'void', state: node.state };
  }
  return { kind: node === undefined && position.sequence > view.head.sequence ? 'ahead' : 'fork' };
}

function readAll(crypto: CryptoProvider, statements: readonly Uint8Array[]): Statement[] {
  if (statements.length > MAX_STATEMENTS) throw new IdentityError('too_large', 'too many statements');
  return statements.map((bytes) => readStatement(crypto, bytes));
}

function judge(history: History): ReplayResult {
  const path: HistoryNode[] = [];
  for (let node: HistoryNode | null = history.root; node !== null; node = winner(node)) path.push(node);
  const last = path.at(-1) ?? history.root;
  const inForce = new Set(path);
  const nodes = [...history.nodes.values()];
  const view: AccountView = {
    ...last.state,
    statements: path.map((node) => node.statement),
    void: nodes.filter((node) => !inForce.has(node)).map((node) => node.statement),
    history,
  };
  const evidence = nodes.flatMap(equivocationsOn);
  return evidence.length === 0 ? { kind: 'consistent', view } : { kind: 'equivocation', view, evidence };
}
