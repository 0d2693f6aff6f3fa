import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import {
  concatBytes,
  idHex,
  MAX_SIGNED_BYTES,
  parseSigned,
  signBytes,
  Signature_Algorithm,
  SignedSchema,
  verifySigned,
} from '@sotto/wire';
import type { Signer } from '@sotto/wire';
import { codeOf } from './support.ts';

const keys = new Map<string, KeyObject>();

function signer(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }).subarray(-32));
  keys.set(idHex(raw), publicKey);
  return { publicKey: raw, sign: (message) => new Uint8Array(sign(null, message, privateKey)) };
}

function check(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const known = keys.get(idHex(key));
  return known !== undefined && verify(null, message, known, signature);
}

const [one, two] = [signer(), signer()];
const body = new TextEncoder().encode('\b\u0001body');

test('signed bytes carry what was signed, and each signature covers label and body', () => {
  const signed = parseSigned(signBytes('sotto/v1/statement', body, [one, two]));
  assert.deepEqual(signed.body, body);
  assert.deepEqual(
    signed.signatures.map((s) => s.signer),
    [one.publicKey, two.publicKey],
  );
  verifySigned('sotto/v1/statement', signed, check);
  assert.equal(
    codeOf(() => verifySigned('sotto/v1/device', signed, check)),
    'signature',
  );
});

test('every changed byte is refused when parsing or when verifying', () => {
  const bytes = signBytes('sotto/v1/statement', body, [one, two]);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = bytes.with(at, bytes[at]! ^ flip);
      assert.notEqual(
        codeOf(() => verifySigned('sotto/v1/statement', parseSigned(changed), check)),
        null,
      );
    }),
    { numRuns: 400 },
  );
});

test('only the canonical form parses: no unknown fields, no signer twice, no other algorithm, no empty body', () => {
  const bytes = signBytes('sotto/v1/statement', body, [one]);
  const raw = (change: object) =>
    toBinary(
      SignedSchema,
      create(SignedSchema, {
        body,
        signatures: [
          { algorithm: Signature_Algorithm.ED25519, signer: one.publicKey, signature: one.sign(body), ...change },
        ],
      }),
    );
  assert.equal(
    codeOf(() => parseSigned(concatBytes(bytes, Uint8Array.of(0x38, 1)))),
    'not_canonical',
  );
  assert.equal(
    codeOf(() => parseSigned(bytes.subarray(0, -1))),
    'malformed',
  );
  assert.equal(
    codeOf(() => parseSigned(new Uint8Array(MAX_SIGNED_BYTES + 1))),
    'too_large',
  );
  assert.equal(
    codeOf(() => parseSigned(raw({ algorithm: Signature_Algorithm.ML_DSA_65 }))),
    'signature',
  );
  assert.equal(
    codeOf(() => parseSigned(raw({ signer: new Uint8Array(31) }))),
    'length',
  );
  assert.equal(
    codeOf(() => parseSigned(raw({ signature: new Uint8Array(63) }))),
    'length',
  );
  assert.equal(
    codeOf(() => parseSigned(toBinary(SignedSchema, create(SignedSchema, { body })))),
    'signature',
  );
  assert.equal(
    codeOf(() => signBytes('sotto/v1/statement', body, [one, one])),
    'signature',
  );
  assert.equal(
    codeOf(() => signBytes('sotto/v1/statement', new Uint8Array(), [one])),
    'malformed',
  );
  assert.equal(
    codeOf(() => signBytes('sotto/v1/statement', body, [one, two, signer(), signer(), signer()])),
    'too_large',
  );
});
