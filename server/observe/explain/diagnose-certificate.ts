/** A client that left because of the certificate, or for a reason that looks the same from here. */
import { isIP } from 'node:net';
import { isPublicAddress } from '../../../core/index.ts';
import type { AttemptFacts, CertificateFacts, Explanation } from './facts.ts';

/**
 * A client that does not like the certificate often just closes, Windows always. What it is likely to have disliked, the
 * certificate itself shows. A health check that opens TLS and closes looks the same, so without an alert both are named.
 *
 * @param alert the client's, undefined if it closed without one
 */
export function explainDistrust(
  facts: AttemptFacts,
  certificate: CertificateFacts,
  alert: string | undefined,
): Explanation {
  const how = howItLeft(facts, alert);
  if (facts.hasTlsInFront) return unspoken();
  if (alert === 'unsupported_certificate') return withoutServerAuth(how);
  if (alert === 'certificate_expired') return expired(certificate, 'the client took the certificate for expired');
  if (certificate.notAfter < facts.now) return expired(certificate, how);
  if (!certificate.hasServerAuth) return withoutServerAuth(how);
  const { hello, serverName: name } = facts;
  if (name !== undefined && !certificate.covers(name)) return otherName(certificate, name, how);
  // Whoever does not know the issuer says so before it looks at names.
  const lacks =
    hello !== undefined && name === undefined && alert !== 'unknown_ca' ? lacksAddress(facts, certificate) : 'no';
  if (lacks === 'surely') return withoutName(facts, certificate, how, alert);
  const causes = [
    'did not trust the certificate',
    ...(lacks === 'perhaps'
      ? [`dialled an address that is not in it (it is for ${certificate.names.join(', ')})`]
      : []),
    ...(alert === undefined ? [ONLY_LOOKED] : []),
  ];
  return {
    text: `The client ${causes.join(', or ')} (${how}).`,
    code: '0x800B0109',
    fix: `${alert === undefined ? 'If it was a VPN client: ' : ''}${
      certificate.isOwn
        ? "Import the server's ca.pem into the client's machine store: certutil -addstore Root ca.pem, as administrator."
        : 'Serve the full chain of the certificate (fullchain.pem), and see that the client knows its root.'
    }`,
  };
}

const ONLY_LOOKED = 'only looked whether this port answers, as health checks and scans do';

function howItLeft({ tls }: AttemptFacts, alert: string | undefined): string {
  if (alert !== undefined) return `the client said ${alert}`;
  return tls === undefined ? 'the client hung up right after the TLS handshake' : 'the client hung up';
}

function otherName({ names }: CertificateFacts, name: string, how: string): Explanation {
  return {
    text: `The client dialled ${name}, and the certificate is for ${names.join(', ')} (${how}).`,
    code: '0x800B010F',
    fix: `Dial ${names[0] ?? 'a name of the certificate'}, or have one issued for ${name} (--host ${name}).`,
  };
}

/**
 * Whether an address that a client dials is not in the certificate. Where something in between translates addresses, ours
 * is not the one that was dialled: then only a certificate without any address is sure to lack it.
 */
function lacksAddress({ localAddress }: AttemptFacts, certificate: CertificateFacts): 'surely' | 'perhaps' | 'no' {
  if (localAddress === undefined || certificate.covers(localAddress)) return 'no';
  const hasAddresses = certificate.names.some((name) => isIP(name) !== 0);
  return isPublicAddress(localAddress) || !hasAddresses ? 'surely' : 'perhaps';
}

/** RFC 6066 3: no SNI for an address. sstpc sends none for a name either, but does not look at the names. */
function withoutName(
  { localAddress }: AttemptFacts,
  { names }: CertificateFacts,
  how: string,
  alert: string | undefined,
): Explanation {
  const name = names.find((one) => isIP(one) === 0) ?? names[0];
  return {
    text: `The client sent no name (SNI), as one does that dials an address such as ${localAddress}, and the certificate is for ${names.join(', ')}${alert === undefined ? `; or it ${ONLY_LOOKED}` : ''} (${how}).`,
    code: '0x800B010F',
    fix: `Dial ${name ?? 'a name'}, not an address; or have the address put into the certificate: --host ${localAddress}.`,
  };
}

function expired({ notAfter }: CertificateFacts, how: string): Explanation {
  return {
    text: `The certificate ended on ${notAfter.toISOString().slice(0, 10)}, or a clock is wrong (${how}).`,
    code: '0x800B0101',
    fix: 'Renew the certificate, and check the clocks of client and server.',
  };
}

function withoutServerAuth(how: string): Explanation {
  return {
    text: `The certificate is not for server authentication, which SSTP demands (${how}).`,
    code: '0x80070040',
    fix: 'Have it issued with extendedKeyUsage=serverAuth.',
  };
}

function unspoken(): Explanation {
  return {
    text: 'The program in front, where TLS ends, opened a connection and sent no request on it: a check of its own, or a client that left.',
    code: undefined,
    fix: 'If clients fail, look at what that program says in its log.',
  };
}
