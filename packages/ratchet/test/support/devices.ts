import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { CryptoProvider, PrivateKey } from '@sotto/crypto';
import { createPrekeys, verifyBundle } from '@sotto/ratchet';
import type { CreatedPrekey, LocalDevice, PrekeyName, VerifiedBundle } from '@sotto/ratchet';
import {
  accountId,
  deviceId,
  GetBundleResponseSchema,
  mailboxId,
  PrekeyEntrySchema,
  statementHash,
  SUITE_PQXDH,
} from '@sotto/wire';
import type { MailboxId, ProvenPrekey, SuiteId } from '@sotto/wire';

/** 2027-01-15, Unix ms. */
export const START = 1_800_000_000_000;

export interface TestDevice {
  readonly local: LocalDevice;
  readonly signingKey: PrivateKey<'ed25519'>;
  readonly mailbox: MailboxId;
}

export function testDevice(provider: CryptoProvider, minimumSuite: SuiteId = SUITE_PQXDH): TestDevice {
  const signingKey = provider.generate('ed25519');
  const identityKey = provider.generate('x25519');
  return {
    signingKey,
    mailbox: mailboxId(provider.random(16)),
    local: {
      device: deviceId(provider.random(16)),
      head: {
        account: accountId(provider.random(32)),
        sequence: 3,
        hash: statementHash(provider.random(32)),
        seenAt: START,
      },
      ed25519: signingKey.publicKey,
      x25519: identityKey.publicKey,
      minimumSuite,
      identityKey,
    },
  };
}

export function prekeysOf(
  provider: CryptoProvider,
  { local, signingKey }: TestDevice,
  options: {
    readonly oneTime?: number;
    readonly firstId?: number;
    readonly now?: number;
    readonly lasting?: boolean;
  } = {},
): CreatedPrekey[] {
  const { oneTime = 1, firstId = 1, now = START, lasting = true } = options;
  return createPrekeys(provider, { device: local.device, signingKey, lasting, oneTime, firstId, now });
}

export function pick(prekeys: readonly CreatedPrekey[], kind: PrekeyName): CreatedPrekey {
  const found = prekeys.find((prekey) => prekey.kind === kind);
  if (found === undefined) throw new Error(`no ${kind} prekey`);
  return found;
}

/** The proven prekey of an upload, as a gateway hands it out. */
export function provenOf(prekey: CreatedPrekey): ProvenPrekey {
  const { prekey: proven } = fromBinary(PrekeyEntrySchema, prekey.entry);
  if (proven === undefined) throw new Error('an entry without its prekey');
  return proven;
}

/** A serialised GetBundleResponse. */
export function bundleBytes(mailbox: Uint8Array, prekeys: readonly ProvenPrekey[]): Uint8Array {
  return toBinary(GetBundleResponseSchema, create(GetBundleResponseSchema, { mailbox, prekeys: [...prekeys] }));
}

export function verified(
  provider: CryptoProvider,
  device: TestDevice,
  prekeys: readonly CreatedPrekey[],
  now = START,
): VerifiedBundle {
  const bundle = bundleBytes(device.mailbox, prekeys.map(provenOf));
  const result = verifyBundle(provider, { bundle, device: device.local.device, signer: device.local.ed25519, now });
  if (result.kind !== 'verified') throw new Error(`the bundle was refused: ${result.reason}`);
  return result.bundle;
}
