import { encodeSigchain } from '@sotto/identity';
import { startSession, verifyBundle } from '@sotto/ratchet';
import { deviceId } from '@sotto/wire';
import { activeDevice } from '@sotto/identity';
import { judging, MAX_CARRIED_CHAIN } from '../chains.ts';
import type { SessionTag } from '../engine.ts';
import { EngineError } from '../error.ts';
import { headOf, localDevice, remoteDevice } from '../own-device.ts';
import { openingName, sessionIdOf, sessionName } from '../records.ts';
import { writeSessionRecord } from '../session-record.ts';
import { parsed } from './account.ts';
import type { Call } from './context.ts';

export const startSessionCall: Call<'start-session'> = (context, request, records) => {
  const { crypto, pairwise, chains } = context;
  const { now, bundle } = request;
  const own = localDevice(context, request.own, records, now);
  const peerView = judging(() => chains.view(request.peerChain));
  const device = parsed(() => deviceId(request.peerDevice));
  const entry = activeDevice(peerView, device);
  if (entry === null) throw new EngineError('revoked', 'no active device of the peer’s account');
  const verified = verifyBundle(crypto, { bundle, device, signer: entry.certificate.ed25519, now });
  if (verified.kind === 'refused') throw new EngineError('bundle', `the prekey bundle is refused: ${verified.reason}`);
  const ownChain = encodeSigchain(request.own.chain);
  const started = startSession(pairwise, {
    own,
    ownChain: ownChain.length <= MAX_CARRIED_CHAIN ? ownChain : null,
    peer: remoteDevice(entry, headOf(peerView, request.peerChainCheckedAt)),
    bundle: verified.bundle,
    now,
    ...(request.replaces === undefined ? {} : { replaces: Math.floor(request.replaces / 1000) }),
  });
  if (started.kind === 'refused') {
    throw new EngineError('suite', 'the bundle lacks the post-quantum key that a certificate demands');
  }
  const name = sessionName(device, started.hash);
  const session = writeSessionRecord({ account: peerView.account, device, awaiting: true, state: started.session });
  return {
    result: {
      session: name,
      suite: started.suite,
      startedAt: started.startedAt * 1000,
      tags: started.tags.map(upcomingTag),
    },
    changed: [
      { name, bytes: session },
      { name: openingName(sessionIdOf(name)), bytes: started.opening },
    ],
  };
};

/** A tag of a message to come, which needs no record but the session's. */
export function upcomingTag(tag: Uint8Array): SessionTag {
  return { tag, record: null };
}
