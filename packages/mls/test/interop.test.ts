import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mixedGroup } from './interop/steps.ts';

describe('groups with ts-mls', () => {
  // ts-mls has P-256 and P-384 keys compressed, which RFC 9420 §5.1.1 has not; its ChaCha20 needs another package.
  it('suite 1: both sides add, remove, update, join from outside and send, and agree on all of it', async () => {
    const counts = await mixedGroup({ seed: 1, steps: 80, maxMembers: 12 });
    assert.ok(Object.keys(counts).length >= 9, JSON.stringify(counts));
  });
});
