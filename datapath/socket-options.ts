/** The TCP socket below a tunnel's TLS connection. */
import type { Socket } from 'node:net';
import { fs } from '../core/index.ts';

const AVAILABLE = '/proc/sys/net/ipv4/tcp_available_congestion_control';

/**
 * The congestion control for the TCP connections of tunnels. BBR does not take loss for congestion, so the flows inside
 * hardly notice any (at 1 % loss twelve times what cubic carries), and it leaves shorter queues in routers.
 *
 * @param wanted `auto`: BBR where the kernel has it; `system`: what the system says; else a name
 * @returns empty for the system's
 */
export function congestionControlFor(
  wanted: string,
  available: readonly string[] = availableCongestionControls(),
): string {
  if (wanted === 'system') return '';
  if (wanted === 'auto') return available.includes('bbr') ? 'bbr' : '';
  return wanted;
}

/** What the kernel has loaded or can use. */
export function availableCongestionControls(): string[] {
  try {
    return fs.readFileSync(AVAILABLE, 'utf8').trim().split(/\s+/);
  } catch {
    return []; // no /proc: then the system's is what there is
  }
}

/**
 * The descriptor of a socket, TLS or not, or -1 if it has none of its own. Node has no public name for it; without it
 * a link works, but its queue stands where nobody manages it.
 */
export function descriptorOf(socket: Socket): number {
  const { fd } = (socket as { _handle?: { fd?: unknown } | null })._handle ?? {};
  return typeof fd === 'number' ? fd : -1;
}
