/** What TLS shows, in a form that can be sent to another process. */
import { createServerTls, type TlsServerContext } from '../../tls/index.ts';
import type { Config } from '../config.ts';

export interface ShownCertificate {
  /** Leaf first, then the chain. */
  readonly certificatePem: string;
  readonly keyPem: string;
  /** From our own authority, whose certificate clients must be given. */
  readonly isOwn: boolean;
}

export interface TlsMaterial {
  readonly certificate: ShownCertificate;
  /** 48 bytes, others for each certificate: a session must not resume across a change. */
  readonly ticketKeys: Buffer;
}

/** @throws {TlsContextError} */
export function tlsContext({ tls }: Config, { certificate, ticketKeys }: TlsMaterial): TlsServerContext {
  const { minVersion, ciphers } = tls;
  return createServerTls(certificate, { minVersion, ticketKeys, ...(ciphers === undefined ? {} : { ciphers }) });
}
