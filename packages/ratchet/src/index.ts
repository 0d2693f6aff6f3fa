export { RatchetError } from './error.ts';
export type { RatchetErrorCode } from './error.ts';

export { pairwiseComponents } from './components.ts';
export type { PairwiseComponents, PairwiseOptions } from './components.ts';
export { KeyCache } from './key-cache.ts';

export { createPrekeys } from './prekeys/create.ts';
export type { CreatedPrekey, PrekeyRequest } from './prekeys/create.ts';
export type { PrekeyName } from './prekeys/kinds.ts';
export { PREKEY_ROTATION_MS } from './prekeys/lifetime.ts';
export { readPrekeyRecord } from './prekeys/record.ts';
export type { PrivatePrekey } from './prekeys/record.ts';
export { verifyBundle } from './prekeys/verify.ts';
export type { BundleRefusal, BundleRequest, BundleVerification, VerifiedBundle } from './prekeys/verify.ts';

export { acceptInitial } from './x3dh/accept.ts';
export type { AcceptRefusal, AcceptRequest, AcceptResult } from './x3dh/accept.ts';
export type { UsedPrekeys } from './x3dh/flight.ts';
export { openInitial } from './x3dh/initial.ts';
export type { InitialMessage, OpenedInitial, OpenInitialRequest } from './x3dh/initial.ts';
export type { LocalDevice, RemoteDevice } from './x3dh/parties.ts';
export { sendingSession, SUPERSEDED_SESSION_MS } from './x3dh/simultaneous.ts';
export type { SessionCandidate } from './x3dh/simultaneous.ts';
export { startSession } from './x3dh/start.ts';
export type { StartRequest, StartResult } from './x3dh/start.ts';

export { continueInitial, decryptMessage, encryptMessage, expectedTags, expireSkipped } from './messages.ts';
export type { DecryptRequest, DecryptResult, EncryptRequest, EncryptResult, ExpectedTags } from './messages.ts';
export type { TagChange, UnreadableMessage } from './double-ratchet/open.ts';
export type { SkippedChange, SkippedTag } from './double-ratchet/skipped.ts';
export { MAX_SKIPPED, sessionFacts } from './double-ratchet/state.ts';
export type { SessionFacts, SessionRole } from './double-ratchet/state.ts';

export { NoiseCipher } from './noise/cipher.ts';
export { readNoise, splitNoise, writeNoise } from './noise/handshake.ts';
export type { NoiseComplete, NoiseHandshake, NoiseReading, NoiseRole, NoiseWriting } from './noise/handshake.ts';
export { acceptLiveSession, completeLiveSession, startLiveSession } from './noise/live-session.ts';
export type { AcceptedLiveSession, LiveParties, LiveSession, PendingLiveSession } from './noise/live-session.ts';
export { initiateNoise, respondNoise } from './noise/sotto.ts';
export type { NoiseInitiation, NoiseResponse } from './noise/sotto.ts';

export { createSenderKey } from './sender-keys/create.ts';
export type { SenderKeyRecords } from './sender-keys/create.ts';
export type { SenderKeyOwner } from './sender-keys/chain-record.ts';
export { acceptSenderKey, distributeSenderKey, parseSenderKeyDistribution } from './sender-keys/distribution.ts';
export type { AcceptedSenderKey, ReceivedSenderKey } from './sender-keys/distribution.ts';
export { encryptForGroup } from './sender-keys/encrypt.ts';
export type { SenderKeyEncrypted, SenderKeyEncryption } from './sender-keys/encrypt.ts';
export { decryptFromGroup, recogniseGroupMessage } from './sender-keys/decrypt.ts';
export type { SenderKeyDecrypted, SenderKeyDecryption, SkippedGroupKey } from './sender-keys/decrypt.ts';
export { senderKeyFacts } from './sender-keys/facts.ts';
export type { SenderKeyFacts } from './sender-keys/facts.ts';
export { rotationDue, senderKeyPolicy } from './sender-keys/rotation.ts';
export type { RotationFacts, RotationReason, SenderKeyPolicy } from './sender-keys/rotation.ts';
export { senderKeyTags } from './sender-keys/tags.ts';
export type { SenderKeyTag } from './sender-keys/tags.ts';
