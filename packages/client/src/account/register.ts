import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayTransport } from '@sotto/gateway-api';
import { fromGateway } from '../core/background.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { MessengerErrorCode } from '../error.ts';

/**
 * Registers the device at its gateway, claims the name asked for. Each step is stored as it succeeds and safe to repeat.
 * Throws `registration_refused`, `name_taken`, `unreachable`, `refused`, `revoked`, `untrusted`.
 */
export async function register(core: Core, transport: GatewayTransport, signal: AbortSignal): Promise<void> {
  const { chain, registrationCode, registered } = core.own.row();
  if (!registered) {
    const code = registrationCode === '' ? {} : { code: registrationCode };
    const mailbox = await calling(() => transport.device.register({ statements: chain, ...code }, { signal }));
    core.ledger.commit((tx) =>
      core.own.update(tx, (row) => {
        row.mailbox = mailbox;
        row.registered = true;
        row.unpublished = 0;
      }),
    );
  }
  const { wantedName } = core.own.row();
  if (wantedName !== '') await claimName(core, transport, wantedName, signal);
}

/** Makes the name the account's. Throws `name_taken`, `invalid_argument`, `unreachable`, `refused`. */
export async function claimName(
  core: Core,
  transport: GatewayTransport,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await calling(() => transport.device.claimName(name, { signal }), 'name_taken');
  core.ledger.commit((tx) =>
    core.own.update(tx, (row) => {
      row.accountName = name;
      row.wantedName = '';
    }),
  );
}

/** A call to the own gateway, its failures as callers of the SDK know them. */
export async function calling<T>(call: () => Promise<T>, onConflict: MessengerErrorCode = 'refused'): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (!(cause instanceof GatewayApiError)) throw cause;
    if (cause.code === 'registration-closed') {
      throw new MessengerError('registration_refused', 'the gateway does not take this registration', { cause });
    }
    if (cause.code === 'conflict') throw new MessengerError(onConflict, 'it is taken, or has moved on', { cause });
    if (cause.code === 'malformed') {
      throw new MessengerError('invalid_argument', 'the gateway does not accept this', { cause });
    }
    throw fromGateway(cause);
  }
}
