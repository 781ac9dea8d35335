import { X509Certificate } from 'node:crypto';
import { CertificateError, certificateBlocks, checkName } from '../certs/index.ts';
import { formatIpv4, type Ipv4 } from '../core/index.ts';
import type { ProfileFacts } from '../profile/index.ts';
import { chooseByName } from '../tls/index.ts';
import type { TlsMaterial } from './certificates/material.ts';
import { type Config, network } from './config/index.ts';

/** What files for clients are made of, besides the user. */
export interface ProfileSource {
  readonly config: Config;
  /** Names and addresses that clients may dial, the best first. */
  readonly names: readonly string[];
  readonly port: number;
  readonly tls: TlsMaterial;
  /** Of the own authority, if the certificate is its. */
  readonly caPem: string | undefined;
  readonly dns: readonly Ipv4[];
}

/**
 * @param host instead of the best name
 * @returns undefined if there is no name that can be dialled: a certificate may be for a wildcard alone
 */
export function profileFacts(
  user: string,
  source: ProfileSource,
  host: string | undefined = dialName(source.names),
): ProfileFacts | undefined {
  if (host === undefined) return undefined;
  const { config, port, tls, caPem, dns } = source;
  const { name, routes, dnsSuffix, alwaysOn } = config.profile;
  return {
    user,
    connection: name,
    host,
    port,
    methods: config.auth.methods,
    caPem,
    certificateSha256: shownSha256(tls, host),
    routes: routes.map((route) => String(network.show(route))),
    hasIpv6: config.pool.ipv6 !== undefined,
    dnsSuffix,
    dns: dns.map(formatIpv4),
    alwaysOn,
  };
}

/** The first that is no wildcard, as a client has to write it. */
export function dialName(names: readonly string[]): string | undefined {
  return names.map(clientName).find((name) => name !== undefined);
}

/** @returns undefined if no client could dial it; a name beyond ASCII becomes `xn--…` */
export function clientName(name: string): string | undefined {
  try {
    return name.startsWith('*.') ? undefined : checkName(name).text;
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}

function shownSha256({ certificates }: TlsMaterial, host: string): string {
  const shown = certificates[chooseByName(certificates, host)] ?? certificates[0];
  const [leaf = ''] = certificateBlocks(shown.certificatePem);
  return new X509Certificate(leaf).fingerprint256.replaceAll(':', '').toLowerCase();
}
