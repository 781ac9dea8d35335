import { isIP } from 'node:net';

/**
 * The host that a Host header names (RFC 9110 7.2), in lower case, without port, brackets and final dot.
 *
 * @returns undefined if it names none
 */
export function hostOf(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_.-]{1,254}))(?::\d{1,5})?$/i.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '') || undefined;
}

/** What no name server is asked about: an address, or this machine. */
export function isLocalName(host: string): boolean {
  return isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost');
}
