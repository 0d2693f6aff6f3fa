import type { ServiceImpl } from '@connectrpc/connect';
import { accountName, deviceId, equalBytes, idHex, Refusal } from '@sotto/wire';
import type { DeviceService, PrekeyStockSchema, RegisterRequest } from '@sotto/wire';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { judgeChain } from '../chain-judge.ts';
import type { JudgedChain } from '../chain-judge.ts';
import { MAX_DAILY_QUOTA, MAX_WITNESS_BYTES, PAGE_MESSAGES, TOKEN_SECONDS } from '../limits.ts';
import type { ChainChange } from '../ports/directory.ts';
import type { DeviceRef, PrekeyStock } from '../ports/types.ts';
import { malformed, Refused } from '../refused.ts';
import { callOf, deviceOf } from './context.ts';
import { deliveryMessage, deviceFrameMessage } from './device-frame.ts';
import { DeviceStream } from './device-stream.ts';
import { driveConnect } from './drive-connect.ts';
import { readKeyPackages } from './key-packages.ts';
import type { ServiceParts } from './parts.ts';
import type { Peer } from './peer.ts';
import { readUpload } from './prekeys.ts';
import { readHash, readId, readNumber } from './requests.ts';

/** Concurrent changes to one chain after which the caller is told to come back. */
const CHAIN_ATTEMPTS = 5;
/** Capabilities in one call: all devices of many contacts. */
const ENTRIES = 1000;
/** Sequences in one acknowledgement. */
const SEQUENCES = 1000;
/** Bytes of one poll's answer, a little more with a last large envelope. */
const POLL_BYTES = 1024 * 1024;
const MAILBOX_BYTES = 16;

/** What a device does with its own account and mailbox. All but the first three calls come logged in (gate.ts). */
export function deviceService(parts: ServiceParts): ServiceImpl<typeof DeviceService> {
  const { directory, mailboxes, blobs, limiters, proofs, challenges, tokens } = parts;
  const countChange = (device: DeviceRef) => limiters.count('changes', String(device.no));
  return {
    getChallenge: () => ({ nonce: challenges.issue() }),

    async register(request, context) {
      const { peer } = callOf(context);
      limiters.count('registrations', peer.caller);
      return { mailbox: await registerDevice(parts, request, peer) };
    },

    async login(request, context) {
      const { peer } = callOf(context);
      limiters.count('logins', peer.caller);
      const proof = proofs.open(request.proof);
      const device = await directory.device(proof.account, proof.device);
      const binding = proofs.verify(proof, device?.ed25519 ?? null, () => peer.channelBinding());
      if (device?.revoked === true) throw new Refused(Refusal.REVOKED, 'the device was revoked');
      peer.markLoggedIn();
      const { token, expiresAt } = await tokens.issue(proof.account, proof.device, binding);
      return { token, expiresAt: BigInt(expiresAt), lifetimeSeconds: TOKEN_SECONDS };
    },

    async publishStatements(request, context) {
      const device = deviceOf(context);
      countChange(device);
      if (request.statements.length === 0) throw malformed('no statements');
      const { view } = await writeChain(parts, device.account, request.statements, () => undefined);
      return { sequence: BigInt(view.head.sequence) };
    },

    async claimName(request, context) {
      const device = deviceOf(context);
      countChange(device);
      await directory.claimName(device.account, accountName(request.name));
      return {};
    },

    async uploadPrekeys(request, context) {
      const device = deviceOf(context);
      countChange(device);
      const { lasting, oneTime } = readUpload(request);
      return { stock: await directory.uploadPrekeys(device, lasting, oneTime, request.replace) };
    },

    getPrekeyStock: async (_, context) => ({ stock: stockMessage(await directory.prekeyStock(deviceOf(context))) }),

    async uploadKeyPackages(request, context) {
      const device = deviceOf(context);
      countChange(device);
      const upload = readKeyPackages(request, Math.floor(parts.clock.now() / 1000));
      return { stock: await parts.keyPackages.upload(device, upload) };
    },

    getKeyPackageStock: async (_, context) => ({ stock: await parts.keyPackages.stock(deviceOf(context)) }),

    async createLog(request, context) {
      const device = deviceOf(context);
      countChange(device);
      const epochKey = readHash(request.epochKey);
      await parts.groupLogs.create(device.account, readId('LogId', request.log), epochKey);
      return {};
    },

    async createCapabilities(request, context) {
      const device = deviceOf(context);
      countChange(device);
      const entries = checkCount(request.entries, ENTRIES).map(({ hash, mailbox, dailyQuota }) => {
        if (dailyQuota > MAX_DAILY_QUOTA) throw malformed(`a daily quota is at most ${MAX_DAILY_QUOTA}`);
        return {
          hash: readHash(hash),
          mailbox: readId('MailboxId', mailbox),
          dailyQuota: dailyQuota === 0 ? parts.limits.capabilityDailyQuota : dailyQuota,
        };
      });
      await directory.createCapabilities(device.account, entries);
      return {};
    },

    async revokeCapabilities(request, context) {
      const device = deviceOf(context);
      countChange(device);
      await directory.revokeCapabilities(device.account, checkCount(request.hashes, ENTRIES).map(readHash));
      return {};
    },

    getWitness: async (_, context) => ({ witness: await directory.witness(deviceOf(context)) }),

    async setWitness({ expected, witness }, context) {
      const device = deviceOf(context);
      countChange(device);
      if (witness.length === 0) throw malformed('a witness has at least a byte');
      if (Math.max(expected.length, witness.length) > MAX_WITNESS_BYTES) {
        throw new Refused(Refusal.TOO_LARGE, `a witness has at most ${MAX_WITNESS_BYTES} bytes`);
      }
      await directory.replaceWitness(device, expected, witness);
      return {};
    },

    async beginBlob(request, context) {
      const device = deviceOf(context);
      limiters.count('blobs', `device ${device.no}`);
      const order = {
        blob: readHash(request.blob),
        owner: readHash(request.owner),
        length: readNumber(request.length),
      };
      if (order.length === 0) throw malformed('a blob has at least one byte');
      const { offset, expiresAt } = await blobs.begin(device, order);
      return { offset: BigInt(offset), expiresAt: BigInt(expiresAt) };
    },

    async listMailboxes(_, context) {
      const devices = await directory.devices(deviceOf(context).account);
      return { mailboxes: devices.map(({ device, mailbox }) => ({ device, mailbox })) };
    },

    async getMessages(request, context) {
      const limit = request.limit === 0 ? PAGE_MESSAGES : Math.min(request.limit, PAGE_MESSAGES);
      const after = readNumber(request.afterSequence);
      const { deliveries, more } = await mailboxes.read(deviceOf(context), after, limit, POLL_BYTES);
      return { deliveries: deliveries.map(deliveryMessage), more };
    },

    async acknowledge(request, context) {
      await mailboxes.acknowledge(deviceOf(context), checkCount(request.sequences, SEQUENCES).map(readNumber));
      return {};
    },

    connect(requests, context) {
      const { reset } = callOf(context);
      const { streams, clock } = parts;
      const options = { streams, clock, reset, messageOf: deviceFrameMessage };
      return driveConnect(new DeviceStream(parts, deviceOf(context)), requests, options);
    },
  };
}

