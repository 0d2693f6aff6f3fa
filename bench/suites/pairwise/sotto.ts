import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { nativeProvider } from '@sotto/crypto';
import {
  acceptInitial,
  createPrekeys,
  decryptMessage,
  encryptMessage,
  openInitial,
  pairwiseComponents,
  startSession,
  verifyBundle,
} from '@sotto/ratchet';
import type { CreatedPrekey, LocalDevice } from '@sotto/ratchet';
import {
  accountId,
  decodeEnvelope,
  deviceId,
  GetBundleResponseSchema,
  mailboxId,
  PrekeyEntrySchema,
  roundExpiry,
  statementHash,
  SUITE_PQXDH,
} from '@sotto/wire';
import type { Party } from './party.ts';

const NOW = Date.now();
/** A chain of two statements, about what an account with one or two devices has. */
const CHAIN = new Uint8Array(1200).fill(0x2a);
const provider = nativeProvider();

function makeDevice() {
  const signingKey = provider.generate('ed25519');
  const identityKey = provider.generate('x25519');
  const head = {
    account: accountId(provider.random(32)),
    sequence: 1,
    hash: statementHash(provider.random(32)),
    seenAt: NOW,
  };
  const local: LocalDevice = {
    device: deviceId(provider.random(16)),
    head,
    ed25519: signingKey.publicKey,
    x25519: identityKey.publicKey,
    minimumSuite: SUITE_PQXDH,
    identityKey,
  };
  return { local, signingKey, mailbox: mailboxId(provider.random(16)) };
}

function party(own: ReturnType<typeof makeDevice>, peer: ReturnType<typeof makeDevice>): Party {
  const components = pairwiseComponents({ provider, cachedKeys: 64 });
  const make = (lasting: boolean, oneTime: number, firstId: number): CreatedPrekey[] => {
    const { device } = own.local;
    return createPrekeys(provider, { device, signingKey: own.signingKey, lasting, oneTime, firstId, now: NOW });
  };
  // Lasting keys are replaced weekly and one-time keys when few are left: two batches, so two signatures in a bundle.
  const lasting = make(true, 0, 1);
  let nextId = lasting.length + 1;
  let stock: CreatedPrekey[] = [];
  const records = new Map(lasting.map(({ id, record }) => [id, record]));
  const sealingKeys = lasting.filter(({ kind }) => kind === 'sealing').map(({ record }) => record);
  const recordOf = (id: number | null) => (id === null ? null : (records.get(id) ?? null));
  let session = new Uint8Array(0);
  let opening: Uint8Array | null = null;
  const expiresAt = roundExpiry(NOW / 1000 + 7 * 86_400);

  const encrypt = (content: Uint8Array): Uint8Array => {
    const result = encryptMessage(components, {
      session,
      opening,
      content,
      mailbox: peer.mailbox,
      expiresAt,
      urgency: 'high',
    });
    if (result.kind !== 'encrypted') throw new Error(result.kind);
    session = new Uint8Array(result.session);
    return result.envelope;
  };
  return {
    async bundle() {
      if (stock.length < 2) {
        stock = make(false, 100, nextId);
        nextId += stock.length;
        for (const { id, record } of stock) records.set(id, record);
      }
      const oneTime = stock.findIndex(({ kind }) => kind === 'one-time');
      const kem = stock.findIndex(({ kind }) => kind === 'one-time-kem');
      const taken = [...stock.splice(kem, 1), ...stock.splice(oneTime, 1)];
      const prekeys = [...lasting, ...taken].map(({ entry }) => fromBinary(PrekeyEntrySchema, entry).prekey ?? never());
      return toBinary(GetBundleResponseSchema, create(GetBundleResponseSchema, { mailbox: own.mailbox, prekeys }));
    },
    forget() {
      session = new Uint8Array(0);
      opening = null;
    },
    async start(bundle, content) {
      const { device, ed25519: signer } = peer.local;
      const checked = verifyBundle(provider, { bundle: bundle as Uint8Array, device, signer, now: NOW });
      if (checked.kind !== 'verified') throw new Error(checked.reason);
      const request = { own: own.local, ownChain: CHAIN, peer: peer.local, bundle: checked.bundle, now: NOW };
      const started = startSession(components, request);
      if (started.kind !== 'started') throw new Error(started.reason);
      session = new Uint8Array(started.session);
      opening = started.opening;
      return encrypt(content);
    },
    async accept(sealed) {
      const envelope = decodeEnvelope(sealed);
      const opened = openInitial(components, { envelope, device: own.local.device, sealingKeys });
      if (opened.kind !== 'opened') throw new Error(opened.kind);
      const { initial } = opened;
      const { signed, oneTime, kem } = initial.prekeys;
      const prekeys = { signed: recordOf(signed), oneTime: recordOf(oneTime), kem: recordOf(kem) };
      const accepted = acceptInitial(components, {
        initial,
        envelope,
        own: own.local,
        peer: peer.local,
        prekeys,
        now: NOW,
      });
      if (accepted.kind !== 'accepted') throw new Error(accepted.reason);
      session = new Uint8Array(accepted.session);
      for (const id of accepted.spent) records.delete(id);
      return accepted.content;
    },
    async encrypt(content) {
      return encrypt(content);
    },
    async decrypt(sealed) {
      const envelope = decodeEnvelope(sealed);
      const result = decryptMessage(components, { session, envelope, skipped: new Map(), now: NOW });
      if (result.kind !== 'decrypted') throw new Error(result.kind);
      session = new Uint8Array(result.session);
      opening = null;
      return result.content;
    },
  };
}

function never(): never {
  throw new Error('an entry without its prekey');
}

/** Two parties that know each other's verified devices, as after first contact. */
export function parties(): readonly [Party, Party] {
  const [anh, binh] = [makeDevice(), makeDevice()];
  return [party(anh, binh), party(binh, anh)];
}

export { senderKey } from './sotto-sender-key.ts';
