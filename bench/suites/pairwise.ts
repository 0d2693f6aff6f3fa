import { join } from 'node:path';
import type { SuiteOptions } from '../main.ts';
import { installPeers, peerName } from '../peers.ts';
import { rowOf } from '../rows.ts';
import { floorRound } from './pairwise/floor.ts';
import { barePrimitives, providerPrimitives } from './pairwise/primitives.ts';
import type { PairwiseModule, Party } from './pairwise/party.ts';
import * as sotto from './pairwise/sotto.ts';

/** 1 KiB of text. */
const TEXT = new Uint8Array(1024).fill(0x61);
const SESSIONS = 12;
const ONE_WAY = 24;
const TURNS = 12;

/** Runs `run` and notes how long it took, in microseconds. */
type Timer = <T>(name: string, run: () => T | Promise<T>) => Promise<T>;

/**
 * Pairwise operations through the full path: serialised records and wire bytes in, serialised records and wire bytes
 * out. Implementations take turns, so that a machine that slows down slows all of them.
 */
export async function pairwise({ quick, peers: compare, say, row }: SuiteOptions): Promise<void> {
  const rounds = quick ? 20 : 150;
  const warmUp = quick ? 5 : 50;
  const peers = compare ? installPeers(say) : null;
  const signal = peers === null ? null : ((await import(join(peers, 'libsignal.mjs'))) as PairwiseModule);
  const modules: readonly (readonly [string, PairwiseModule])[] = [
    ['sotto', sotto],
    ...(signal === null ? [] : [[peerName('@signalapp/libsignal-client'), signal] as const]),
  ];
  const runners = [
    ...(await Promise.all(modules.map(async ([impl, module]) => ({ impl, round: await roundOf(module) })))),
    { impl: 'floor', round: floorRound(providerPrimitives()) },
    { impl: 'node:crypto', round: floorRound(barePrimitives()) },
  ];
  const samples = new Map<string, Map<string, number[]>>(runners.map(({ impl }) => [impl, new Map()]));
  for (let index = 0; index < warmUp + rounds; index++) {
    for (const { impl, round } of runners) {
      await round(async (name, run) => {
        const from = process.hrtime.bigint();
        const result = await run();
        const took = Number(process.hrtime.bigint() - from) / 1000;
        const ofImpl = samples.get(impl);
        if (index < warmUp || ofImpl === undefined) return result;
        const list = ofImpl.get(name);
        if (list === undefined) ofImpl.set(name, [took]);
        else list.push(took);
        return result;
      });
    }
  }
  for (const [impl, names] of samples) {
    for (const [name, list] of names) row(rowOf('pairwise', impl, name, 'us', list));
  }
}

/** Sessions begun, the last one answered, then messages one way and by turns. */
async function roundOf(module: PairwiseModule): Promise<(time: Timer) => Promise<void>> {
  const [anh, binh] = await module.parties();
  const senderKey = await module.senderKey?.();
  return async (time) => {
    for (let i = 0; i < SESSIONS; i++) {
      anh.forget();
      binh.forget();
      const bundle = await binh.bundle();
      const first = await time('init', () => anh.start(bundle, TEXT));
      await time('accept', () => binh.accept(first));
    }
    await exchange(binh, anh);
    await exchange(anh, binh);
    for (let i = 0; i < ONE_WAY; i++) {
      const sealed = await time('encrypt-1k', () => anh.encrypt(TEXT));
      await time('decrypt-1k', () => binh.decrypt(sealed));
    }
    for (let i = 0; i < TURNS; i++) {
      const [from, to] = i % 2 === 0 ? [binh, anh] : [anh, binh];
      const sealed = await time('pingpong-encrypt-1k', () => from.encrypt(TEXT));
      await time('pingpong-decrypt-1k', () => to.decrypt(sealed));
    }
    if (senderKey === undefined) return;
    for (let i = 0; i < ONE_WAY; i++) {
      const sealed = await time('sender-key-encrypt-1k', () => senderKey.encrypt(TEXT));
      await time('sender-key-decrypt-1k', () => senderKey.decrypt(sealed));
    }
  };
}

async function exchange(from: Party, to: Party): Promise<void> {
  await to.decrypt(await from.encrypt(TEXT));
}
