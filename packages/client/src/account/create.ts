import { create } from '@bufbuild/protobuf';
import type { Engine } from '@sotto/engine';
import { IdentityError, normaliseName } from '@sotto/identity';
import { accountName, formatGatewayAddress, parseGatewayAddress, ProfileSchema, WireError } from '@sotto/wire';
import { StoredAccountSchema } from '@sotto/wire/stored';
import type { StoredAccount } from '@sotto/wire/stored';
import type { Clock } from '@sotto/transport';
import { EngineRoom } from '../core/engine-room.ts';
import { MessengerError } from '../error.ts';
import type { Ledger } from '../store/ledger.ts';
import { accounts, SELF } from '../store/tables.ts';
import { readAccount } from './own-account.ts';

/** What a person chose for a new account, checked. */
export interface AccountChoices {
  readonly gateway: string;
  readonly name: string;
  readonly deviceName: string;
  /** Empty: none asked for. */
  readonly accountName: string;
  readonly registrationCode: string;
}

interface Making {
  readonly ledger: Ledger;
  readonly engine: Engine;
  readonly clock: Clock;
}

/** Throws `invalid_argument`. */
export function checkChoices(choices: AccountChoices): AccountChoices {
  try {
    return {
      gateway: formatGatewayAddress(parseGatewayAddress(choices.gateway)),
      name: normaliseName(choices.name),
      deviceName: normaliseName(choices.deviceName),
      accountName: choices.accountName === '' ? '' : accountName(choices.accountName),
      registrationCode: choices.registrationCode,
    };
  } catch (cause) {
    if (!(cause instanceof WireError || cause instanceof IdentityError)) throw cause;
    throw new MessengerError('invalid_argument', cause.message, { cause });
  }
}

/**
 * Makes the account with its first device, or takes up one whose registration did not succeed, with other choices.
 * Durable when it resolves. Throws `account_exists`.
 */
export async function makeAccount({ ledger, engine, clock }: Making, choices: AccountChoices): Promise<void> {
  const known = ledger.read(readAccount);
  if (known !== null) {
    // Registered without the name it asked for: the name can still be chosen, the gateway no more.
    const finished = known.registered && known.wantedName === '';
    const elsewhere = known.registered && known.gateway !== choices.gateway;
    if (finished || elsewhere) throw new MessengerError('account_exists', 'there is an account in this vault');
    ledger.commit(({ write }) => accounts.put(write, SELF, choose(known, choices)));
    return;
  }
  const now = clock.now();
  const { deviceName } = choices;
  await new EngineRoom(engine, ledger).perform<'create-account', void>({
    request: { kind: 'create-account', deviceName, devices: 'multi', now },
    records: ['account/keys', 'device/keys'],
    commit: ({ write }, { account, device, statements }) => {
      const row = create(StoredAccountSchema, {
        account,
        device,
        deviceName,
        chain: [...statements],
        chainCheckedAt: BigInt(now),
      });
      accounts.put(write, SELF, choose(row, choices));
    },
  });
}

function choose(
  row: StoredAccount,
  { gateway, name, accountName: wanted, registrationCode }: AccountChoices,
): StoredAccount {
  row.gateway = gateway;
  row.registrationCode = registrationCode;
  row.wantedName = wanted;
  row.profile = create(ProfileSchema, { name, revision: 1n });
  return row;
}
