import type { KeyObject } from 'node:crypto';
import type { AuthorityView, CertificateView } from '../../admin/index.ts';
import { allNames, renewalDue, type ServerCertificate } from '../../certs/index.ts';
import { placeCommands } from '../../core/index.ts';

const DAY_MS = 86_400_000;
const SOURCES = { 'own-ca': 'own', files: 'files', acme: 'acme' } as const;
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/**
 * Certificates as an operator sees them.
 *
 * @param certificates the one for all other names first
 * @param data the data directory
 * @param authority our own, if it issued one of them
 */
export function certificateViews(
  certificates: readonly ServerCertificate[],
  now: Date,
  data: string,
  authority?: AuthorityView,
): CertificateView[] {
  const renewedBy = placeCommands('sstpd ca issue', data);
  return certificates.map(({ leaf, source }, index) => ({
    source: SOURCES[source],
    names: allNames(leaf),
    subject: oneLine(leaf.subject),
    issuer: oneLine(leaf.issuer),
    notBefore: leaf.validFromDate.toISOString(),
    notAfter: leaf.validToDate.toISOString(),
    daysLeft: Math.floor((leaf.validToDate.getTime() - now.getTime()) / DAY_MS),
    sha256: leaf.fingerprint256,
    sha1: leaf.fingerprint,
    key: describeKey(leaf.publicKey),
    isDefault: index === 0,
    ...(source === 'own-ca' ? { renewedFrom: renewalDue(leaf).toISOString(), renewedBy } : {}),
    ...(source === 'own-ca' && authority !== undefined ? { authority } : {}),
  }));
}

/** Node puts each part of a name on a line of its own; a certificate for names alone has none. */
function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ');
}

function describeKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const { modulusLength, namedCurve } = asymmetricKeyDetails ?? {};
  if (modulusLength !== undefined) return `RSA ${modulusLength}`;
  return namedCurve === undefined ? (asymmetricKeyType ?? 'unknown') : `EC ${CURVES[namedCurve] ?? namedCurve}`;
}
