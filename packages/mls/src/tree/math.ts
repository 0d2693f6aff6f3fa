/**
 * Array-based trees, RFC 9420 appendix C. Node 2i is leaf i; parents are odd. Trees are full: a width of 2^d leaves and
 * 2^(d+1) - 1 nodes. Indices stay below 2^31, which the largest width allowed here respects.
 */

/** Leaves a tree may have room for: far beyond any group, and node indices stay small integers. */
export const MAX_LEAVES = 2 ** 24;

/** The level of a node: 0 for leaves. */
export function level(node: number): number {
  return 31 - Math.clz32(~node & (node + 1));
}

/** Nodes of a tree with room for `leaves` leaves, a power of two. */
export function nodeWidth(leaves: number): number {
  return 2 * leaves - 1;
}

export function root(leaves: number): number {
  return leaves - 1;
}

export function left(node: number): number {
  return node ^ (1 << (level(node) - 1));
}

export function right(node: number): number {
  return node ^ (3 << (level(node) - 1));
}

/** The parent in a tree where there is one. */
export function parent(node: number): number {
  const height = level(node);
  return (node | (1 << height)) & ~(2 << height);
}

export function sibling(node: number): number {
  const above = parent(node);
  return node < above ? right(above) : left(above);
}

/** Parents from just above `node` to the root. */
export function directPath(node: number, leaves: number): number[] {
  const path: number[] = [];
  const top = root(leaves);
  for (let at = node; at !== top;) {
    at = parent(at);
    path.push(at);
  }
  return path;
}

/** Whether `node` is `ancestor` or below it. */
export function isBelow(node: number, ancestor: number): boolean {
  const span = (1 << level(ancestor)) - 1;
  return node >= ancestor - span && node <= ancestor + span;
}

/** The lowest node above both leaves (node indices), or the node itself when they are equal. */
export function commonAncestor(a: number, b: number): number {
  let at = a;
  while (!isBelow(b, at)) at = parent(at);
  return at;
}

/** First and last leaf index below `node`. */
export function leafSpan(node: number): readonly [first: number, last: number] {
  const span = (1 << level(node)) - 1;
  return [(node - span) / 2, (node + span) / 2];
}

/** The least power of two that is not below `count`. */
export function fullWidth(count: number): number {
  return count <= 1 ? 1 : 2 ** (32 - Math.clz32(count - 1));
}
