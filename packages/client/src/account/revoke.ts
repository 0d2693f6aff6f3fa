import { EngineError } from '@sotto/engine';
import type { EngineRequest } from '@sotto/engine';
import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayTransport } from '@sotto/gateway-api';
import { activeDevice } from '@sotto/identity';
import type { AccountView, StatementBody } from '@sotto/identity';
import { deviceId, idHex } from '@sotto/wire';
import { judgeChain, judgeMore } from '../chains/judge.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { RevocationReason } from '../messenger.ts';
import type { DeviceRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceOf } from '../store/refs.ts';
import { calling } from './register.ts';

/** Own devices that publish at the same time, each time. */
const MOST_REBASES = 5;

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

/**
 * Publishes what the gateway has not confirmed. Whoever has published on the same statement meanwhile goes first: what is
 * meant here is then signed anew on top of it. Throws `unreachable`, `refused`, `untrusted`.
 */
export async function publishStatements(core: Core, transport: GatewayTransport, signal: AbortSignal): Promise<void> {
  for (let attempts = 1; core.own.row().unpublished > 0; attempts++) {
    await rebaseStatements(core, transport, signal);
    const { unpublished, chain } = core.own.row();
    if (unpublished === 0) return;
    try {
      await calling(() => transport.device.publish(chain.slice(-unpublished), { signal }));
    } catch (cause) {
      // Somebody was faster between the two calls.
      const refusal = cause instanceof MessengerError ? cause.cause : null;
      const isBeaten = refusal instanceof GatewayApiError && refusal.code === 'conflict';
      if (!isBeaten || attempts >= MOST_REBASES) throw cause;
      continue;
    }
    core.ledger.commit((tx) =>
      core.own.update(tx, (row) => {
        row.unpublished = Math.max(0, row.unpublished - unpublished);
        row.chainCheckedAt = BigInt(core.clock.now());
      }),
    );
  }
}

/** Brings unpublished statements on top of what the gateway has. */
async function rebaseStatements(core: Core, transport: GatewayTransport, signal: AbortSignal): Promise<void> {
  const { statements } = core.own.view;
  const { unpublished } = core.own.row();
  const published = statements.slice(0, statements.length - unpublished).map(({ bytes }) => bytes);
  const before = judgeChain(core.provider, published);
  const from = Math.max(0, published.length - 1);
  const directory = transport.directory(core.own.gateway);
  const shown = await calling(() => directory.chain(core.self.account, from, { signal }));
  const judged = judgeMore(core.provider, before, shown);
  if (judged.kind === 'conflict') throw new MessengerError('untrusted', 'the gateway shows another chain');
  if (judged.kind === 'same') return;
  // Who was taken out by those statements can only contest them, in the place where its own stand: the gateway judges.
  if (activeDevice(judged.view, core.self.device) === null) return;
  const pending = statements.slice(statements.length - unpublished).map(({ body }) => body);
  const signed = await signAnew(core, judged.view, pending);
  core.ledger.commit((tx) => {
    core.own.rebase(tx, judged.view, signed);
    tx.ring('account', core.self.accountRef);
    tx.ring('devices', null);
    tx.ring('parked', null);
  });
}

/** The same intents on top of another chain, without those that it fulfils already. */
async function signAnew(core: Core, base: AccountView, bodies: readonly StatementBody[]): Promise<Uint8Array[]> {
  const chain = base.statements.map(({ bytes }) => bytes);
  const signed: Uint8Array[] = [];
  for (const body of bodies) {
    const draft = draftOf(body, base);
    if (draft === null) continue;
    const { statement } = await core.engine.ask(
      { kind: 'sign-statement', chain: [...chain, ...signed], statement: draft, now: core.clock.now() },
      ['device/keys'],
    );
    signed.push(statement);
  }
  return signed;
}

function draftOf(body: StatementBody, base: AccountView): EngineRequest<'sign-statement'>['statement'] | null {
  if (body.kind === 'revoke-device') {
    const { device, reason } = body;
    return activeDevice(base, device) === null ? null : { kind: 'revoke-device', device, reason };
  }
  if (body.kind === 'add-device') {
    const { device, bytes } = body.device;
    return base.devices.has(idHex(device)) ? null : { kind: 'add-device', certificate: bytes };
  }
  throw new MessengerError('internal', 'a statement of a kind that is not signed here');
}
