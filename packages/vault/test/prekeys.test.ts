import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import {
  EMPTY_INVENTORY,
  PREKEY_SCHEDULE,
  prekeyPlan,
  readInventory,
  withMade,
  without,
  withUploaded,
  writeInventory,
} from '@sotto/vault';
import type { Prekey, PrekeyInventory, PrekeyKind, PrekeyPlan } from '@sotto/vault';
import { bytes, DAY, TestVault } from './support.ts';

const NOW = Date.UTC(2030, 0, 1);
const LASTING: readonly PrekeyKind[] = ['signed', 'last-resort-kem', 'sealing'];

/** What the engine does when it is asked for prekeys: expiry after 30 days, private halves kept 8 days longer. */
function make({ lasting, oneTime, firstId }: NonNullable<PrekeyPlan['make']>, now: number): Prekey[] {
  const kinds: PrekeyKind[] = lasting ? [...LASTING] : [];
  for (let i = 0; i < oneTime; i++) kinds.push('one-time', 'one-time-kem');
  return kinds.map((kind, i) => {
    const id = firstId + i;
    return { kind, id, expiresAt: now + 30 * DAY, keptUntil: now + 38 * DAY, entry: bytes(`entry ${id}`) };
  });
}

function made(inventory: PrekeyInventory, now: number): PrekeyInventory {
  const plan = prekeyPlan(inventory, null, now);
  return plan.make === null ? inventory : withMade(inventory, make(plan.make, now), now);
}

function uploaded(inventory: PrekeyInventory): PrekeyInventory {
  return withUploaded(inventory, new Set(inventory.prekeys.map(({ id }) => id)));
}

const FULL = { oneTime: 100, oneTimeKem: 100 };

