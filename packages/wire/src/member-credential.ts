import { create, toBinary } from '@bufbuild/protobuf';
import { parseCanonical } from './canonical.ts';
import { WireError } from './error.ts';
import { formatGatewayAddress, parseGatewayAddress } from './gateway-address.ts';
import { MemberCredentialSchema } from './gen/sotto/wire/v1/group_pb.ts';
import { accountId, deviceId, statementHash } from './ids.ts';
import type { AccountId, DeviceId, StatementHash } from './ids.ts';
import { safeNumber } from './numbers.ts';
import { requireVersion } from './suites.ts';

/** Identity of the MLS basic credential of one device. */
export interface MemberCredential {
  readonly account: AccountId;
  readonly device: DeviceId;
  /** The account's chain as the device saw it when it made the leaf. */
  readonly head: { readonly sequence: number; readonly hash: StatementHash };
  /** Where the account's chain is to be had, `sotto://host:port/pin`. */
  readonly gateway: string;
}

const CREDENTIAL_VERSION = 1;

/** Throws `WireError` as `decodeMemberCredential` does. */
export function encodeMemberCredential(credential: MemberCredential): Uint8Array {
  const { account, device, head, gateway } = credential;
  const bytes = toBinary(
    MemberCredentialSchema,
    create(MemberCredentialSchema, {
      version: CREDENTIAL_VERSION,
      account,
      device,
      chainSequence: BigInt(head.sequence),
      chainHead: head.hash,
      gateway,
    }),
  );
  decodeMemberCredential(bytes);
  return bytes;
}

/** Throws `WireError`: `malformed`, `not_canonical`, `unknown_version`, `length`, `range`, `too_large`, `text`. */
export function decodeMemberCredential(bytes: Uint8Array): MemberCredential {
  const message = parseCanonical(MemberCredentialSchema, bytes);
  requireVersion(message.version, CREDENTIAL_VERSION);
  const { gateway } = message;
  if (formatGatewayAddress(parseGatewayAddress(gateway)) !== gateway) {
    throw new WireError('not_canonical', "not the one way to write a gateway's address");
  }
  return {
    account: accountId(message.account),
    device: deviceId(message.device),
    head: { sequence: safeNumber(message.chainSequence), hash: statementHash(message.chainHead) },
    gateway,
  };
}
