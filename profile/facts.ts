/** What the files for one user are made of. No password is among it: each client asks for that. */
export interface ProfileFacts {
  readonly user: string;
  /** The connection's name in the client. */
  readonly connection: string;
  /** A DNS name or an address, IPv6 without brackets: what the certificate is for. */
  readonly host: string;
  readonly port: number;
  /** The best first. */
  readonly methods: readonly ('mschapv2' | 'chap' | 'pap')[];
  /** PEM of our own authority, which clients have to be given; undefined if they know the issuer. */
  readonly caPem: string | undefined;
  /** Of the certificate that the host shows now, hexadecimal. */
  readonly certificateSha256: string;
  /** Networks behind the VPN as ADDRESS/LENGTH. None: all traffic takes it. */
  readonly routes: readonly string[];
  /** Whether the VPN has IPv6 addresses for clients. */
  readonly hasIpv6: boolean;
  readonly dnsSuffix: string | undefined;
  /** DNS servers inside the VPN. */
  readonly dns: readonly string[];
  /** Whether Windows connects by itself. */
  readonly alwaysOn: boolean;
}

/** What a person types: without the port that clients take by themselves. */
export function dialText({ host, port }: Pick<ProfileFacts, 'host' | 'port'>): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === 443 ? name : `${name}:${port}`;
}
