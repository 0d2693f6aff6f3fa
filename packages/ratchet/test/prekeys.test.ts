import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createPrekeys, readPrekeyRecord, verifyBundle } from '@sotto/ratchet';
import type { BundleVerification, CreatedPrekey, PrekeyName } from '@sotto/ratchet';
import {
  GetBundleResponseSchema,
  PrekeyBatchSchema,
  PrekeyEntrySchema,
  PrekeyKind,
  PrekeyLeafSchema,
  ProvenPrekeySchema,
  signBytes,
} from '@sotto/wire';
import type { ProvenPrekey } from '@sotto/wire';
import * as fc from 'fast-check';
import { merkleProof, merkleTree, proofLength, verifyMerkleProof } from '../src/prekeys/merkle.ts';
import { codeOf } from './support/codes.ts';
import { bundleBytes, pick, prekeysOf, provenOf, START, testDevice } from './support/devices.ts';
import type { TestDevice } from './support/devices.ts';
import { native } from './support/world.ts';

const DAY = 86_400_000;
const KINDS: readonly PrekeyName[] = ['signed', 'last-resort-kem', 'sealing', 'one-time', 'one-time-kem'];

function verify(device: TestDevice, prekeys: readonly ProvenPrekey[], now = START): BundleVerification {
  const bundle = bundleBytes(device.mailbox, prekeys);
  return verifyBundle(native, { bundle, device: device.local.device, signer: device.local.ed25519, now });
}

function refusal(result: BundleVerification): string {
  return result.kind === 'refused' ? result.reason : 'verified';
}

function full(prekeys: readonly CreatedPrekey[]): ProvenPrekey[] {
  return KINDS.map((kind) => provenOf(pick(prekeys, kind)));
}

/** A leaf with its proof in a batch of one that `device` signed: whatever it says, the device said it. */
function signedLeaf(device: TestDevice, leaf: Uint8Array, fields: { readonly device?: Uint8Array } = {}): ProvenPrekey {
  const root = merkleTree(native, [leaf]).at(-1)?.[0];
  assert.ok(root !== undefined);
  const body = toBinary(
    PrekeyBatchSchema,
    create(PrekeyBatchSchema, { version: 1, device: device.local.device, root, count: 1, createdAt: 1n, ...fields }),
  );
  const signer = {
    publicKey: device.signingKey.publicKey,
    sign: (message: Uint8Array) => native.sign(device.signingKey, message),
  };
  return create(ProvenPrekeySchema, {
    leaf,
    index: 0,
    proof: [],
    batch: signBytes('sotto/v1/prekeys', body, [signer]),
  });
}

test('R-PAIR-4: a full upload: three lasting keys, one-time keys of both kinds, ids in order, seeds as private halves', () => {
  const device = testDevice(native);
  const made = prekeysOf(native, device, { oneTime: 100, firstId: 7 });
  assert.equal(made.length, 203);
  assert.deepEqual(
    made.map(({ id }) => id),
    made.map((_, index) => 7 + index),
  );
  for (const { kind, id, entry, record, expiresAt } of made) {
    const parsed = fromBinary(PrekeyEntrySchema, entry);
    const leaf = fromBinary(PrekeyLeafSchema, parsed.prekey!.leaf);
    assert.deepEqual([parsed.id, leaf.id, Number(leaf.expiresAt)], [id, id, expiresAt]);
    const prekey = readPrekeyRecord(record);
    assert.deepEqual([prekey.kind, prekey.id, prekey.expiresAt], [kind, id, expiresAt]);
    const keyKind = kind === 'sealing' ? 'x-wing' : kind.endsWith('kem') ? 'ml-kem-768' : 'x25519';
    assert.equal(prekey.bytes.length, keyKind === 'ml-kem-768' ? 64 : 32);
    assert.deepEqual(native.importPrivate(keyKind, prekey.bytes).publicKey, leaf.publicKey);
  }
});

test('R-PAIR-4: lasting keys are kept for 30 days and expire 9 days before, the time an envelope may travel', () => {
  const made = prekeysOf(native, testDevice(native));
  for (const kind of ['signed', 'last-resort-kem', 'sealing'] as const) {
    const prekey = readPrekeyRecord(pick(made, kind).record);
    assert.equal(prekey.keptUntil * 1000, START + 30 * DAY);
    assert.equal(prekey.expiresAt * 1000, START + 21 * DAY);
  }
});

