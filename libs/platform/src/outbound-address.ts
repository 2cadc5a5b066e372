// Which addresses a webhook may be delivered to. IPv6 is refused but for global unicast, and there
// for the ranges that carry an IPv4 address or lead to nobody in particular.

import { BlockList, isIP } from 'node:net';

type Range = readonly [network: string, prefixBits: number];

const refusedV4: readonly Range[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local; cloud metadata lives here.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // Multicast, reserved and broadcast.
  ['224.0.0.0', 3],
  // Metadata and wire server of two clouds, in public ranges.
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
];

const refusedV6: readonly Range[] = [
  // Protocol assignments, Teredo among them.
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const globalUnicastV6: Range = ['2000::', 3];

function listOf(ranges: readonly Range[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const [network, prefixBits] of ranges) list.addSubnet(network, prefixBits, family);
  return list;
}

const refused = { 4: listOf(refusedV4, 'ipv4'), 6: listOf(refusedV6, 'ipv6') } as const;
const globalUnicast = listOf([globalUnicastV6], 'ipv6');
const loopback = listOf([['127.0.0.0', 8]], 'ipv4');

/** Neither this machine, nor its network, nor its cloud. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !refused[4].check(address, 'ipv4');
  if (family !== 6 || address.includes('%')) return false;
  return globalUnicast.check(address, 'ipv6') && !refused[6].check(address, 'ipv6');
}

/** This machine. */
export function isLoopbackAddress(address: string): boolean {
  const family = isIP(address);
  return family === 4 ? loopback.check(address, 'ipv4') : family === 6 && address === '::1';
}
