import type { CryptoProvider } from '@sotto/crypto';
import type { TreeCache } from '@sotto/mls';
import type { OpenedInitial, PairwiseComponents } from '@sotto/ratchet';
import type { ChainCache } from '../chains.ts';
import type { EngineCalls, EngineRequest, RecordChange, RequestKind } from '../engine.ts';
import type { RecordReader } from '../reader.ts';

/** What calls work with. Nothing in it is needed to understand a record; it only saves time. */
export interface CallContext {
  readonly crypto: CryptoProvider;
  readonly pairwise: PairwiseComponents;
  readonly chains: ChainCache;
  readonly trees: TreeCache;
  /** First messages whose seal was taken off, by the array of the request; gone when that is. */
  readonly opened: WeakMap<Uint8Array, OpenedSeal>;
}

/** What was under a seal. An array may come back with other bytes in it, so it is told what they were. */
interface OpenedSeal {
  readonly device: Uint8Array;
  readonly envelope: Uint8Array;
  readonly result: OpenedInitial;
}

/** What a call gives back. */
export interface Done<Kind extends RequestKind> {
  readonly result: EngineCalls[Kind]['result'];
  readonly changed: readonly RecordChange[];
}

/** A function over records. Throws `EngineError`, or `NeedRecords` through the reader. */
export type Call<Kind extends RequestKind> = (
  context: CallContext,
  request: EngineRequest<Kind>,
  records: RecordReader,
) => Done<Kind>;
