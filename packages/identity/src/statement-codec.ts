import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CryptoProvider } from '@sotto/crypto';
import {
  AccountPolicy_Devices,
  accountId,
  accountName,
  asciiBytes,
  deviceId,
  formatGatewayAddress,
  parseGatewayAddress,
  parseSigned,
  requireVersion,
  RevokeDevice_Reason,
  safeNumber,
  safeTime,
  signBytes,
  statementHash,
  StatementSchema,
  verifySigned,
} from '@sotto/wire';
import type {
  AccountPolicy as PolicyMessage,
  RevokeDevice_Reason as ReasonMessage,
  Signer,
  Statement as StatementMessage,
  StatementHash,
} from '@sotto/wire';
import { parseCanonical } from './canonical.ts';
import { readCertificate, verifier } from './certificate.ts';
import { IdentityError } from './error.ts';
import { MAX_ENDPOINTS } from './limits.ts';
import type { AccountPolicy, RevocationReason, Statement, StatementBody } from './statement.ts';
import { parsing } from './wire-errors.ts';

const VERSION = 1;
const HASH = asciiBytes('sotto/v1/statement-hash');
const SALT_BYTES = 16;

/** Where a new statement stands. Null: it is a Genesis. */
export interface Place {
  readonly account: Uint8Array;
  readonly sequence: number;
  readonly previous: StatementHash;
}

/** Serialises and signs a statement. Throws `IdentityError` `malformed` for fields that would not parse. */
export function writeStatement(
  crypto: CryptoProvider,
  place: Place | null,
  body: StatementBody,
  createdAt: number,
  signers: readonly Signer[],
): Statement {
  const message = create(StatementSchema, {
    version: VERSION,
    createdAt: BigInt(createdAt),
    kind: kindMessage(crypto, body),
    ...(place === null ? {} : { ...place, sequence: BigInt(place.sequence) }),
  });
  const bytes = parsing(() => signBytes('sotto/v1/statement', toBinary(StatementSchema, message), signers));
  return readStatement(crypto, bytes);
}

/**
 * Parses a statement and verifies its signatures (and those of a certificate in it). Throws `IdentityError`:
 * `malformed`, `unknown_version`, `too_large`, `signature`, `certificate`, `name`.
 */
export function readStatement(crypto: CryptoProvider, bytes: Uint8Array): Statement {
  const signed = parsing(() => parseSigned(bytes));
  const message = parseStatementMessage(signed.body);
  parsing(() => verifySigned('sotto/v1/statement', signed, verifier(crypto)));
  const hash = statementHash(crypto.hash('sha256', HASH, signed.body));
  const body = readKind(crypto, message);
  const isGenesis = body.kind === 'genesis';
  if (isGenesis !== (message.account.length === 0) || isGenesis !== (message.previous.length === 0)) {
    throw new IdentityError('malformed', 'only a Genesis stands on nothing');
  }
  return parsing(() => ({
    account: isGenesis ? accountId(hash) : accountId(message.account),
    sequence: safeNumber(message.sequence),
    previous: isGenesis ? null : statementHash(message.previous),
    createdAt: safeTime(message.createdAt),
    body,
    hash,
    signers: signed.signatures.map(({ signer }) => signer),
    bytes,
  }));
}

/** A newer kind of statement is a field this version does not know: say so rather than "malformed". */
function parseStatementMessage(body: Uint8Array): StatementMessage {
  const message = parseCanonical(StatementSchema, body);
  parsing(() => requireVersion(message.version, VERSION));
  return message;
}

