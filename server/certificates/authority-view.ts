import { X509Certificate } from 'node:crypto';
import type { AuthorityView } from '../../admin/index.ts';
import { authorityKeyReader, describeTrees, hasServerAuth, nameConstraints } from '../../certs/index.ts';
import { placeCommands } from '../../core/index.ts';

const DAY_MS = 86_400_000;
/** Time enough to reach every client before its end. */
const SOON_DAYS = 180;

/**
 * Our own authority as an operator sees it.
 *
 * @param caPem its certificate
 * @param data the data directory
 * @param uid of the server
 * @throws {CertificateError}
 */
export function authorityView(caPem: string, data: string, uid: number, now: Date): AuthorityView {
  const certificate = new X509Certificate(caPem);
  const constraints = nameConstraints(certificate);
  const daysLeft = Math.floor((certificate.validToDate.getTime() - now.getTime()) / DAY_MS);
  const advice = adviceOn(certificate, daysLeft);
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    sha256: certificate.fingerprint256,
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    daysLeft,
    within: (constraints && describeTrees(constraints.permitted)) ?? '',
    keyReader: authorityKeyReader(data, uid) ?? 'nobody',
    advice: advice && placeCommands(advice, data),
  };
}

function adviceOn(certificate: X509Certificate, daysLeft: number): string | undefined {
  const renew = '"sstpd ca renew" as root; each client must then import the new ca.pem';
  if (daysLeft < SOON_DAYS) return `it ends in ${daysLeft} days: ${renew}`;
  if (hasServerAuth(certificate)) return undefined;
  return `made by an earlier version, it can issue for every name and use: ${renew}`;
}
