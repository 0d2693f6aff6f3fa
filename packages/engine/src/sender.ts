import { activeDevice, IdentityError, stateAt } from '@sotto/identity';
import type { AccountView } from '@sotto/identity';
import type { InitialMessage, RemoteDevice } from '@sotto/ratchet';
import { equalBytes, idHex } from '@sotto/wire';
import type { AccountId, DeviceId } from '@sotto/wire';
import { MAX_CARRIED_CHAIN } from './chains.ts';
import type { ChainCache, KnownChain } from './chains.ts';
import type { ProcessResult } from './engine.ts';
import { EngineError } from './error.ts';
import { remoteDevice } from './own-device.ts';

export type SenderFound =
  | {
      readonly kind: 'found';
      readonly device: RemoteDevice;
      /** What the message carried. */
      readonly chain: readonly Uint8Array[] | null;
    }
  | { readonly kind: 'refused'; readonly result: ProcessResult };

const refused = (result: ProcessResult): SenderFound => ({ kind: 'refused', result });
const unreadable = (reason: 'invalid-sender' | 'revoked-sender'): SenderFound =>
  refused({ kind: 'unreadable', reason });

/**
 * Who claims to have sent a first message, as the chain certifies them up to the head that the message names. `known` is
 * what the caller knows of the sender's chain. Nothing of the message is authenticated yet.
 */
export function findSender(
  chains: ChainCache,
  initial: InitialMessage,
  known: readonly Uint8Array[] | null,
): SenderFound {
  const { senderHead: head, senderDevice } = initial;
  const needed = refused({ kind: 'need-chain', account: head.account, sequence: head.sequence });
  if (initial.senderChain === null && known === null) return needed;
  if (initial.senderChain !== null && initial.senderChain.length > MAX_CARRIED_CHAIN)
    return unreadable('invalid-sender');
  let carried: KnownChain | null;
  let view: AccountView;
  try {
    carried = initial.senderChain === null ? null : chains.serialised(initial.senderChain);
    view = joined(chains, carried, known);
  } catch (error) {
    if (error instanceof IdentityError || error instanceof EngineError) return unreadable('invalid-sender');
    throw error;
  }
  if (!equalBytes(view.account, head.account)) return unreadable('invalid-sender');
  const lookup = stateAt(view, head);
  if (lookup.kind === 'ahead') return needed;
  if (lookup.kind === 'fork') return unreadable('invalid-sender');
  const standing = standingOf(view, senderDevice);
  if (standing !== 'active') return unreadable(standing === 'revoked' ? 'revoked-sender' : 'invalid-sender');
  const entry = activeDevice(lookup.state, senderDevice);
  if (entry === null) return unreadable('invalid-sender');
  return {
    kind: 'found',
    device: remoteDevice(entry, head),
    chain: carried?.statements.map((statement) => statement.slice()) ?? null,
  };
}

/**
 * Where a device stands in a chain. A revocation counts on every branch that is shown: by the sibling rule a statement
 * about the time before can make it void, and its signer may be the very device that was revoked.
 */
function standingOf(view: AccountView, device: DeviceId): 'active' | 'revoked' | 'unknown' {
  for (const { statement } of view.history.nodes.values()) {
    if (statement.body.kind === 'revoke-device' && equalBytes(statement.body.device, device)) return 'revoked';
  }
  return view.devices.get(idHex(device))?.state.kind ?? 'unknown';
}

/** Whether what the caller knows of an account speaks against a device of it: revoked, or another account. */
export function isRefused(
  chains: ChainCache,
  account: AccountId,
  device: DeviceId,
  known: readonly Uint8Array[],
): 'revoked-sender' | 'invalid-sender' | null {
  let view: AccountView;
  try {
    view = chains.view(known);
  } catch (error) {
    if (error instanceof IdentityError || error instanceof EngineError) return 'invalid-sender';
    throw error;
  }
  if (!equalBytes(view.account, account)) return 'invalid-sender';
  const standing = standingOf(view, device);
  if (standing === 'active') return null;
  return standing === 'revoked' ? 'revoked-sender' : 'invalid-sender';
}

function joined(chains: ChainCache, carried: KnownChain | null, known: readonly Uint8Array[] | null): AccountView {
  if (carried === null) return chains.view(known ?? []);
  if (known === null || known.length === 0) return carried.view;
  return chains.merge(chains.view(known), carried.statements);
}
