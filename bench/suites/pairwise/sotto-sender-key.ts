import { nativeProvider } from '@sotto/crypto';
import {
  acceptSenderKey,
  createSenderKey,
  decryptFromGroup,
  distributeSenderKey,
  encryptForGroup,
  pairwiseComponents,
  parseSenderKeyDistribution,
} from '@sotto/ratchet';
import type { SenderKeyPair } from './party.ts';

const NOW = Date.now();

/** A sender key at its owner and at one receiver, each with components of its own. */
export async function senderKey(): Promise<SenderKeyPair> {
  const provider = nativeProvider();
  const sender = pairwiseComponents({ provider, cachedKeys: 64 });
  const receiver = pairwiseComponents({ provider, cachedKeys: 64 });
  const owner = { group: provider.random(32), account: provider.random(32), device: provider.random(16) };
  const roster = provider.random(32);
  let own = createSenderKey(sender, { owner, now: NOW });
  const accepted = acceptSenderKey(receiver, {
    received: parseSenderKeyDistribution(distributeSenderKey({ ...own, roster })),
    sender: owner,
    known: null,
    now: NOW,
  });
  if (accepted.kind !== 'new') throw new Error(accepted.kind);
  let theirs = { record: accepted.record, state: accepted.state };
  return {
    async encrypt(content) {
      const { state, message } = encryptForGroup(sender, { ...own, roster, content });
      own = { ...own, state };
      return message;
    },
    async decrypt(message) {
      const result = decryptFromGroup(receiver, { ...theirs, message, now: NOW });
      if (result.kind !== 'message') throw new Error(result.kind);
      theirs = { ...theirs, state: result.state };
      return result.content;
    },
  };
}
