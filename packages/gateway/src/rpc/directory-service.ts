import type { ServiceImpl } from '@connectrpc/connect';
import { fromBinary } from '@bufbuild/protobuf';
import type { CryptoProvider } from '@sotto/crypto';
import {
  accountName,
  ENVELOPE_VERSION,
  greaseValues,
  idText,
  MAX_ENVELOPE_BYTES,
  ProvenPrekeySchema,
  Refusal,
  Registration,
} from '@sotto/wire';
import type { DirectoryService } from '@sotto/wire';
import type { RegistrationConfig } from '../config.ts';
import { MAX_KEY_PACKAGES, MAX_ONE_TIME_PREKEYS } from '../limits.ts';
import { Refused } from '../refused.ts';
import { VERSION } from '../version.ts';
import { callOf } from './context.ts';
import type { ServiceParts } from './parts.ts';
import { readAdmission, readId, readNumber } from './requests.ts';

const REGISTRATION: Record<RegistrationConfig['kind'], Registration> = {
  open: Registration.OPEN,
  code: Registration.CODE,
  closed: Registration.CLOSED,
};

const RESERVED = greaseValues();

function reservedVersion(provider: CryptoProvider): number {
  const [byte = 0] = provider.random(1);
  return RESERVED[byte % RESERVED.length] ?? 0x0a0a;
}

/** What anyone may ask. */
export function directoryService(parts: ServiceParts): ServiceImpl<typeof DirectoryService> {
  const { directory, limiters, clock, limits } = parts;
  return {
    getInfo: () => ({
      version: VERSION,
      // With a reserved one, another each time: nobody may trip over versions that are not known yet (GREASE).
      envelopeVersions: [ENVELOPE_VERSION, reservedVersion(parts.provider)],
      now: BigInt(clock.now()),
      registration: REGISTRATION[parts.registration.kind],
      limits: {
        mailboxMessages: limits.mailboxMessages,
        mailboxRequests: limits.mailboxRequests,
        retentionSeconds: BigInt(limits.retentionSeconds),
        envelopeBytes: MAX_ENVELOPE_BYTES,
        oneTimePrekeys: MAX_ONE_TIME_PREKEYS,
        blobBytes: BigInt(limits.blobBytes),
        blobRetentionSeconds: BigInt(limits.blobRetentionSeconds),
        blobDailyBytes: BigInt(limits.blobDailyBytes),
        blobDailyCount: limits.blobDailyCount,
        keyPackages: MAX_KEY_PACKAGES,
        logCommitBytes: limits.logCommitBytes,
        logMessageBytes: limits.logMessageBytes,
        logBytes: BigInt(limits.logBytes),
        logRetentionSeconds: BigInt(limits.logRetentionSeconds),
      },
    }),

    async resolveName(request, context) {
      limiters.count('names', callOf(context).peer.caller);
      const account = await directory.resolveName(accountName(request.name));
      if (account === null) throw new Refused(Refusal.NOT_FOUND, 'no account has this name here');
      return { account };
    },

    async getChain(request, context) {
      limiters.count('lookups', callOf(context).peer.caller);
      const account = readId('AccountId', request.account);
      const statements = await directory.chain(account, readNumber(request.fromSequence));
      if (statements === null) throw new Refused(Refusal.NOT_FOUND, 'no such account here');
      return { statements };
    },

    async getBundle(request, context) {
      limiters.count('lookups', callOf(context).peer.caller);
      const account = readId('AccountId', request.account);
      const device = readId('DeviceId', request.device);
      const bundle = await directory.takeBundle(account, device, readAdmission(parts, request.admission));
      return {
        mailbox: bundle.mailbox,
        prekeys: bundle.prekeys.map((bytes) => fromBinary(ProvenPrekeySchema, bytes)),
      };
    },

    async getKeyPackage(request, context) {
      limiters.count('lookups', callOf(context).peer.caller);
      const account = readId('AccountId', request.account);
      const device = readId('DeviceId', request.device);
      return parts.keyPackages.take(account, device, readAdmission(parts, request.admission));
    },

    getRequestToken(request, context) {
      const account = readId('AccountId', request.account);
      limiters.count('tokens', callOf(context).peer.caller);
      limiters.count('tokensPerTarget', idText(account));
      const { token, expiresAt } = parts.requestTokens.issue(account);
      return { token, expiresAt: BigInt(expiresAt) };
    },
  };
}
