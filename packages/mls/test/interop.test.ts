import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mixedGroup } from './interop/steps.ts';

describe('groups with ts-mls 1.6 and 2.0', () => {
  // ts-mls has P-256 and P-384 keys compressed, which RFC 9420 §5.1.1 has not; its ChaCha20 needs another package.
  it('suite 1: all three add, remove, update, join from outside and send, and agree on all of it', async () => {
    const counts = await mixedGroup({ seed: 7, steps: 80, maxMembers: 10, maxPeers: 5 });
    for (const impl of ['sotto', 'ts-mls 1', 'ts-mls 2']) {
      for (const step of ['add', 'update', 'text'])
        assert.ok((counts[`${step} by ${impl}`] ?? 0) > 0, JSON.stringify(counts));
    }
  });
});
