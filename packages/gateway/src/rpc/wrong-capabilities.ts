import { Refusal } from '@sotto/wire';
import { WRONG_CAPABILITIES } from '../limits.ts';
import type { PostOutcome } from '../ports/types.ts';
import type { Peer } from './peer.ts';

/** Closes a connection that keeps trying capabilities that are none. */
export function countWrong(peer: Peer, outcome: PostOutcome): void {
  if (outcome.kind !== 'refused' || outcome.refusal !== Refusal.CAPABILITY) return;
  peer.wrongCapabilities++;
  if (peer.wrongCapabilities > WRONG_CAPABILITIES) peer.close();
}
