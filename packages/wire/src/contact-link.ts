import { bech32m } from '@scure/base';
import { accountName } from './account-name.ts';
import type { AccountName } from './account-name.ts';
import { asciiBytes, concatBytes } from './bytes.ts';
import { WireError } from './error.ts';
import { formatGatewayAddress } from './gateway-address.ts';
import type { GatewayAddress } from './gateway-address.ts';
import { formatHost, parseHost } from './host.ts';
import { accountId } from './ids.ts';
import type { AccountId } from './ids.ts';
import { requireVersion } from './suites.ts';

/** What one person hands another to be found: a QR code or a line of text. */
export interface ContactLink {
  readonly account: AccountId;
  readonly gateway: GatewayAddress;
  /** Name at that gateway: a hint to show; the AccountId is what counts. */
  readonly accountName: AccountName | null;
}

const VERSION = 1;
const PREFIX = 'sotto:contact/';
/** Longest payload: 253 characters of host, 32 of name, keys and counts. */
const MAX_CHARACTERS = 640;
const HOST_KIND = { name: 0, ipv4: 4, ipv6: 6 } as const;

/**
 * `sotto:contact/…`: version ‖ account ‖ pin ‖ port ‖ host ‖ name in bech32m, whose checksum catches typing errors.
 * About 150 characters; upper-case it for a QR code, which then needs a third less space.
 */
export function formatContactLink(link: ContactLink): string {
  const { gateway } = link;
  formatGatewayAddress(gateway); // refuses a bad address
  const name = asciiBytes(link.accountName ?? '');
  const payload = concatBytes(
    Uint8Array.of(VERSION),
    accountId(link.account),
    gateway.pin,
    Uint8Array.of(gateway.port >> 8, gateway.port & 0xff, HOST_KIND[gateway.host.kind]),
    hostBytes(gateway.host),
    Uint8Array.of(name.length),
    name,
  );
  const encoded: string = bech32m.encode('contact', bech32m.toWords(payload), false);
  return encoded.replace('contact1', PREFIX);
}

/**
 * Parses a link in either case. Throws `WireError`: `malformed` (not a contact link), `checksum` (mistyped),
 * `unknown_version` (made by a newer program), `too_large`, `text`, `range`, `length`.
 */
export function parseContactLink(text: string): ContactLink {
  if (text.length > MAX_CHARACTERS) throw new WireError('too_large', 'the link is too long');
  const lower = text.toLowerCase();
  if (!lower.startsWith(PREFIX)) throw new WireError('malformed', 'a contact link begins with sotto:contact/');
  const reader = new PayloadReader(decodeChecked(lower.slice(PREFIX.length)));
  requireVersion(reader.byte(), VERSION);
  const account = accountId(reader.take(32));
  const pin = reader.take(32);
  const port = (reader.byte() << 8) | reader.byte();
  const host = readHost(reader);
  const name = String.fromCharCode(...reader.take(reader.byte()));
  reader.end();
  const link = {
    account,
    gateway: { host, port, pin },
    accountName: name === '' ? null : accountName(name),
  };
  formatGatewayAddress(link.gateway); // refuses port 0
  return link;
}

function hostBytes(host: GatewayAddress['host']): Uint8Array {
  if (host.kind !== 'name') return host.bytes;
  const name = asciiBytes(formatHost(host));
  return concatBytes(Uint8Array.of(name.length), name);
}

function readHost(reader: PayloadReader): GatewayAddress['host'] {
  switch (reader.byte()) {
    case HOST_KIND.ipv4:
      return { kind: 'ipv4', bytes: reader.take(4) };
    case HOST_KIND.ipv6:
      return { kind: 'ipv6', bytes: reader.take(16) };
    case HOST_KIND.name: {
      const host = parseHost(String.fromCharCode(...reader.take(reader.byte())));
      if (host.kind === 'name') return host;
    }
  }
  throw new WireError('malformed', 'an unknown kind of host');
}

function decodeChecked(data: string): Uint8Array {
  if (!/^[02-9ac-hj-np-z]+$/.test(data)) throw new WireError('checksum', 'a character that no link contains');
  try {
    return bech32m.fromWords(bech32m.decode(`contact1${data}`, false).words);
  } catch (cause) {
    throw new WireError('checksum', 'the link is mistyped or incomplete', { cause });
  }
}

class PayloadReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    const [byte = 0] = this.take(1);
    return byte;
  }

  take(length: number): Uint8Array {
    const part = this.#bytes.slice(this.#at, this.#at + length);
    if (part.length !== length) throw new WireError('malformed', 'truncated');
    this.#at += length;
    return part;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new WireError('malformed', 'trailing bytes');
  }
}
