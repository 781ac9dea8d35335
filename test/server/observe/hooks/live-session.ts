import type { LiveSession } from '../../../../server/control/session-observer.ts';

/** A session that is up. */
export function liveSession(
  options: { readonly id?: string; readonly user?: string; readonly address?: number; readonly ipv6?: true } = {},
): LiveSession & { readonly disconnects: string[] } {
  const { id = '00aabbcc', user = 'ann', address = 0x0a560002, ipv6 } = options;
  const disconnects: string[] = [];
  const linkLocal = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0x56, 0, 2);
  const prefix = Uint8Array.of(0xfd, 0, 0, 0x86, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0);
  return {
    id,
    peerAddress: '192.0.2.7',
    device: 'sstp0',
    user: {
      name: user,
      enabled: true,
      ipv4: undefined,
      groups: ['staff', 'vpn'],
      createdAt: new Date(0),
      lastLoginAt: undefined,
      secretKind: 'password',
      isWeak: false,
    },
    method: 'mschapv2',
    lease: {
      ipv4: { address, serverAddress: 0x0a560001, dns: [0x09090909, 0x01010101], wins: [0x0a000005] },
      ipv6: ipv6 && { address: prefix, prefixLength: 64 },
      interfaceId: linkLocal.subarray(8),
      linkLocal,
    },
    since: new Date('2026-01-01T00:00:00Z'),
    traffic: () => ({ bytesIn: 0, bytesOut: 0 }),
    policy: () => ({ revision: 0 }),
    setPolicy: () => {},
    disconnect: (reason) => void disconnects.push(reason),
    disconnects,
  };
}
