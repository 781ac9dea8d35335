/** What TLS shows, in a form that can be sent to another process. */
import { X509Certificate } from 'node:crypto';
import { domainToASCII } from 'node:url';
import { chooseByName, createServerTls, type TlsServerContext } from '../../tls/index.ts';
import type { Config } from '../config/index.ts';

export interface ShownCertificate {
  /** Leaf first, then the chain. */
  readonly certificatePem: string;
  readonly keyPem: string;
  /** DNS names in lower case that it is shown for. */
  readonly names: readonly string[];
  /** An OCSP response to staple. */
  readonly ocsp: Buffer | undefined;
  /** From our own authority, whose certificate clients must be given. */
  readonly isOwn: boolean;
}

export interface AcmeChallenge {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly names: readonly string[];
}

export interface TlsMaterial {
  /** The first is for all clients that ask for no name of another. */
  readonly certificates: readonly [ShownCertificate, ...ShownCertificate[]];
  /** What an ACME authority is shown, by name. */
  readonly challenges: readonly AcmeChallenge[];
  /** See `TlsOptions`. Others after each change of a certificate: a session must not resume across it. */
  readonly ticketKeys: Buffer;
}

/** @throws {TlsContextError} */
export function tlsContext(
  { tls }: Pick<Config, 'tls'>,
  { certificates, challenges, ticketKeys }: TlsMaterial,
): TlsServerContext {
  const { minVersion, maxVersion, ciphers } = tls;
  const [first, ...others] = certificates;
  const byName = { names: first.names, others };
  const options = { minVersion, maxVersion, ticketKeys, byName, challenges };
  return createServerTls(first, ciphers === undefined ? options : { ...options, ciphers });
}

/** Whether a server is called so: in the key `hosts`, or on a certificate. @param name DNS name in lower case */
export function isNameOf(
  name: string,
  { hosts }: Pick<Config, 'hosts'>,
  { certificates }: Pick<TlsMaterial, 'certificates'>,
): boolean {
  if (hosts.some((host) => domainToASCII(host).toLowerCase() === name)) return true;
  // Of two, the second is the one whose names are asked about.
  return chooseByName([{ names: [] }, { names: certificates.flatMap(({ names }) => names) }], name) === 1;
}

/**
 * Whether browsers may know who signed it without having been told by us: whoever relies on that must not ask them to
 * insist on it.
 */
export function isTrustedElsewhere({ isOwn, certificatePem }: ShownCertificate): boolean {
  const leaf = new X509Certificate(certificatePem);
  return !isOwn && !leaf.checkIssued(leaf);
}
