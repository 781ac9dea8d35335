/**
 * The address in `192.0.2.1:5000`, `[2001:db8::1]:5000` (RFC 5952 §6) or an address alone: without the port, and without
 * brackets. Another port is the same peer, and a peer whose port nobody noted is so too.
 */
export function addressOf(endpoint: string): string {
  const [, ipv4, ipv6] = /^(?:([^:[]+)(?::\d+)?|\[(.+)\](?::\d+)?)$/s.exec(endpoint) ?? [];
  return ipv4 ?? ipv6 ?? endpoint;
}

/** Address and port as in a URL: an IPv6 address in brackets. */
export function formatEndpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
