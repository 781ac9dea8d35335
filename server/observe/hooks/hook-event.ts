import { formatIpv4, formatIpv6, formatIpv6Cidr } from '../../../core/index.ts';
import { SERVER_LINK_LOCAL } from '../../../ip/index.ts';
import type { LiveSession, SessionEnd } from '../../control/index.ts';

/** A session that came up or ended, as scripts read it on standard input and webhooks in their body. */
export interface SessionEvent {
  readonly event: 'session.up' | 'session.down';
  /** ISO 8601. */
  readonly at: string;
  readonly session: string;
  readonly interface: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly method: string;
  /** Where the client's TCP connection comes from. */
  readonly peerAddress: string;
  readonly localIpv4: string;
  readonly remoteIpv4: string;
  /** The client's /64; absent without an IPv6 pool, as the two below. */
  readonly ipv6Prefix?: string;
  readonly localLinkLocal?: string;
  readonly remoteLinkLocal?: string;
  readonly dns: readonly string[];
  readonly wins: readonly string[];
  /** What is below is there at the end only. */
  readonly reason?: string;
  readonly seconds?: number;
  /** Of IP packets, to and from the client. */
  readonly bytesSent?: number;
  readonly bytesReceived?: number;
}

export function upEvent(session: LiveSession): SessionEvent {
  return { event: 'session.up', at: session.since.toISOString(), ...factsOf(session) };
}

export function downEvent(session: LiveSession, { reason, bytesIn, bytesOut }: SessionEnd, now: Date): SessionEvent {
  const seconds = Math.max(0, Math.round((now.getTime() - session.since.getTime()) / 1_000));
  return {
    event: 'session.down',
    at: now.toISOString(),
    ...factsOf(session),
    ...{ reason, seconds, bytesSent: bytesOut, bytesReceived: bytesIn },
  };
}

/** In place of a terminal's name and its speed, which pppd knows and we have nothing like. */
const DEVICE = 'sstp';
const SPEED = '0';
/** What `ip`, `tc` and `nft` are found by. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The six arguments that pppd gives to ip-up and ip-down (pppd(8), SCRIPTS); ipparam is the client's address. */
export function scriptArguments(event: SessionEvent): readonly string[] {
  return [event.interface, DEVICE, SPEED, event.localIpv4, event.remoteIpv4, event.peerAddress];
}

/** The variables that pppd sets for the same scripts, and ours; nothing of this process's own environment. */
export function scriptEnvironment(event: SessionEvent, uid: number): Record<string, string> {
  const isDown = event.event === 'session.down';
  const variables: Record<string, string | undefined> = {
    PATH,
    LANG: 'C.UTF-8',
    IFNAME: event.interface,
    DEVICE,
    SPEED,
    IPLOCAL: event.localIpv4,
    IPREMOTE: event.remoteIpv4,
    LLLOCAL: event.localLinkLocal,
    LLREMOTE: event.remoteLinkLocal,
    PEERNAME: event.user,
    ORIG_UID: String(uid),
    PPPLOGNAME: 'sstpd',
    DNS1: event.dns[0],
    DNS2: event.dns[1],
    WINS1: event.wins[0],
    WINS2: event.wins[1],
    CONNECT_TIME: event.seconds?.toString(),
    BYTES_SENT: event.bytesSent?.toString(),
    BYTES_RCVD: event.bytesReceived?.toString(),
    SSTPD_HOOK_EVENT: isDown ? 'down' : 'up',
    SSTPD_HOOK_SESSION: event.session,
    SSTPD_HOOK_PEER: event.peerAddress,
    SSTPD_HOOK_METHOD: event.method,
    SSTPD_HOOK_GROUPS: event.groups.join(','),
    SSTPD_HOOK_IPV6: event.ipv6Prefix,
    SSTPD_HOOK_REASON: event.reason,
  };
  return Object.fromEntries(
    Object.entries(variables).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}

type Facts = Omit<SessionEvent, 'event' | 'at' | 'reason' | 'seconds' | 'bytesSent' | 'bytesReceived'>;

function factsOf({ id, device, user, method, peerAddress, lease }: LiveSession): Facts {
  const { ipv4, ipv6, linkLocal } = lease;
  const withIpv6 = ipv6 && {
    ipv6Prefix: formatIpv6Cidr(ipv6),
    localLinkLocal: formatIpv6(SERVER_LINK_LOCAL),
    remoteLinkLocal: formatIpv6(linkLocal),
  };
  return {
    ...{ session: id, interface: device, user: user.name, groups: user.groups, method, peerAddress },
    localIpv4: formatIpv4(ipv4.serverAddress),
    remoteIpv4: formatIpv4(ipv4.address),
    ...withIpv6,
    dns: ipv4.dns.map(formatIpv4),
    wins: ipv4.wins.map(formatIpv4),
  };
}
