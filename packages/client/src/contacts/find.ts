import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayTransport } from '@sotto/gateway-api';
import type { AccountView } from '@sotto/identity';
import {
  accountId,
  accountName,
  equalBytes,
  formatGatewayAddress,
  parseContactLink,
  parseGatewayAddress,
  WireError,
} from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import { judgeChain } from '../chains/judge.ts';
import { fromGateway } from '../core/background.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { accountRef } from '../store/refs.ts';
import type { ContactLinkInfo } from './types.ts';

/** An account as a link or a name leads to it, its chain verified. */
export interface FoundAccount {
  readonly account: AccountId;
  readonly gateway: string;
  /** Name at that gateway; null: not known. */
  readonly accountName: string | null;
  readonly view: AccountView;
}

type Lead =
  | { readonly kind: 'link'; readonly account: AccountId; readonly gateway: string; readonly name: string | null }
  | { readonly kind: 'name'; readonly name: string; readonly gateway: string };

const LINK = 'sotto:contact/';

/** Throws `invalid_argument`. */
export function readLink(link: string): ContactLinkInfo {
  const { account, gateway, name } = linkLead(link.trim());
  return { account: accountRef(account), gateway, name };
}

function leadOf(text: string, ownGateway: string): Lead {
  return text.toLowerCase().startsWith(LINK) ? linkLead(text) : nameLead(text, ownGateway);
}

function linkLead(text: string): Extract<Lead, { kind: 'link' }> {
  return reading(() => {
    const link = parseContactLink(text);
    const gateway = formatGatewayAddress(link.gateway);
    return { kind: 'link', account: link.account, gateway, name: link.accountName };
  });
}

function nameLead(text: string, ownGateway: string): Extract<Lead, { kind: 'name' }> {
  return reading(() => {
    const at = text.indexOf('@');
    const gateway = at < 0 ? ownGateway : formatGatewayAddress(parseGatewayAddress(text.slice(at + 1)));
    const name = accountName((at < 0 ? text : text.slice(0, at)).toLowerCase());
    return { kind: 'name', name, gateway };
  });
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new MessengerError('invalid_argument', `neither a contact link nor a name: ${cause.message}`, { cause });
  }
}

/**
 * Finds an account and verifies its chain, which must hash to the account of the link. A name is the gateway's word: who
 * it leads to is for the two people to verify. Throws `invalid_argument`, `not_found`, `untrusted`, `unreachable`,
 * `refused`, `aborted`.
 */
export async function findAccount(
  core: Core,
  transport: GatewayTransport,
  linkOrName: string,
  signal: AbortSignal,
): Promise<FoundAccount> {
  const lead = leadOf(linkOrName.trim(), core.own.gateway);
  try {
    const directory = transport.directory(lead.gateway);
    const account = lead.kind === 'link' ? lead.account : accountId(await directory.resolveName(lead.name, { signal }));
    const view = judgeChain(core.provider, await directory.chain(account, 0, { signal }));
    if (!equalBytes(view.account, account)) {
      throw new MessengerError('untrusted', 'the gateway shows the chain of another account');
    }
    return { account, gateway: lead.gateway, accountName: lead.name, view };
  } catch (cause) {
    if (!(cause instanceof GatewayApiError)) throw cause;
    if (cause.code === 'not-found') throw new MessengerError('not_found', 'no such account there', { cause });
    throw fromGateway(cause);
  }
}
