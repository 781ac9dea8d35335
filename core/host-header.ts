import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * The host that a Host header names (RFC 9110 7.2), in lower case, without port, brackets and final dot.
 *
 * @returns undefined if it names none
 */
export function hostOf(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_.-]{1,254}))(?::\d{0,5})?$/i.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '') || undefined;
}

/**
 * Host and port that a request is for: those of an absolute target, which count more than the header, else the header's
 * (RFC 9112 3.2.2). Two programs must not read two hosts out of one request, so what could be read in two ways is none.
 *
 * @returns '' if it says none; undefined if it says more than one, or no host at all: the answer is 400 (RFC 9112 3.2)
 */
export function authorityOf({ url = '', rawHeaders }: Pick<IncomingMessage, 'url' | 'rawHeaders'>): string | undefined {
  const headers = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === 'host');
  if (headers.length > 1) return undefined;
  const [header = ''] = headers;
  if (header !== '' && hostOf(header) === undefined) return undefined;
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1];
  if (absolute === undefined) return header;
  return hostOf(absolute) === undefined ? undefined : absolute;
}

/** What no name server is asked about: an address, or this machine. */
export function isLocalName(host: string): boolean {
  return isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost');
}

/**
 * Whether a request may be answered where no stranger's page is to read along: whoever resolves a name of his own to our
 * address (DNS rebinding) has a page of the same origin there. So the name has to be one that nobody is asked about, or ours.
 *
 * @param isOwnName of a DNS name in lower case
 */
export function isForUs(
  request: Pick<IncomingMessage, 'url' | 'rawHeaders'>,
  isOwnName: (name: string) => boolean,
): boolean {
  const host = hostOf(authorityOf(request));
  return host !== undefined && (isLocalName(host) || isOwnName(host));
}