suite('R-PAIR-4 prekey plan', () => {
  test('a new device makes its lasting prekeys and a full stock before it ever asks a gateway', () => {
    const plan = prekeyPlan(EMPTY_INVENTORY, null, NOW);
    assert.deepEqual(plan.make, { lasting: true, oneTime: 100, firstId: 1 });
    const next = prekeyPlan(made(EMPTY_INVENTORY, NOW), null, NOW);
    assert.equal(next.make, null);
    assert.equal(next.upload.length, 203);
  });

  test('what was uploaded is not uploaded again; what was not is, until it expires', () => {
    const inventory = made(EMPTY_INVENTORY, NOW);
    assert.equal(prekeyPlan(uploaded(inventory), FULL, NOW).upload.length, 0);
    assert.equal(prekeyPlan(inventory, FULL, NOW + DAY).upload.length, 203);
    assert.equal(prekeyPlan(inventory, FULL, NOW + 31 * DAY).upload.length, 0);
  });

  test('lasting prekeys are rotated after a week, the plan says when, and only the newest are uploaded', () => {
    const inventory = uploaded(made(EMPTY_INVENTORY, NOW));
    const before = prekeyPlan(inventory, FULL, NOW + 7 * DAY - 1);
    assert.equal(before.make, null);
    assert.equal(before.nextAt, NOW + 7 * DAY);
    const due = prekeyPlan(inventory, FULL, NOW + 7 * DAY);
    assert.deepEqual(due.make, { lasting: true, oneTime: 0, firstId: 204 });
    const second = made(inventory, NOW + 7 * DAY);
    const third = made(second, NOW + 14 * DAY);
    assert.deepEqual(
      prekeyPlan(third, FULL, NOW + 14 * DAY).upload.map(({ id }) => id),
      [207, 208, 209],
    );
  });

  test('a rotation that claims to lie in the future is repeated', () => {
    const inventory = uploaded(made(EMPTY_INVENTORY, NOW + 400 * DAY));
    assert.equal(prekeyPlan(inventory, FULL, NOW).make?.lasting, true);
    assert.equal(prekeyPlan(inventory, FULL, NOW + 400 * DAY - 1000).make, null, 'a little skew is none');
  });

  test('one-time prekeys are refilled to 100 below 20, counting those that wait for an upload', () => {
    const inventory = uploaded(made(EMPTY_INVENTORY, NOW));
    const stock = (oneTime: number, oneTimeKem = oneTime) => prekeyPlan(inventory, { oneTime, oneTimeKem }, NOW);
    assert.equal(stock(20).make, null);
    assert.deepEqual([stock(20).low, stock(19).low, stock(100, 3).low], [false, true, true]);
    assert.equal(stock(19).make?.oneTime, 81);
    assert.equal(stock(100, 3).make?.oneTime, 97);
    const refilled = withMade(inventory, make(stock(0).make!, NOW), NOW);
    assert.equal(prekeyPlan(refilled, { oneTime: 0, oneTimeKem: 0 }, NOW).make, null);
  });

  test('a gateway that always says it has none cannot fill a device with keys', () => {
    let inventory = uploaded(made(EMPTY_INVENTORY, NOW));
    for (let i = 0; i < 50; i++) {
      const plan = prekeyPlan(inventory, { oneTime: 0, oneTimeKem: 0 }, NOW);
      if (plan.make !== null) inventory = uploaded(withMade(inventory, make(plan.make, NOW), NOW));
    }
    assert.equal(inventory.prekeys.length, 3 + 2 * PREKEY_SCHEDULE.mostKept);
  });

  test('private halves go when their time is over, but never the newest lasting ones that the gateway has', () => {
    const first = uploaded(made(EMPTY_INVENTORY, NOW));
    const late = NOW + 100 * DAY;
    assert.equal(prekeyPlan(first, null, NOW + 38 * DAY - 1).remove.length, 0);
    assert.equal(prekeyPlan(first, null, late).remove.length, 200, 'people still have only these to write to');
    const second = made(first, late);
    assert.equal(prekeyPlan(second, null, late).remove.length, 200, 'not uploaded yet');
    assert.equal(prekeyPlan(uploaded(second), null, late).remove.length, 203);
    assert.equal(without(second, new Set([1, 2, 3])).prekeys.length, second.prekeys.length - 3);
  });

  test('over months of any use: ids are never reused, a week is never exceeded, keys are kept and removed in time', () => {
    const step = fc.record({
      days: fc.double({ min: 0, max: 12, noNaN: true }),
      fetched: fc.nat(60),
      online: fc.boolean(),
      uploadFails: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let now = NOW;
        let inventory = EMPTY_INVENTORY;
        const atGateway = new Map<number, Prekey>();
        const everMade = new Set<number>();
        for (const { days, fetched, online, uploadFails } of steps) {
          now += Math.round(days * DAY);
          for (const kind of ['one-time', 'one-time-kem'] as const) {
            const ofKind = [...atGateway.values()].filter((prekey) => prekey.kind === kind).slice(0, fetched);
            for (const { id } of ofKind) atGateway.delete(id);
            // Half of what was fetched is used: the engine deletes those private keys itself.
            inventory = without(inventory, new Set(ofKind.filter((_, i) => i % 2 === 0).map(({ id }) => id)));
          }
          const count = (kind: PrekeyKind) => [...atGateway.values()].filter((prekey) => prekey.kind === kind).length;
          const stock = online ? { oneTime: count('one-time'), oneTimeKem: count('one-time-kem') } : null;
          const plan = prekeyPlan(inventory, stock, now);
          for (const id of plan.remove) {
            const prekey = inventory.prekeys.find((each) => each.id === id)!;
            assert.ok(prekey.keptUntil <= now);
          }
          inventory = without(inventory, new Set(plan.remove));
          if (plan.make !== null) {
            const fresh = make(plan.make, now);
            for (const { id } of fresh) {
              assert.ok(!everMade.has(id), 'an id was used twice');
              everMade.add(id);
            }
            inventory = withMade(inventory, fresh, now);
          }
          if (online && !uploadFails) {
            const { upload } = prekeyPlan(inventory, stock, now);
            for (const prekey of upload) {
              if (LASTING.includes(prekey.kind)) {
                for (const { id, kind } of atGateway.values()) if (kind === prekey.kind) atGateway.delete(id);
              }
              atGateway.set(prekey.id, prekey);
            }
            inventory = withUploaded(inventory, new Set(upload.map(({ id }) => id)));
            assert.ok(count('one-time') >= PREKEY_SCHEDULE.lowStock || inventory.prekeys.length >= 2000);
          }
          const after = prekeyPlan(inventory, stock, now);
          assert.ok(inventory.rotatedAt !== null && now - inventory.rotatedAt < 7 * DAY);
          assert.ok(after.nextAt === null || after.nextAt > now);
          assert.equal(after.remove.length, 0);
          const kept = new Set(inventory.prekeys.map(({ id }) => id));
          for (const { id, kind, keptUntil } of atGateway.values()) {
            if (LASTING.includes(kind) || keptUntil > now)
              assert.ok(kept.has(id), 'handed out, but no longer openable');
          }
          assert.ok(inventory.prekeys.length <= 2 * PREKEY_SCHEDULE.mostKept + 60);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('the inventory is a row of the vault', async () => {
    const at = new TestVault();
    let vault = await at.create();
    assert.deepEqual(vault.read(readInventory), EMPTY_INVENTORY);
    const inventory = withUploaded(made(EMPTY_INVENTORY, NOW), new Set([1, 2, 3]));
    vault.transaction((write) => writeInventory(write, inventory));
    vault.close();
    vault = await at.open();
    assert.deepEqual(vault.read(readInventory), inventory);
    vault.close();
  });
});
