import { create, toBinary } from '@bufbuild/protobuf';
import { compareBytes } from './bytes.ts';
import { parseCanonical } from './canonical.ts';
import { WireError } from './error.ts';
import { formatGatewayAddress, parseGatewayAddress } from './gateway-address.ts';
import {
  GroupPermission,
  GroupPolicy_Protocol as Protocol,
  GroupPolicySchema,
  GroupRole_Role as Role,
} from './gen/sotto/wire/v1/group_pb.ts';
import { accountId } from './ids.ts';
import type { AccountId } from './ids.ts';
import { MAX_GROUP_DESCRIPTION_CHARACTERS, MAX_GROUP_NAME_CHARACTERS, MAX_GROUP_ROLES } from './limits.ts';
import { safeTime } from './numbers.ts';
import { requireVersion } from './suites.ts';
import { checkCharacters } from './text.ts';

/** The GroupContext extension that holds a group's policy, RFC 9420 §17.3: a number for private use. */
export const GROUP_POLICY_EXTENSION = 0xf500;

const POLICY_VERSION = 1;
const HASH_BYTES = 32;

export type GroupPermissionName = 'admins' | 'members';
/** What a role makes more than a member. */
export type GroupRank = 'admin' | 'owner';

/** A group's rules, the same for all members. */
export interface GroupRules {
  /** At most 128 characters. */
  readonly name: string;
  /** At most 1024 characters. */
  readonly description: string;
  /** SHA-256; null: no picture. */
  readonly pictureHash: Uint8Array | null;
  readonly log: {
    /** `sotto://host:port/pin`. */
    readonly gateway: string;
    /** LogId, 32 bytes. */
    readonly id: Uint8Array;
  };
  readonly protocol: 'mls' | 'sender-keys';
  /** Accounts that are more than members; at most 256. */
  readonly roles: readonly { readonly account: AccountId; readonly role: GroupRank }[];
  readonly add: GroupPermissionName;
  readonly edit: GroupPermissionName;
  readonly send: GroupPermissionName;
  readonly pin: GroupPermissionName;
  /** 0: messages stay. */
  readonly disappearSeconds: number;
  /** 0: 7 days. */
  readonly rotateSeconds: number;
  /** SHA-256("sotto/v1/group-link" ‖ secret); null: no link. */
  readonly linkHash: Uint8Array | null;
  readonly linkNeedsApproval: boolean;
  /** Unix ms. */
  readonly createdAt: number;
}

const PROTOCOLS = { mls: Protocol.MLS, 'sender-keys': Protocol.SENDER_KEYS } as const;
const PERMISSIONS = { admins: GroupPermission.ADMINS, members: GroupPermission.MEMBERS } as const;
const ROLES = { admin: Role.ADMIN, owner: Role.OWNER } as const;

/** A serialised GroupPolicy; roles in any order. Throws `WireError` as `decodeGroupPolicy` does. */
export function encodeGroupPolicy(rules: GroupRules): Uint8Array {
  // Before serialising: that would quietly replace what UTF-8 cannot carry.
  checkCharacters(rules.name, MAX_GROUP_NAME_CHARACTERS);
  checkCharacters(rules.description, MAX_GROUP_DESCRIPTION_CHARACTERS);
  const bytes = toBinary(
    GroupPolicySchema,
    create(GroupPolicySchema, {
      version: POLICY_VERSION,
      name: rules.name,
      description: rules.description,
      pictureHash: rules.pictureHash ?? new Uint8Array(),
      log: { gateway: rules.log.gateway, log: rules.log.id },
      protocol: PROTOCOLS[rules.protocol],
      roles: rules.roles
        .map(({ account, role }) => ({ account, role: ROLES[role] }))
        .toSorted((a, b) => compareBytes(a.account, b.account)),
      add: PERMISSIONS[rules.add],
      edit: PERMISSIONS[rules.edit],
      send: PERMISSIONS[rules.send],
      pin: PERMISSIONS[rules.pin],
      disappearSeconds: rules.disappearSeconds,
      rotateSeconds: rules.rotateSeconds,
      linkHash: rules.linkHash ?? new Uint8Array(),
      linkNeedsApproval: rules.linkNeedsApproval,
      createdAt: BigInt(rules.createdAt),
    }),
  );
  decodeGroupPolicy(bytes);
  return bytes;
}

/**
 * Reads a policy strictly. Throws `WireError`: `malformed`, `not_canonical`, `unknown_version`, `too_large`, `length`,
 * `range`, `text`.
 */
export function decodeGroupPolicy(bytes: Uint8Array): GroupRules {
  const message = parseCanonical(GroupPolicySchema, bytes);
  requireVersion(message.version, POLICY_VERSION);
  checkCharacters(message.name, MAX_GROUP_NAME_CHARACTERS);
  checkCharacters(message.description, MAX_GROUP_DESCRIPTION_CHARACTERS);
  if (message.log === undefined) throw new WireError('malformed', 'a group without a log');
  const { gateway, log: id } = message.log;
  if (formatGatewayAddress(parseGatewayAddress(gateway)) !== gateway) {
    throw new WireError('not_canonical', "not the one way to write a gateway's address");
  }
  if (id.length !== HASH_BYTES) throw new WireError('length', 'a log id has 32 bytes');
  return {
    name: message.name,
    description: message.description,
    pictureHash: hashOrNone(message.pictureHash),
    log: { gateway, id },
    protocol: nameOf(PROTOCOLS, message.protocol),
    roles: readRoles(message.roles),
    add: nameOf(PERMISSIONS, message.add),
    edit: nameOf(PERMISSIONS, message.edit),
    send: nameOf(PERMISSIONS, message.send),
    pin: nameOf(PERMISSIONS, message.pin),
    disappearSeconds: message.disappearSeconds,
    rotateSeconds: message.rotateSeconds,
    linkHash: hashOrNone(message.linkHash),
    linkNeedsApproval: message.linkNeedsApproval,
    createdAt: safeTime(message.createdAt),
  };
}

function readRoles(
  roles: readonly { readonly account: Uint8Array; readonly role: Role }[],
): { account: AccountId; role: GroupRank }[] {
  if (roles.length > MAX_GROUP_ROLES) throw new WireError('too_large', 'too many roles');
  return roles.map(({ account, role }, i) => {
    const previous = roles[i - 1];
    if (previous !== undefined && compareBytes(previous.account, account) >= 0) {
      throw new WireError('not_canonical', 'roles are in the order of accounts, one each');
    }
    return { account: accountId(account), role: nameOf(ROLES, role) };
  });
}

function hashOrNone(bytes: Uint8Array): Uint8Array | null {
  if (bytes.length === 0) return null;
  if (bytes.length !== HASH_BYTES) throw new WireError('length', 'a hash has 32 bytes');
  return bytes;
}

function nameOf<Name extends string>(values: { readonly [N in Name]: number }, value: number): Name {
  for (const name of Object.keys(values) as Name[]) if (values[name] === value) return name;
  throw new WireError('range', 'a value that a policy does not have');
}
