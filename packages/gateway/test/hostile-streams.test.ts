import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  ConnectRequestSchema,
  PostRequestSchema,
  PostStreamRequestSchema,
  Refusal,
  RegisterRequestSchema,
} from '@sotto/wire';
import * as fc from 'fast-check';
import { lastingPrekeys, testEnvelope } from './support/account.ts';
import { bearer, HostileWorld } from './support/hostile.ts';
import { frame, RawStream, refusalOf } from './support/raw.ts';
import { dump } from './support/store.ts';

let world: HostileWorld;
before(async () => {
  world = await HostileWorld.open();
});
after(() => world[Symbol.asyncDispose]());

/** A frame with one good post. */
const good = () =>
  toBinary(
    PostStreamRequestSchema,
    create(PostStreamRequestSchema, {
      posts: [
        {
          number: 1n,
          post: {
            envelope: testEnvelope(world.carol.mailbox),
            admission: { kind: { case: 'capability', value: world.carol.capability.secret } },
          },
        },
      ],
    }),
  );

async function ends(
  bytes: readonly Uint8Array[],
  refusal: Refusal,
  method = 'PostService/PostStream',
  headers?: Record<string, string>,
): Promise<RawStream> {
  const raw = new RawStream(world.running.gateway, method, headers);
  for (const part of bytes) raw.stream.write(part);
  raw.stream.end();
  const end = await raw.end;
  assert.equal(refusalOf(end), refusal, end);
  raw.close();
  return raw;
}

describe('streams', () => {
  it('faulty frames end the stream with a coded error', async () => {
    const state = dump(world.running.store.database);
    await ends([frame(good()).subarray(0, 40)], Refusal.MALFORMED);
    await ends([frame(Buffer.from('ffffff', 'hex'))], Refusal.MALFORMED);
    await ends([frame(good(), 1)], Refusal.MALFORMED);
    await ends([frame(good(), 2)], Refusal.MALFORMED);
    await ends([Buffer.from([0, 0xff, 0xff, 0xff, 0xff])], Refusal.TOO_LARGE);
    const many = create(PostStreamRequestSchema, { posts: Array.from({ length: 65 }, () => ({ number: 1n })) });
    await ends([frame(toBinary(PostStreamRequestSchema, many))], Refusal.MALFORMED);
    await ends([frame(new Uint8Array(0))], Refusal.UNAUTHENTICATED, 'DeviceService/Connect');
    await ends([frame(good())], Refusal.FORBIDDEN, 'PostService/PostStream', bearer(world.bob.token));
    const acknowledge = Array.from({ length: 1001 }, (_, i) => BigInt(i));
    const flood = toBinary(ConnectRequestSchema, create(ConnectRequestSchema, { acknowledge }));
    await ends([frame(flood)], Refusal.MALFORMED, 'DeviceService/Connect', bearer(world.bob.token));
    assert.deepEqual(dump(world.running.store.database), state);
  });

  it('what came before the fault is stored and answered', async () => {
    const raw = await ends([frame(good()), frame(Buffer.from('ffffff', 'hex'))], Refusal.MALFORMED);
    assert.equal(raw.frames.length, 1);
  });

  it('a stream in which anything at all is written ends coded, and the gateway lives', async () => {
    const mutated = fc.tuple(
      fc.constantFrom('PostService/PostStream', 'DeviceService/Connect'),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
      fc.nat(),
    );
    await fc.assert(
      fc.asyncProperty(mutated, async ([method, changes, cut]) => {
        const valid =
          method === 'PostService/PostStream'
            ? frame(good())
            : frame(
                toBinary(
                  ConnectRequestSchema,
                  create(ConnectRequestSchema, { credit: 3, ping: 5n, acknowledge: [1n] }),
                ),
              );
        const bytes = Buffer.from(valid);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const raw = new RawStream(
          world.running.gateway,
          method,
          method === 'DeviceService/Connect' ? bearer(world.carol.token) : {},
        );
        raw.stream.end(bytes.subarray(0, bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0)));
        const end = await raw.end;
        assert.ok(end === '{}' || refusalOf(end) !== undefined, end);
        raw.close();
      }),
      { numRuns: 60 },
    );
    assert.equal((await world.call('DirectoryService/GetInfo', {})).status, 200);
  });

  it('unary bodies in which anything at all is written are answered coded', async () => {
    const register = create(RegisterRequestSchema, {
      statements: world.bob.account.chain,
      proof: { account: world.bob.account.account },
    });
    const post = {
      envelope: testEnvelope(world.carol.mailbox),
      admission: { kind: { case: 'capability', value: world.carol.capability.secret } },
    } as const;
    const bodies: readonly (readonly [string, Uint8Array])[] = [
      ['PostService/Post', toBinary(PostRequestSchema, create(PostRequestSchema, post))],
      ['DeviceService/Register', toBinary(RegisterRequestSchema, register)],
      [
        'DeviceService/UploadPrekeys',
        Buffer.concat([Buffer.from([0x12, lastingPrekeys()[0]!.length]), lastingPrekeys()[0]!]),
      ],
    ];
    const mutation = fc.tuple(
      fc.constantFrom(...bodies),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
    );
    await fc.assert(
      fc.asyncProperty(mutation, async ([[method, valid], changes]) => {
        const bytes = Buffer.from(valid);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const answer = await world.call(
          method,
          bytes,
          method.endsWith('UploadPrekeys') ? bearer(world.carol.token) : {},
        );
        assert.ok(answer.status === 200 || answer.refusal !== undefined, `${method} ${answer.status} ${answer.body}`);
        assert.notEqual(answer.refusal, Refusal.UNAVAILABLE);
      }),
      { numRuns: 120 },
    );
  });
});