test('R-PAIR-4: a bundle verifies against the device key: one-time keys where there are any, last resort otherwise', () => {
  const device = testDevice(native);
  const made = prekeysOf(native, device, { oneTime: 3 });
  const result = verify(device, full(made));
  assert.ok(result.kind === 'verified');
  assert.equal(result.bundle.oneTime?.id, pick(made, 'one-time').id);
  assert.equal(result.bundle.kem?.id, pick(made, 'one-time-kem').id);
  const withoutOneTime = verify(
    device,
    (['signed', 'sealing', 'last-resort-kem'] as const).map((kind) => provenOf(pick(made, kind))),
  );
  assert.ok(withoutOneTime.kind === 'verified');
  assert.equal(withoutOneTime.bundle.oneTime, null);
  assert.equal(withoutOneTime.bundle.kem?.id, pick(made, 'last-resort-kem').id);
});

test('keys of two batches make one bundle: lasting keys and one-time keys are made at different times', () => {
  const device = testDevice(native);
  const lasting = prekeysOf(native, device, { oneTime: 0 });
  const oneTime = prekeysOf(native, device, { lasting: false, oneTime: 20, firstId: 4 });
  assert.equal(verify(device, full([...lasting, ...oneTime])).kind, 'verified');
});

test('a bundle without its signed or sealing key is incomplete; without any KEM key it says so', () => {
  const device = testDevice(native);
  const made = full(prekeysOf(native, device));
  assert.equal(refusal(verify(device, made.slice(1))), 'incomplete');
  assert.equal(refusal(verify(device, [...made.slice(0, 2), ...made.slice(3)])), 'incomplete');
  assert.equal(refusal(verify(device, [])), 'incomplete');
  const stripped = verify(device, [made[0]!, made[2]!, made[3]!]);
  assert.ok(stripped.kind === 'verified');
  assert.equal(stripped.bundle.kem, null);
});

test('an expired lasting key is refused, an expired one-time key is left out', () => {
  const device = testDevice(native);
  const made = full(prekeysOf(native, device));
  assert.equal(verify(device, made, START + 21 * DAY - 1).kind, 'verified');
  assert.equal(refusal(verify(device, made, START + 21 * DAY)), 'expired');
  const fresh = prekeysOf(native, device, { now: START + 90 * DAY, firstId: 50 });
  const mixed = [...full(fresh).slice(0, 3), ...made.slice(3)];
  const result = verify(device, mixed, START + 90 * DAY);
  assert.ok(result.kind === 'verified');
  assert.equal(result.bundle.oneTime, null);
  assert.equal(result.bundle.kem?.id, pick(fresh, 'last-resort-kem').id);
});

test('attack: keys of another device, signed by another device, or by this one for another', () => {
  const device = testDevice(native);
  const mallory = testDevice(native);
  const made = full(prekeysOf(native, device));
  const foreign = full(prekeysOf(native, mallory));
  assert.equal(refusal(verify(device, foreign)), 'not-authentic');
  for (let index = 0; index < made.length; index++) {
    assert.equal(refusal(verify(device, made.with(index, foreign[index]!))), 'not-authentic');
  }
  const leaf = made[0]!.leaf;
  const forOther = signedLeaf(device, leaf, { device: mallory.local.device });
  assert.equal(refusal(verify(device, made.with(0, forOther))), 'not-authentic');
});