function kindMessage(
  crypto: CryptoProvider,
  body: StatementBody,
): NonNullable<MessageInitShape<typeof StatementSchema>['kind']> {
  if (body.kind === 'genesis') {
    const { accountKey, recoveryKey, policy, firstDevice } = body;
    const salt = crypto.random(SALT_BYTES);
    return {
      case: 'genesis',
      value: { accountKey, recoveryKey, policy: policyMessage(policy), firstDevice: firstDevice.bytes, salt },
    };
  }
  if (body.kind === 'add-device') return { case: 'addDevice', value: { device: body.device.bytes } };
  if (body.kind === 'take-over') return { case: 'takeOver', value: { device: body.device.bytes } };
  if (body.kind === 'revoke-device') {
    return { case: 'revokeDevice', value: { device: body.device, reason: REASON_NUMBER[body.reason] } };
  }
  if (body.kind === 'set-policy') return { case: 'setPolicy', value: { policy: policyMessage(body.policy) } };
  if (body.kind === 'rotate-account-key') {
    return { case: 'rotateAccountKey', value: { newAccountKey: body.newAccountKey } };
  }
  const gateways = body.endpoints.map((endpoint) => endpoint.gateway);
  const accountNames = body.endpoints.map((endpoint) => endpoint.accountName ?? '');
  return { case: 'setEndpoints', value: { gateways, accountNames } };
}

function readKind(crypto: CryptoProvider, { kind }: StatementMessage): StatementBody {
  switch (kind.case) {
    case 'genesis': {
      const { accountKey, recoveryKey, policy, firstDevice, salt } = kind.value;
      requireLength(salt, SALT_BYTES);
      return {
        kind: 'genesis',
        accountKey: requireLength(accountKey, 32),
        recoveryKey: requireLength(recoveryKey, 32),
        policy: readPolicy(policy),
        firstDevice: readCertificate(crypto, firstDevice),
      };
    }
    case 'addDevice':
      return { kind: 'add-device', device: readCertificate(crypto, kind.value.device) };
    case 'revokeDevice':
      return {
        kind: 'revoke-device',
        device: parsing(() => deviceId(kind.value.device)),
        reason: readReason(kind.value.reason),
      };
    case 'takeOver':
      return { kind: 'take-over', device: readCertificate(crypto, kind.value.device) };
    case 'setEndpoints':
      return { kind: 'set-endpoints', endpoints: readEndpoints(kind.value.gateways, kind.value.accountNames) };
    case 'setPolicy':
      return { kind: 'set-policy', policy: readPolicy(kind.value.policy) };
    case 'rotateAccountKey':
      return { kind: 'rotate-account-key', newAccountKey: requireLength(kind.value.newAccountKey, 32) };
    case undefined:
      throw new IdentityError('unknown_version', 'a statement of a newer kind, or of none');
  }
}

const REASON_NUMBER = {
  removed: RevokeDevice_Reason.REMOVED,
  lost: RevokeDevice_Reason.LOST,
  compromised: RevokeDevice_Reason.COMPROMISED,
} as const;

function readReason(reason: ReasonMessage): RevocationReason {
  if (reason === RevokeDevice_Reason.REMOVED) return 'removed';
  if (reason === RevokeDevice_Reason.LOST) return 'lost';
  if (reason === RevokeDevice_Reason.COMPROMISED) return 'compromised';
  throw new IdentityError('malformed', 'a revocation without a known reason');
}

function policyMessage(policy: AccountPolicy): { devices: AccountPolicy_Devices } {
  return { devices: policy.devices === 'multi' ? AccountPolicy_Devices.MULTI : AccountPolicy_Devices.SINGLE_ACTIVE };
}

function readPolicy(policy: PolicyMessage | undefined): AccountPolicy {
  if (policy?.devices === AccountPolicy_Devices.MULTI) return { devices: 'multi' };
  if (policy?.devices === AccountPolicy_Devices.SINGLE_ACTIVE) return { devices: 'single-active' };
  throw new IdentityError('malformed', 'no known policy');
}

function readEndpoints(gateways: readonly string[], names: readonly string[]) {
  if (gateways.length > MAX_ENDPOINTS) throw new IdentityError('too_large', 'too many gateways');
  if (names.length !== gateways.length)
    throw new IdentityError('malformed', 'one name, perhaps empty, for each gateway');
  return gateways.map((gateway, index) => {
    const name = names[index] ?? '';
    return parsing(() => {
      if (formatGatewayAddress(parseGatewayAddress(gateway)) !== gateway) {
        throw new IdentityError('malformed', 'a gateway address that is not written the one way');
      }
      return { gateway, accountName: name === '' ? null : accountName(name) };
    });
  });
}

function requireLength(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new IdentityError('malformed', `a field of ${bytes.length} bytes, not ${length}`);
  return bytes;
}
