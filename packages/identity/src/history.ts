import { compareBytes, equalBytes, idHex } from '@sotto/wire';
import { IdentityError } from './error.ts';
import { MAX_STATEMENTS } from './limits.ts';
import type { Statement } from './statement.ts';
import { advance, begin } from './transition.ts';
import type { Authority } from './transition.ts';
import type { ChainState, Equivocation } from './view.ts';

/** A statement in the tree of everything known, with the state after it. */
export interface HistoryNode {
  readonly statement: Statement;
  readonly authority: Authority;
  readonly state: ChainState;
  readonly children: readonly HistoryNode[];
}

/** Everything known of one account: a tree, because concurrent statements stand on the same one. */
export interface History {
  readonly root: HistoryNode;
  /** By `idHex` of the statement's hash. */
  readonly nodes: ReadonlyMap<string, HistoryNode>;
}

type Growing = HistoryNode & { readonly children: HistoryNode[] };

/**
 * Builds the tree from parsed statements in any order, duplicates allowed. The same body signed by several (or with
 * several signatures) is one statement, kept in the form of the highest authority. Each is judged by the state of its
 * own branch. Throws `IdentityError` for any that has no place: nothing invalid is passed over in silence.
 */
export function buildHistory(statements: readonly Statement[]): History {
  if (statements.length > MAX_STATEMENTS) throw new IdentityError('too_large', 'too many statements');
  // Parents first; then the order of input no longer matters.
  const ordered = statements.toSorted(
    (a, b) =>
      Number(a.previous !== null) - Number(b.previous !== null) ||
      a.sequence - b.sequence ||
      compareBytes(a.bytes, b.bytes),
  );
  const [first] = ordered;
  if (first === undefined) throw new IdentityError('genesis', 'no statements');
  const root: Growing = { statement: first, authority: { kind: 'account' }, state: begin(first), children: [] };
  const nodes = new Map<string, Growing>([[idHex(first.hash), root]]);
  for (const statement of ordered) add(nodes, root, statement);
  return { root, nodes };
}

function add(nodes: Map<string, Growing>, root: Growing, statement: Statement): void {
  if (statement.previous === null) {
    if (!equalBytes(statement.hash, root.statement.hash)) throw new IdentityError('genesis', 'a second Genesis');
    begin(statement);
    return;
  }
  if (!equalBytes(statement.account, root.statement.account)) {
    throw new IdentityError('wrong_account', 'a statement of another account');
  }
  const parent = nodes.get(idHex(statement.previous));
  if (parent === undefined) throw new IdentityError('missing_previous', 'the statement before is not known');
  const { state, authority } = advance(parent.state, statement);
  const key = idHex(statement.hash);
  const known = nodes.get(key);
  if (known === undefined) {
    const node: Growing = { statement, authority, state, children: [] };
    parent.children.push(node);
    nodes.set(key, node);
  } else if (compareAuthority(authority, known.authority) < 0) {
    // All siblings are there before any child: a child's sequence is higher, so this one has no children yet.
    const node: Growing = { statement, authority, state, children: [] };
    parent.children.splice(parent.children.indexOf(known), 1, node);
    nodes.set(key, node);
  }
}

function compareAuthority(a: Authority, b: Authority): number {
  return rankOf(a) - rankOf(b);
}

function rankOf(authority: Authority): number {
  return authority.kind === 'account' ? -1 : authority.seniority;
}

/** Sibling rule: account key over device, revocation over addition, older device over younger. Lower comes first. */
function compareSiblings(a: HistoryNode, b: HistoryNode): number {
  const byAccount = Number(b.authority.kind === 'account') - Number(a.authority.kind === 'account');
  const byKind = Number(isRevocation(b)) - Number(isRevocation(a));
  return byAccount || byKind || compareAuthority(a.authority, b.authority);
}

function isRevocation(node: HistoryNode): boolean {
  return node.statement.body.kind === 'revoke-device';
}

/** Statements on the same one by the same signer. */
export function equivocationsOn(node: HistoryNode): Equivocation[] {
  const bySigner = new Map<string, HistoryNode[]>();
  for (const child of node.children) {
    for (const signer of child.statement.signers) {
      const key = idHex(signer);
      bySigner.set(key, [...(bySigner.get(key) ?? []), child]);
    }
  }
  return [...bySigner.values()]
    .filter((children) => children.length > 1)
    .map((children) => {
      const statements = children.map((child) => child.statement).toSorted((a, b) => compareBytes(a.hash, b.hash));
      const [signer = new Uint8Array()] = statements[0]?.signers ?? [];
      return { signer, on: node.state.head, statements };
    });
}

/** The child in force, or null at the end. Children of an equivocating signer are never in force. */
export function winner(node: HistoryNode): HistoryNode | null {
  const excluded = new Set(equivocationsOn(node).flatMap(({ statements }) => statements));
  const [best = null] = node.children.filter((child) => !excluded.has(child.statement)).toSorted(compareSiblings);
  return best;
}