async function registerDevice(parts: ServiceParts, request: RegisterRequest, peer: Peer): Promise<Uint8Array> {
  const { directory, proofs, provider } = parts;
  const proof = proofs.open(request.proof);
  if (request.statements.length === 0) throw malformed('no statements');
  let verified = false;
  await writeChain(parts, proof.account, request.statements, ({ view, change }) => {
    const entry = view.devices.get(idHex(deviceId(proof.device)));
    if (!verified) proofs.verify(proof, entry?.certificate.ed25519 ?? null, () => peer.channelBinding());
    verified = true;
    if (entry?.state.kind !== 'active') throw new Refused(Refusal.REVOKED, 'the device was revoked');
    // Further devices of an account that is here belong to it: linking needs no code.
    if (change.expected === 0) admitAccount(parts, request.registrationCode);
    const { device, ed25519 } = entry.certificate;
    return { device, ed25519, mailbox: provider.random(MAILBOX_BYTES) };
  });
  peer.markLoggedIn();
  const device = await directory.device(proof.account, proof.device);
  if (device === null) throw new Error('a registered device is not there');
  return device.mailbox;
}

/** Judges and writes statements, again if another change came between. */
async function writeChain(
  parts: ServiceParts,
  account: Uint8Array,
  statements: readonly Uint8Array[],
  newDevice: (judged: JudgedChain) => ChainChange['register'],
): Promise<JudgedChain> {
  for (let attempt = 0; attempt < CHAIN_ATTEMPTS; attempt++) {
    const known = (await parts.directory.chain(account, 0)) ?? [];
    const judged = judgeChain(parts.provider, known, statements);
    if (!equalBytes(judged.view.account, account)) throw malformed('the chain of another account');
    const device = newDevice(judged);
    const change = { ...judged.change, ...(device === undefined ? {} : { register: device }) };
    if ((await parts.directory.writeChain(change)) === 'written') return judged;
  }
  throw new Refused(Refusal.CONFLICT, 'the chain keeps changing');
}

/** Throws `Refused` `REGISTRATION_CLOSED`. */
function admitAccount(parts: ServiceParts, code: string): void {
  const { registration, registrationCodes, provider } = parts;
  if (registration.kind === 'open') return;
  const given = provider.hash('sha256', Buffer.from(code, 'utf8'));
  let admitted = false;
  if (registration.kind === 'code') {
    for (const known of registrationCodes) {
      // All are compared, and by hash, so that neither position nor length shows in the time.
      if (provider.equal(provider.hash('sha256', known.reveal()), given)) admitted = true;
    }
  }
  if (!admitted) throw new Refused(Refusal.REGISTRATION_CLOSED, 'this gateway takes no new accounts without a code');
}

function checkCount<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length > most) throw new Refused(Refusal.TOO_LARGE, `at most ${most} in one call`);
  return items;
}

function stockMessage(stock: PrekeyStock): MessageInitShape<typeof PrekeyStockSchema> {
  return { oneTime: stock.oneTime, oneTimeKem: stock.oneTimeKem };
}
