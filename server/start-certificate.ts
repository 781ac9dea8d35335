import { join } from 'node:path';
import {
  certificateNames,
  ensureOwnCertificates,
  loadCertificateFiles,
  type ServerCertificate,
  warnings,
} from '../certs/index.ts';
import { asUser, type Log, type UserIds } from '../core/index.ts';
import type { Config } from './config.ts';
import { machineNames } from './first-start.ts';
import type { StartSummary } from './next-steps.ts';

/** The certificate to serve, and what clients have to know of it. */
export interface ServedCertificate {
  readonly certificate: ServerCertificate;
  /** What clients may dial, the best first. */
  readonly names: readonly string[];
  /** Set if the certificate comes from our own authority. */
  readonly ca: StartSummary['ca'];
}

/**
 * The operator's files if the configuration names them, read with the rights that we have; else our own authority's, in
 * the data directory, as its owner.
 *
 * @throws {CertificateError}
 */
export function serveCertificate(config: Config, runUser: UserIds, log: Log): ServedCertificate {
  const now = new Date();
  const served =
    config.tls.cert !== undefined && config.tls.key !== undefined
      ? fromFiles(config, config.tls.cert, config.tls.key, now)
      : asUser(runUser, () => fromAuthority(config, now, log));
  for (const warning of warnings(served.certificate, config.hosts, now)) log.warn('certificate.warning', { warning });
  return served;
}

function fromFiles(config: Config, cert: string, key: string, now: Date): ServedCertificate {
  const certificate = loadCertificateFiles(cert, key, now);
  const { dns, ip } = certificateNames(certificate.leaf);
  return { certificate, names: [...new Set([...config.hosts, ...dns, ...ip])], ca: undefined };
}

function fromAuthority(config: Config, now: Date, log: Log): ServedCertificate {
  const names = config.hosts.length > 0 ? config.hosts : machineNames();
  const own = ensureOwnCertificates(config.data, names, now);
  if (own.made.length > 0) log.info('certificate.made', { made: own.made, why: own.why, names });
  return {
    certificate: own.certificate,
    names,
    ca: { file: join(config.data, 'ca.pem'), pem: own.caPem, fingerprint: own.caFingerprint256 },
  };
}