test('attack: swapped leaves, proofs, places and batches', () => {
  const device = testDevice(native);
  const made = full(prekeysOf(native, device, { oneTime: 8 }));
  const other = full(prekeysOf(native, device, { oneTime: 8, firstId: 100 }));
  const [signed, , sealing] = made as [ProvenPrekey, ProvenPrekey, ProvenPrekey, ...ProvenPrekey[]];
  const changed = (fields: Partial<Pick<ProvenPrekey, 'leaf' | 'index' | 'proof' | 'batch'>>) =>
    refusal(verify(device, made.with(0, create(ProvenPrekeySchema, { ...signed, ...fields }))));
  assert.equal(changed({}), 'verified');
  assert.equal(changed({ leaf: sealing.leaf }), 'not-authentic');
  assert.equal(changed({ proof: sealing.proof }), 'not-authentic');
  assert.equal(changed({ index: signed.index ^ 1 }), 'not-authentic');
  assert.equal(changed({ index: signed.index + 32 }), 'not-authentic');
  assert.equal(changed({ batch: other[0]!.batch }), 'not-authentic');
  assert.equal(changed({ proof: signed.proof.slice(1) }), 'not-authentic');
  assert.equal(changed({ proof: [...signed.proof, new Uint8Array(32)] }), 'not-authentic');
  assert.equal(changed({ proof: signed.proof.map((hash) => hash.slice(1)) }), 'not-authentic');
  assert.equal(refusal(verify(device, [...made, made[0]!])), 'malformed');
});

test('attack: an inner node of the tree cannot pass as a leaf', () => {
  const device = testDevice(native);
  const made = prekeysOf(native, device, { oneTime: 8 });
  const levels = merkleTree(
    native,
    made.map((prekey) => provenOf(prekey).leaf),
  );
  const node = new Uint8Array([...levels[0]![0]!, ...levels[0]![1]!]);
  const proven = provenOf(made[0]!);
  const inner = create(ProvenPrekeySchema, { ...proven, leaf: node, proof: proven.proof.slice(1) });
  assert.equal(refusal(verify(device, full(made).with(0, inner))), 'not-authentic');
});

test('what a device signed must still be a prekey: kind, id, length, low-order keys, unknown fields, reserved values', () => {
  const device = testDevice(native);
  const made = full(prekeysOf(native, device));
  const key = native.generate('x25519').publicKey;
  const leaf = (fields: object) =>
    toBinary(
      PrekeyLeafSchema,
      create(PrekeyLeafSchema, {
        kind: PrekeyKind.SIGNED,
        id: 9,
        expiresAt: BigInt(START),
        publicKey: key,
        ...fields,
      }),
    );
  const with0 = (bytes: Uint8Array) => refusal(verify(device, made.with(0, signedLeaf(device, bytes))));
  assert.equal(with0(leaf({})), 'verified');
  assert.equal(with0(leaf({ kind: 0x0a0a as PrekeyKind })), 'malformed');
  assert.equal(with0(leaf({ kind: PrekeyKind.UNSPECIFIED })), 'malformed');
  assert.equal(with0(leaf({ id: 0 })), 'malformed');
  assert.equal(with0(leaf({ publicKey: key.slice(1) })), 'malformed');
  assert.equal(with0(new Uint8Array([...leaf({}), 0x78, 1])), 'malformed');
  assert.equal(with0(leaf({ publicKey: new Uint8Array(32) })), 'bad-key');
  assert.equal(with0(leaf({ publicKey: new Uint8Array(32).fill(1, 0, 1) })), 'bad-key');
  const batch = (fields: object) => refusal(verify(device, made.with(0, signedLeaf(device, leaf({}), fields))));
  assert.equal(batch({ version: 2 }), 'malformed');
  assert.equal(batch({ version: 0x1a1a }), 'malformed');
  assert.equal(batch({ count: 0 }), 'malformed');
  assert.equal(batch({ count: 4096 }), 'malformed');
  assert.equal(batch({ root: new Uint8Array(31) }), 'malformed');
});

