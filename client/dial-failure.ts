/** Why a server could not be reached, in words with what mends it. */
import { systemErrorCode, systemErrorWords } from '../core/index.ts';

export interface DialTarget {
  readonly host: string;
  readonly port: number;
}

const REMEDIES: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'is this machine online? see /etc/resolv.conf, or give the IP address',
  ENOTFOUND: 'is it spelled right?',
  ENODATA: 'is it spelled right?',
  ECONNREFUSED: 'is the server started, and is this its port?',
  ETIMEDOUT: 'is the address right, and the port open in every firewall on the way?',
  EHOSTUNREACH: 'is the address right, and the machine on?',
  ENETUNREACH: 'see: ip route',
  EACCES: 'a firewall of this machine forbids it',
  EPERM: 'a firewall of this machine forbids it',
};

/** What OpenSSL says of a certificate, and a server that does not know TLS. */
const TLS_WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the server's certificate has expired: renew it there; or the clock of this machine is wrong",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet: is the clock of this machine right?",
  CERT_REVOKED: "the server's certificate was revoked: it needs another one",
  CERT_UNTRUSTED: "the server's certificate is not made for servers",
  INVALID_PURPOSE: "the server's certificate is not made for servers",
  CA_MD_TOO_WEAK: "the hash in the server's certificate is too weak: it needs another one",
  EE_KEY_TOO_SMALL: "the key of the server's certificate is too short: it needs another one",
  ERR_SSL_WRONG_VERSION_NUMBER: 'what listens there does not speak TLS: is this the port of the VPN?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what listens there does not speak TLS: is this the port of the VPN?',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the server has neither TLS 1.2 nor 1.3',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the server has neither TLS 1.2 nor 1.3',
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: 'the server does not know this name: is it spelled right?',
};

/** A chain that leads to nobody who is trusted here. */
const UNKNOWN_AUTHORITY: readonly string[] = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
];

/** Names that are shown of a certificate with many. */
const MOST_NAMES = 4;

/** @returns one line without a full stop */
export function dialFailure(error: Error, { host }: DialTarget): string {
  const code = systemErrorCode(error) ?? '';
  if (UNKNOWN_AUTHORITY.includes(code)) {
    return "the server's certificate is of an authority that is not trusted here; the server's own authority is in its ca.pem: --ca";
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return foreignName(error, host);
  const words = TLS_WORDS[code];
  if (words !== undefined) return words;
  if (code === 'ECONNRESET' && /before secure TLS/.test(error.message)) {
    return 'the server closed the connection in the middle of the TLS handshake: its log says why, or sstpd explain there';
  }
  const known = systemErrorWords(error);
  if (known === error.message) return known;
  return [`${code}: ${known}`, REMEDIES[code]].filter(Boolean).join('; ');
}

/** RFC 9110 §4.3.4: the name that was dialled must be in the certificate. */
function foreignName(error: Error, host: string): string {
  const { cert } = error as { cert?: { subjectaltname?: unknown } };
  const names = String(cert?.subjectaltname ?? '')
    .split(', ')
    .flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? []);
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  const shown = names.length === 0 ? 'no name at all' : `${names.slice(0, MOST_NAMES).join(', ')}${more}`;
  return `the server's certificate is for ${shown}, not for ${host}: dial a name that is in it, or start the server with --host ${host}`;
}
