import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { activeDevices, replay, signStatement } from '@sotto/identity';
import type { ChainState, Statement } from '@sotto/identity';
import { equalBytes, idHex } from '@sotto/wire';
import { account, addition, crypto, device, heads, viewOf } from './support.ts';
import type { TestAccount, TestDevice } from './support.ts';

/** One statement of a random tree: on which one it stands, who signs, what it says. */
const step = fc.record({ on: fc.nat(), by: fc.nat(), what: fc.constantFrom('add', 'revoke'), target: fc.nat() });

/** A statement with the path that leads to it. */
interface Grown {
  readonly path: readonly Statement[];
  readonly state: ChainState;
}

/** Grows a tree of valid statements: whoever may sign at a place signs there. */
function grow(alice: TestAccount, steps: readonly { on: number; by: number; what: string; target: number }[]): Grown[] {
  const devices = new Map<string, TestDevice>([[idHex(alice.first.id), alice.first]]);
  const grown: Grown[] = [{ path: [alice.genesis], state: viewOf([alice.genesis]) }];
  for (const { on, by, what, target } of steps) {
    const { path, state } = grown[on % grown.length]!;
    const active = activeDevices(state);
    const signers = [alice.keys.account, ...active.map((e) => devices.get(idHex(e.certificate.device))!.keys.ed25519)];
    const signer = signers[by % signers.length]!;
    const added = device();
    devices.set(idHex(added.id), added);
    const revoked = active[target % Math.max(1, active.length)]?.certificate.device;
    const body =
      what === 'revoke' && revoked !== undefined
        ? ({ kind: 'revoke-device', device: revoked, reason: 'removed' } as const)
        : addition(alice, added);
    const statement = signStatement(crypto, state, signer, body, 0);
    if (grown.some((other) => equalBytes(other.path.at(-1)!.hash, statement.hash))) continue;
    const longer = [...path, statement];
    grown.push({ path: longer, state: viewOf(longer) });
  }
  return grown;
}

/** The rule in other words: an order of children by text, and a walk from the root. */
function expectedPath(alice: TestAccount, grown: readonly Grown[]): { path: Statement[]; equivocates: boolean } {
  const childrenOf = (parent: Statement) =>
    grown.filter(({ path }) => path.at(-1)!.previous !== null && equalBytes(path.at(-1)!.previous!, parent.hash));
  const twice = (children: readonly Grown[], child: Grown) =>
    children.some((other) => other !== child && equalBytes(signerOf(other), signerOf(child)));
  const path = [alice.genesis];
  for (;;) {
    const children = childrenOf(path.at(-1)!);
    const ranked = children
      .filter((child) => !twice(children, child))
      .map((child) => ({ child, rank: rankOf(alice, child) }))
      .toSorted((a, b) => (a.rank < b.rank ? -1 : 1));
    if (ranked[0] === undefined) break;
    path.push(ranked[0].child.path.at(-1)!);
  }
  const equivocates = grown.some(({ path: [...all] }) => {
    const children = childrenOf(all.at(-1)!);
    return children.some((child) => twice(children, child));
  });
  return { path, equivocates };
}

function signerOf({ path }: Grown): Uint8Array {
  return path.at(-1)!.signers[0]!;
}

/** Account before device, revocation before addition, low sequence of certification before high. */
function rankOf(alice: TestAccount, child: Grown): string {
  const signer = signerOf(child);
  const byAccount = equalBytes(signer, alice.keys.account.publicKey);
  const kind = child.path.at(-1)!.body.kind === 'revoke-device' ? 'a' : 'b';
  const entry = [...child.state.devices.values()].find((e) => equalBytes(e.certificate.ed25519, signer));
  return `${byAccount ? 'a' : 'b'}${kind}${String(entry?.certifiedBy.sequence ?? 0).padStart(4, '0')}`;
}

test('R-ID-1 any tree of concurrent statements, in any order and repeated, is judged alike by everyone', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 9, size: 'max' }),
      fc.infiniteStream(fc.nat()),
      (steps, picks) => {
        const alice = account();
        const grown = grow(alice, steps);
        const statements = grown.map(({ path }) => path.at(-1)!.bytes);
        const expected = expectedPath(alice, grown);
        const result = replay(crypto, statements);
        assert.deepEqual(
          result.view.statements.map(({ hash }) => idHex(hash)),
          expected.path.map(({ hash }) => idHex(hash)),
        );
        assert.equal(result.kind, expected.equivocates ? 'equivocation' : 'consistent');
        assert.equal(result.view.statements.length + result.view.void.length, statements.length);
        const shuffled = statements
          .map((bytes) => ({ bytes, key: picks.next().value! }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ bytes }) => bytes);
        assert.deepEqual(heads(replay(crypto, [...shuffled, shuffled[0]!])), heads(result));
      },
    ),
    { numRuns: 60 },
  );
});
