import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  accountId,
  decodeCommitInfo,
  decodeGroupPolicy,
  decodeLogContent,
  decodeMemberCredential,
  deviceId,
  encodeCommitInfo,
  encodeGroupPolicy,
  encodeLogContent,
  encodeMemberCredential,
  formatGatewayAddress,
  parseHost,
  statementHash,
  WireError,
} from '@sotto/wire';
import type { GroupRules } from '@sotto/wire';

const sized = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const gateway = formatGatewayAddress({
  host: parseHost('gateway.example'),
  port: 443,
  pin: new Uint8Array(32).fill(7),
});
const permission = fc.constantFrom('admins' as const, 'members' as const);
const hash = fc.option(sized(32));

const rules: fc.Arbitrary<GroupRules> = fc.record({
  name: fc.string({ maxLength: 40, unit: 'grapheme' }),
  description: fc.string({ maxLength: 40 }),
  pictureHash: hash,
  log: fc.record({ gateway: fc.constant(gateway), id: sized(32) }),
  protocol: fc.constantFrom('mls' as const, 'sender-keys' as const),
  roles: fc.uniqueArray(
    fc.record({ account: sized(32).map(accountId), role: fc.constantFrom('admin' as const, 'owner' as const) }),
    { maxLength: 5, selector: ({ account }) => account.join() },
  ),
  add: permission,
  edit: permission,
  send: permission,
  pin: permission,
  disappearSeconds: fc.nat(),
  rotateSeconds: fc.nat(),
  linkHash: hash,
  linkNeedsApproval: fc.boolean(),
  createdAt: fc.nat(),
});

const credential = fc.record({
  account: sized(32).map(accountId),
  device: sized(16).map(deviceId),
  head: fc.record({ sequence: fc.nat(), hash: sized(32).map(statementHash) }),
  gateway: fc.constant(gateway),
});

const content = fc.record({
  mls: fc.uint8Array({ minLength: 1, maxLength: 50 }),
  chains: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 }),
});

const revocations = fc.array(
  fc.record({ account: sized(32).map(accountId), sequence: fc.nat(), hash: sized(32).map(statementHash) }),
  { maxLength: 3 },
);

test('group messages: what is written is read, and there is one way to write it', () => {
  fc.assert(
    fc.property(rules, credential, content, revocations, (policy, member, entry, heads) => {
      const policyBytes = encodeGroupPolicy(policy);
      const read = decodeGroupPolicy(policyBytes);
      assert.deepEqual(read.roles.length, policy.roles.length);
      assert.deepEqual({ ...read, roles: [] }, { ...policy, log: { ...policy.log }, roles: [] });
      assert.deepEqual(encodeGroupPolicy(read), policyBytes);
      assert.deepEqual(decodeMemberCredential(encodeMemberCredential(member)), { ...member, head: { ...member.head } });
      assert.deepEqual(decodeLogContent(encodeLogContent(entry)), { ...entry });
      assert.deepEqual(decodeCommitInfo(encodeCommitInfo({ revocations: heads })), {
        revocations: heads.map((head) => ({ ...head })),
      });
    }),
    { numRuns: 100 },
  );
});

test('group messages: a changed byte is refused with a code, or means something else that is written that way', () => {
  const codecs = [
    { valid: rules.map(encodeGroupPolicy), again: (b: Uint8Array) => encodeGroupPolicy(decodeGroupPolicy(b)) },
    {
      valid: credential.map(encodeMemberCredential),
      again: (b: Uint8Array) => encodeMemberCredential(decodeMemberCredential(b)),
    },
    { valid: content.map(encodeLogContent), again: (b: Uint8Array) => encodeLogContent(decodeLogContent(b)) },
    {
      valid: revocations.map((heads) => encodeCommitInfo({ revocations: heads })),
      again: (b: Uint8Array) => encodeCommitInfo(decodeCommitInfo(b)),
    },
  ];
  for (const { valid, again } of codecs) {
    fc.assert(
      fc.property(valid, fc.nat(), fc.nat(255), fc.constantFrom('flip', 'cut', 'add'), (bytes, at, value, how) => {
        const changed = mutate(bytes, at, value, how);
        try {
          assert.deepEqual(again(changed), changed);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }),
      { numRuns: 200 },
    );
  }
});

function mutate(bytes: Uint8Array, at: number, value: number, how: string): Uint8Array {
  const place = bytes.length === 0 ? 0 : at % bytes.length;
  if (how === 'cut') return bytes.slice(0, place);
  if (how === 'add') return Uint8Array.from([...bytes.slice(0, place), value, ...bytes.slice(place)]);
  const changed = bytes.slice();
  if (changed.length > 0) changed[place] = value;
  return changed;
}

test('a policy names an account once, in order, with a role that there is', () => {
  const [policy] = fc.sample(rules, 1);
  assert.ok(policy);
  const account = accountId(new Uint8Array(32).fill(1));
  const twice = [
    { account, role: 'admin' as const },
    { account, role: 'owner' as const },
  ];
  assert.throws(() => encodeGroupPolicy({ ...policy, roles: twice }), { code: 'not_canonical' });
  assert.throws(() => encodeGroupPolicy({ ...policy, name: 'x'.repeat(129) }), { code: 'too_large' });
});
