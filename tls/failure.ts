import type { ClientHello } from './client-hello.ts';

/** How far a connection came that never had TLS. */
export type TlsFailureStage =
  /** One side ended the handshake with an alert, or the bytes were no TLS. */
  | 'handshake'
  /** The client did not finish in time. */
  | 'timeout'
  /** The client went away without a word. */
  | 'closed'
  /** There was no room for it, or no longer. */
  | 'turned-away';

export interface TlsFailure {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly stage: TlsFailureStage;
  /** The alert that the client sent, as in RFC 8446 6.2: `unknown_ca`. */
  readonly alert: string | undefined;
  /** What the client offered, if it came so far as to say. */
  readonly hello: ClientHello | undefined;
  /** Node's or OpenSSL's code of the error, such as `ECONNRESET`. */
  readonly code: string;
  /** Bytes of the client's: 0 is a port scan or health check rather than a client. */
  readonly bytesReceived: number;
  /** What it means and what helps, where that is known. */
  readonly hint: string | undefined;
}

const UNTRUSTED = 'the client did not trust the certificate: install the CA, or use one that the client knows';
/** Windows says nothing when it does not like a certificate: it closes. */
export const HINT_CLOSED: string = `often: ${UNTRUSTED}; or it dialled a name that the certificate is not for`;
const LEGACY = 'the client offers only ciphers or versions that we do not; update it, or widen tls.ciphers';

const HINTS_BY_ALERT: Readonly<Record<string, string>> = {
  bad_certificate: UNTRUSTED,
  unknown_ca: UNTRUSTED,
  certificate_unknown: `${UNTRUSTED}; or it dialled a name that the certificate is not for`,
  certificate_expired: 'the client takes the certificate for expired: renew it, or set the clock of the client',
  certificate_revoked: 'the authority has revoked the certificate: have a new one issued',
  unsupported_certificate: 'the client cannot use the certificate: it must be for server authentication',
  access_denied: UNTRUSTED,
  handshake_failure: LEGACY,
  protocol_version: LEGACY,
};

const HINTS_BY_CODE: Readonly<Record<string, string>> = {
  ERR_SSL_NO_SHARED_CIPHER: LEGACY,
  ERR_SSL_NO_SUITABLE_KEY_SHARE:
    'the client has none of our groups for the key exchange: X25519, P-256, P-384; update it',
  ERR_SSL_UNSUPPORTED_PROTOCOL: LEGACY,
  ERR_SSL_VERSION_TOO_LOW: LEGACY,
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'the client speaks only HTTP/2; an SSTP client speaks HTTP/1.1',
  ERR_SSL_HTTP_REQUEST: 'plain HTTP came to the TLS port: use https://',
  ERR_CLIENT_HELLO_FRAGMENTED: 'no client does that: ignore it',
  ERR_SSL_HTTPS_PROXY_REQUEST: 'a request for an HTTP proxy came to the TLS port',
};

/** The alert of the peer that ended a handshake, in the spelling of RFC 8446 6.2; undefined if it was none. */
export function alertOf(error: Error): string | undefined {
  // OpenSSL names older alerts after SSL 3, newer ones after TLS 1.0 or 1.3.
  return /^ERR_SSL_(?:SSL\/TLS|SSLV3|TLSV1|TLSV13)_ALERT_(\w+)$/.exec(codeOf(error))?.[1]?.toLowerCase();
}

/** What a failed handshake means, for the operator. */
export function hintOf(error: Error): string | undefined {
  const alert = alertOf(error);
  return alert === undefined ? HINTS_BY_CODE[codeOf(error)] : HINTS_BY_ALERT[alert];
}

export function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