test('R-OPS-2: a damaged bundle is refused or means the same, and nothing but a refusal comes out', () => {
  const device = testDevice(native);
  const made = full(prekeysOf(native, device, { oneTime: 4 }));
  const good = bundleBytes(device.mailbox, made);
  const signer = device.local.ed25519;
  const request = (bundle: Uint8Array) => ({ bundle, device: device.local.device, signer, now: START });
  const before = verifyBundle(native, request(good));
  assert.ok(before.kind === 'verified');
  fc.assert(
    fc.property(fc.nat({ max: good.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = good.slice();
      bytes[at] = bytes[at]! ^ flip;
      const result = verifyBundle(native, request(bytes));
      if (result.kind === 'refused') return;
      // Only what nobody signed may differ: which keys are there at all, and the mailbox.
      const { signed, sealing, oneTime, kem } = result.bundle;
      assert.equal(signed.id, before.bundle.signed.id);
      assert.equal(sealing.id, before.bundle.sealing.id);
      assert.ok(oneTime === null || oneTime.id === before.bundle.oneTime?.id);
      assert.ok(kem === null || made.some(({ leaf }) => fromBinary(PrekeyLeafSchema, leaf).id === kem.id));
    }),
    { numRuns: 300 },
  );
  for (const length of [0, 1, 17, good.length - 1]) {
    const cut = verifyBundle(native, request(good.subarray(0, length)));
    assert.equal(cut.kind, 'refused');
  }
  assert.equal(refusal(verifyBundle(native, request(new Uint8Array(40_000)))), 'malformed');
  const tooMany = create(GetBundleResponseSchema, { mailbox: device.mailbox, prekeys: [...made, ...made] });
  assert.equal(refusal(verifyBundle(native, request(toBinary(GetBundleResponseSchema, tooMany)))), 'malformed');
});

test('Merkle proofs of every batch size hold for their leaf, place and size, and for no other', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(), (count, pickLeaf, pickOther) => {
      const leaves = Array.from({ length: count }, (_, i) => Uint8Array.of(i, i));
      const levels = merkleTree(native, leaves);
      const root = levels.at(-1)![0]!;
      const index = pickLeaf % count;
      const leaf = leaves[index]!;
      const proof = merkleProof(levels, index);
      assert.equal(proof.length, Math.ceil(Math.log2(count)));
      assert.equal(proof.length, proofLength(count));
      assert.ok(verifyMerkleProof(native, { root, count, index, leaf }, proof));
      const other = pickOther % count;
      if (other !== index) {
        assert.ok(!verifyMerkleProof(native, { root, count, index: other, leaf }, proof));
        assert.ok(!verifyMerkleProof(native, { root, count, index, leaf: leaves[other]! }, proof));
      }
      assert.ok(!verifyMerkleProof(native, { root, count, index: count, leaf }, proof));
    }),
    { numRuns: 60 },
  );
});

test('a batch has 1 to 1024 prekeys with ids that fit', () => {
  const device = testDevice(native);
  const request = { device: device.local.device, signingKey: device.signingKey, now: START };
  const made = (fields: { lasting: boolean; oneTime: number; firstId: number }) => () =>
    createPrekeys(native, { ...request, ...fields });
  assert.equal(codeOf(made({ lasting: false, oneTime: 0, firstId: 1 })), 'parameters');
  assert.equal(codeOf(made({ lasting: true, oneTime: 511, firstId: 1 })), 'parameters');
  assert.equal(codeOf(made({ lasting: true, oneTime: 1.5, firstId: 1 })), 'parameters');
  assert.equal(codeOf(made({ lasting: true, oneTime: -1, firstId: 1 })), 'parameters');
  assert.equal(codeOf(made({ lasting: true, oneTime: 0, firstId: 0 })), 'parameters');
  assert.equal(codeOf(made({ lasting: true, oneTime: 0, firstId: 0xffff_ffff - 1 })), 'parameters');
  assert.equal(made({ lasting: true, oneTime: 0, firstId: 0xffff_ffff - 2 })().length, 3);
});

const codeOfRecord = (record: Uint8Array): string => codeOf(() => readPrekeyRecord(record));

test('R-OPS-2: prekey records are exact: version, kind, length', () => {
  const made = prekeysOf(native, testDevice(native));
  for (const { record } of made) {
    assert.equal(codeOfRecord(record), 'done');
    assert.equal(codeOfRecord(record.with(0, 2)), 'unsupported');
    assert.equal(codeOfRecord(record.with(1, 0x0a)), 'malformed');
    assert.equal(codeOfRecord(record.subarray(0, 10)), 'malformed');
    assert.equal(codeOfRecord(record.subarray(0, -1)), 'malformed');
    assert.equal(codeOfRecord(new Uint8Array([...record, 0])), 'malformed');
  }
  assert.equal(codeOfRecord(new Uint8Array(0)), 'unsupported');
});
