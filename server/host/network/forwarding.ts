/** Makes the host a router: the sysctls for it, and what an IPv6 host must be told so that it stays reachable itself. */
import { access, constants } from 'node:fs/promises';
import { ipJson, isRecord } from './command.ts';
import { readSysctl, type SysctlOutcome, sysctlName, writeSysctl } from './sysctl.ts';

export const IPV4_FORWARDING = 'net/ipv4/ip_forward';
export const IPV6_FORWARDING = 'net/ipv6/conf/all/forwarding';

export interface ForwardingResult {
  readonly lines: string[];
  /** The settings that were off and now are on; they stay on. */
  readonly written: string[];
}

/** `on`; `off`, but this process may turn it on; `closed`: off, and it may not; `absent`: the kernel has no such thing. */
export type ForwardingState = 'on' | 'off' | 'closed' | 'absent';

export async function forwardingState(family: 'ipv4' | 'ipv6'): Promise<ForwardingState> {
  const path = family === 'ipv4' ? IPV4_FORWARDING : IPV6_FORWARDING;
  const value = await readSysctl(path);
  if (value === undefined) return 'absent';
  if (value === '1') return 'on';
  return await access(`/proc/sys/${path}`, constants.W_OK).then(
    () => 'off' as const,
    () => 'closed' as const,
  );
}

/** Turns on what is off. Never rejects for a setting: what can't be written becomes a line. */
export async function turnOnForwarding(withIpv6: boolean): Promise<ForwardingResult> {
  const ipv4 = await turnOn(IPV4_FORWARDING, 'IPv4 forwarding', 'IPv4 clients get no further than this server');
  if (!withIpv6) return ipv4;
  const ipv6 = await turnOnIpv6();
  return { lines: [...ipv4.lines, ...ipv6.lines], written: [...ipv4.written, ...ipv6.written] };
}

/**
 * A router ignores Router Advertisements unless accept_ra is 2, and loses a default route that came by one the moment
 * it becomes a router. Where accept_ra is 0 something else (networkd, NetworkManager) handles them, and is left alone.
 */
async function turnOnIpv6(): Promise<ForwardingResult> {
  const result: ForwardingResult = { lines: [], written: [] };
  if ((await readSysctl(IPV6_FORWARDING)) === '1') {
    result.lines.push('IPv6 forwarding is on');
    return result;
  }
  for (const device of await devicesWithAdvertisedRoute()) {
    const path = `net/ipv6/conf/${device}/accept_ra`;
    if ((await readSysctl(path)) !== '1') continue;
    if ((await writeSysctl(path, '2')) === 'refused') {
      result.lines.push(
        `WARNING: IPv6 forwarding stays off, or ${device} would lose its default route; outside: sysctl -w ${sysctlName(path)}=2 ${sysctlName(IPV6_FORWARDING)}=1`,
      );
      return result;
    }
    result.written.push(path);
    result.lines.push(`${device} keeps its IPv6 default route (${sysctlName(path)}=2)`);
  }
  const on = await turnOn(IPV6_FORWARDING, 'IPv6 forwarding', 'IPv6 clients get no further than this server');
  return { lines: [...result.lines, ...on.lines], written: [...result.written, ...on.written] };
}

async function devicesWithAdvertisedRoute(): Promise<string[]> {
  const routes = await ipJson(['-6', 'route', 'show', 'default']);
  const devices = routes.filter((route) => route.protocol === 'ra').flatMap(devicesOf);
  return [...new Set(devices)];
}

function devicesOf(route: Record<string, unknown>): string[] {
  const hops = Array.isArray(route.nexthops) ? route.nexthops.filter(isRecord) : [];
  return [route, ...hops].flatMap(({ dev }) => (typeof dev === 'string' ? [dev] : []));
}

async function turnOn(path: string, what: string, otherwise: string): Promise<ForwardingResult> {
  const outcome: SysctlOutcome = await writeSysctl(path, '1');
  const setting = `${sysctlName(path)}=1`;
  switch (outcome) {
    case 'unchanged':
      return { lines: [`${what} is on`], written: [] };
    case 'written':
      return { lines: [`${what} turned on (${setting})`], written: [path] };
    case 'absent':
      return { lines: [`WARNING: this kernel has no ${sysctlName(path)}: ${otherwise}`], written: [] };
    case 'refused':
      return {
        lines: [
          `WARNING: ${what} is off and can't be turned on from here: ${otherwise}; outside: sysctl -w ${setting}, for a container: docker run --sysctl ${setting}`,
        ],
        written: [],
      };
    default:
      return outcome satisfies never;
  }
}
