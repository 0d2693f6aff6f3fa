import { EngineError } from '@sotto/engine';
import type { GatewayTransport } from '@sotto/gateway-api';
import { activeDevice } from '@sotto/identity';
import { deviceId } from '@sotto/wire';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { RevocationReason } from '../messenger.ts';
import type { DeviceRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceOf } from '../store/refs.ts';
import { calling } from './register.ts';

export interface Revocation {
  readonly device: DeviceRef;
  readonly reason: RevocationReason;
  readonly signal: AbortSignal;
}

/**
 * Signs and publishes that a device is out. The statement is stored before it is published, so that a crash between the
 * two publishes the same one later. Throws `not_found`, `wrong_state`, `unreachable`, `refused`.
 */
export async function revokeDevice(
  core: Core,
  transport: GatewayTransport,
  { device: ref, reason, signal }: Revocation,
): Promise<void> {
  const device = deviceId(deviceOf(ref));
  if (ref === core.self.deviceRef) throw new MessengerError('wrong_state', 'a device does not revoke itself');
  if (activeDevice(core.own.view, device) === null) throw new MessengerError('not_found', 'no such active device');
  const statement = await signRevocation(core, device, reason);
  core.ledger.commit((tx) => addStatement(tx, core, statement));
  try {
    await publishStatements(core, transport, signal);
  } finally {
    // Until the gateway has it, it is tried again in the background.
    core.bells.ring('devices', null);
  }
}

async function signRevocation(core: Core, device: Uint8Array, reason: RevocationReason): Promise<Uint8Array> {
  try {
    const { statement } = await core.engine.ask(
      {
        kind: 'sign-statement',
        chain: core.own.identity().chain,
        statement: { kind: 'revoke-device', device, reason },
        now: core.clock.now(),
      },
      ['device/keys'],
    );
    return statement;
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw new MessengerError('wrong_state', 'this device may not revoke that one', { cause });
  }
}

/** Puts a statement signed here at the end of the own chain; it is published in the background if need be. */
function addStatement(tx: Tx, core: Core, statement: Uint8Array): void {
  core.own.extendChain(tx, [statement]);
  core.own.update(tx, (row) => {
    row.unpublished++;
  });
  tx.ring('account', core.self.accountRef);
}

/** Publishes what the gateway has not confirmed. Throws `unreachable`, `refused`. */
export async function publishStatements(core: Core, transport: GatewayTransport, signal: AbortSignal): Promise<void> {
  const { unpublished, chain } = core.own.row();
  if (unpublished === 0) return;
  await calling(() => transport.device.publish(chain.slice(-unpublished), { signal }));
  core.ledger.commit((tx) =>
    core.own.update(tx, (row) => {
      row.unpublished = Math.max(0, row.unpublished - unpublished);
      row.chainCheckedAt = BigInt(core.clock.now());
    }),
  );
}
