import { WireError } from './error.ts';

/** A host: DNS name, IPv4 address (4 bytes) or IPv6 address (16 bytes). */
export type Host =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'ipv4'; readonly bytes: Uint8Array }
  | { readonly kind: 'ipv6'; readonly bytes: Uint8Array };

// RFC 1123 §2.1: letters, digits, hyphens inside, 63 a label, 253 in all.
const NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const IPV4 = /^(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}$/;

/** Reads a lower-case host; IPv6 stands in brackets. Throws `WireError`: `text`, `not_canonical`. */
export function parseHost(text: string): Host {
  if (text.startsWith('[') && text.endsWith(']')) {
    const bytes = parseIpv6(text.slice(1, -1));
    if (formatIpv6(bytes) !== text.slice(1, -1)) throw new WireError('not_canonical', 'not the shortest IPv6 form');
    return { kind: 'ipv6', bytes };
  }
  if (IPV4.test(text)) {
    const parts = text.split('.').map(Number);
    if (parts.some((part) => part > 255)) throw new WireError('text', 'not an IPv4 address');
    return { kind: 'ipv4', bytes: Uint8Array.from(parts) };
  }
  // A last label of digits (or 0x…) would be read as an odd IPv4 form by some resolvers.
  if (!NAME.test(text) || /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/.test(text)) throw new WireError('text', 'not a host name');
  return { kind: 'name', name: text };
}

/** Inverse of `parseHost`. Throws `WireError`: `length`, `text`. */
export function formatHost(host: Host): string {
  if (host.kind === 'ipv6') return `[${formatIpv6(host.bytes)}]`;
  if (host.kind === 'ipv4') {
    if (host.bytes.length !== 4) throw new WireError('length', 'an IPv4 address has 4 bytes');
    return host.bytes.join('.');
  }
  if (parseHost(host.name).kind !== 'name') throw new WireError('text', 'not a host name');
  return host.name;
}

/** Host as sockets and URLs outside Sotto want it: without brackets. */
export function hostName(host: Host): string {
  return host.kind === 'ipv6' ? formatIpv6(host.bytes) : formatHost(host);
}

/** RFC 4291 §2.2, hexadecimal groups only: no zone, no embedded dotted form. */
function parseIpv6(text: string): Uint8Array {
  const halves = text.split('::');
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = groups;
  const given = head.length + tail.length;
  const fits = halves.length === 1 ? given === 8 : halves.length === 2 && given <= 7;
  if (!fits || ![...head, ...tail].every((group) => /^[0-9a-f]{1,4}$/.test(group))) {
    throw new WireError('text', 'not an IPv6 address');
  }
  const all = [...head, ...Array.from({ length: 8 - given }, () => '0'), ...tail];
  return Uint8Array.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

/** RFC 5952 §4: shortest groups, the first longest run of two or more zeros as `::`. */
function formatIpv6(bytes: Uint8Array): string {
  if (bytes.length !== 16) throw new WireError('length', 'an IPv6 address has 16 bytes');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  let longest = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > longest.length) longest = { start, length: end - start };
  }
  if (longest.length < 2) return groupsText(groups);
  return `${groupsText(groups.slice(0, longest.start))}::${groupsText(groups.slice(longest.start + longest.length))}`;
}

function groupsText(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}
