import { constants, createHash, X509Certificate } from 'node:crypto';
import { createSecureContext, type TlsOptions as NodeTlsOptions, type SecureContext, type TLSSocket } from 'node:tls';
import { cleanServerName } from './client-hello.ts';
import { chooseByName } from './server-names.ts';
import { newestTicketKey, readOlderTickets } from './ticket-keys.ts';

/** A certificate with its key, as PEM: leaf first, then the chain. */
export interface TlsCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** An OCSP response to staple (RFC 6066 8), DER. */
  readonly ocsp?: Buffer | undefined;
}

export interface TlsOptions {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** TLS 1.3 by default. */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL names, our preference first, TLS 1.3 and 1.2 in one list; `DEFAULT_CIPHERS` by default. */
  readonly ciphers?: string;
  /**
   * What session tickets are encrypted with, the same in all processes that share a port: a client may come back to
   * another one. `TICKET_KEY_BYTES` for new ones, behind them as many for each older key that is still read. Made anew
   * with each certificate; without it, each context makes its own.
   */
  readonly ticketKeys?: Buffer;
  /** Certificates for clients that ask for one of their names, beside the one for all others, with its own names. */
  readonly byName?: { readonly names: readonly string[]; readonly others: readonly NamedCertificate[] };
  /** For those who ask for `ACME_PROTOCOL` and one of the names (RFC 8737 3). */
  readonly challenges?: readonly NamedCertificate[];
}

/** RFC 8737 6.2. */
export const ACME_PROTOCOL = 'acme-tls/1';

/** DNS names in lower case; a wildcard as `*.example.com`. */
export interface NamedCertificate extends TlsCertificate {
  readonly names: readonly string[];
}

/** Hashes of the certificate that the client sees, MS-SSTP 2.2.7: 20 and 32 bytes. */
export interface ServerCertificateHashes {
  readonly sha1: Buffer;
  readonly sha256: Buffer;
}

/** What new connections are made with. Immutable: a renewed certificate is a new context. */
export interface TlsServerContext {
  readonly secureContext: SecureContext;
  /** Of the certificate for clients that ask for no name of ours. */
  readonly hashes: ServerCertificateHashes;
  /** Of the certificate that a client with this SNI, in the form of `TlsConnectionInfo`, was shown. */
  hashesFor(serverName: string | undefined): ServerCertificateHashes;
  /** OCSP responses by the SHA-256 of the certificate's DER, as hexadecimal. */
  readonly staples: ReadonlyMap<string, Buffer>;
  /** As in the options; `serveOlderTickets` wants them. */
  readonly ticketKeys: Buffer | undefined;
  /** For node:tls' `Server`, or `new TLSSocket(socket, { isServer: true, … })`. */
  readonly serverOptions: NodeTlsOptions;
}

/** The certificate, key or options cannot serve TLS. The message is one line for the operator. */
export class TlsContextError extends Error {
  override readonly name = 'TlsContextError';
  readonly code = 'ERR_TLS_CONTEXT';
}

/**
 * 256-bit ciphers only, AES-GCM first, all with forward secrecy. The two CBC rows are for Windows 7 to 8.1, which have
 * GCM only with ECDSA certificates or as DHE. ChaCha20 comes last, for those without AES in hardware that offer nothing
 * else.
 *
 * Deviation: RFC 8446 9.1 makes TLS_AES_128_GCM_SHA256 mandatory. Windows, RouterOS, Android and OpenSSL all have a
 * 256-bit suite, and "AES-256" is then true of each connection.
 */
export const DEFAULT_CIPHERS: string = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * Groups for the key exchange, by OpenSSL's order of preference: what stands before a slash is asked for anew (RFC 8446
 * 4.1.4) where a client has it, but guessed at another. All clients have one of them. Those that OpenSSL has besides
 * (P-521, X448, ffdhe2048, ffdhe3072) serve nobody, and let a flood have a handshake at up to four times the price: here
 * 1.1 ms of processor time with X25519, 4.7 with P-521. The second list is for OpenSSL before 3.5.
 */
const GROUPS = ['X25519MLKEM768/X25519:P-256/P-384', 'X25519:P-256:P-384'].find(isKnown);

function isKnown(ecdhCurve: string): boolean {
  try {
    createSecureContext({ ecdhCurve });
    return true;
  } catch {
    return false;
  }
}

/**
 * Session tickets stay as Node has them: on. A ticket ends with the keys that it came from, and at a change of certificate
 * it has to: a client that resumed across that would bind to the old certificate's hash.
 *
 * @param certificate.certificatePem leaf first, then the chain
 * @throws {TlsContextError} if OpenSSL refuses the certificate, the key or the ciphers
 */
export function createServerTls(certificate: TlsCertificate, options: TlsOptions): TlsServerContext {
  const ciphers = options.ciphers ?? DEFAULT_CIPHERS;
  const { ticketKeys } = options;
  if (options.minVersion === 'TLSv1.3' && !/(^|:)TLS_/.test(ciphers)) {
    throw new TlsContextError(`TLS 1.3 only, but the ciphers name none of its suites (TLS_…): ${ciphers}`);
  }
  const base: NodeTlsOptions = {
    cert: certificate.certificatePem,
    key: certificate.keyPem,
    ciphers,
    ...(GROUPS === undefined ? {} : { ecdhCurve: GROUPS }),
    honorCipherOrder: true,
    minVersion: options.minVersion,
    maxVersion: options.maxVersion ?? 'TLSv1.3',
    // No SSTP client renegotiates, and each one would cost us a private-key operation.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(ticketKeys === undefined ? {} : { ticketKeys: newestTicketKey(ticketKeys) }),
  };
  try {
    const { names = [], others = [] } = options.byName ?? {};
    const first = { names, ...serve(base, certificate) };
    const all = [first, ...others.map((other) => ({ names: other.names, ...serve(base, other) }))];
    // OpenSSL asks the context of the certificate that was chosen by name.
    if (ticketKeys !== undefined) for (const { secureContext } of all) readOlderTickets(secureContext, ticketKeys);
    const choose = (serverName: string | undefined): Served => all[chooseByName(all, serverName)] ?? first;
    const challenges = (options.challenges ?? []).map((one) => ({ names: one.names, ...serve(base, one) }));
    const challenged: Challenged = new WeakMap();
    // A callback for names costs each handshake a turn of the event loop.
    const byName = others.length + challenges.length > 0 ? byNameCallback(first, choose, challenged) : {};
    const callbacks = { ...byName, ...protocolCallback(challenges, challenged) };
    return Object.freeze({
      secureContext: first.secureContext,
      hashes: first.hashes,
      staples: staplesOf(all),
      ticketKeys,
      hashesFor: (serverName: string | undefined) => choose(serverName).hashes,
      serverOptions: Object.freeze({ ...base, ...callbacks, requestCert: false }),
    });
  } catch (cause) {
    throw new TlsContextError(explainRefusal(cause, ciphers), { cause });
  }
}

/**
 * Our choice among the protocols that a client offers; not called for one that offers none, which is fine too.
 *
 * `undefined` ends the handshake with no_application_protocol (RFC 7301 3.2): a client that knows only h2 could not say
 * SSTP_DUPLEX_POST to us.
 */
export function chooseProtocol(offer: { readonly protocols: readonly string[] }): string | undefined {
  return offer.protocols.includes('http/1.1') ? 'http/1.1' : undefined;
}

type Callbacks = Pick<NodeTlsOptions, 'SNICallback' | 'ALPNCallback'>;

/** Sockets on which a challenge is shown, with it. */
type Challenged = WeakMap<object, SecureContext>;

function byNameCallback(
  first: Served,
  choose: (serverName: string | undefined) => Served,
  challenged: Challenged,
): Callbacks {
  return {
    SNICallback(this: unknown, serverName, answer) {
      // TLS 1.3 comes here after the choice of the protocol, TLS 1.2 before it.
      const challenge = challenged.get(this as object);
      const secureContext = challenge ?? choose(cleanServerName(serverName)).secureContext;
      answer(null, secureContext === first.secureContext ? undefined : secureContext);
    },
  };
}

function protocolCallback(
  challenges: readonly (Served & { readonly names: readonly string[] })[],
  challenged: Challenged,
): Callbacks {
  if (challenges.length === 0) return { ALPNCallback: chooseProtocol };
  return {
    ALPNCallback(this: unknown, offer) {
      const name = cleanServerName(offer.servername);
      const challenge = offer.protocols.includes(ACME_PROTOCOL)
        ? challenges.find(({ names }) => name !== undefined && names.includes(name))
        : undefined;
      if (challenge === undefined) return chooseProtocol(offer);
      const socket = this as TLSSocket;
      challenged.set(socket, challenge.secureContext);
      socket.setKeyCert(challenge.secureContext);
      return ACME_PROTOCOL;
    },
  };
}

interface Served {
  readonly secureContext: SecureContext;
  readonly hashes: ServerCertificateHashes;
  readonly ocsp: Buffer | undefined;
}

function staplesOf(all: readonly Served[]): ReadonlyMap<string, Buffer> {
  const staples = new Map<string, Buffer>();
  for (const { hashes, ocsp } of all) if (ocsp !== undefined) staples.set(hashes.sha256.toString('hex'), ocsp);
  return staples;
}

/** The OCSP response for the certificate that a client is shown; null: none. */
export function stapleFor({ staples }: TlsServerContext, certificateDer: Buffer): Buffer | null {
  return staples.get(hash('sha256', certificateDer).toString('hex')) ?? null;
}

function serve(base: NodeTlsOptions, { certificatePem, keyPem, ocsp }: TlsCertificate): Served {
  const { raw } = new X509Certificate(certificatePem);
  return {
    secureContext: createSecureContext({ ...base, cert: certificatePem, key: keyPem }),
    hashes: Object.freeze({ sha1: hash('sha1', raw), sha256: hash('sha256', raw) }),
    ocsp,
  };
}

function hash(algorithm: 'sha1' | 'sha256', der: Buffer): Buffer {
  return createHash(algorithm).update(der).digest();
}

function explainRefusal(cause: unknown, ciphers: string): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  switch (code) {
    case 'ERR_SSL_NO_CIPHER_MATCH':
    case 'ERR_INVALID_ARG_VALUE':
      return `OpenSSL knows none of these ciphers: ${ciphers}`;
    case 'ERR_SSL_EE_KEY_TOO_SMALL':
    case 'ERR_SSL_CA_KEY_TOO_SMALL':
      return "the certificate's key is too short for TLS: use RSA with 2048 bits or more, or ECDSA P-256";
    case 'ERR_SSL_CA_MD_TOO_WEAK':
      return 'the certificate is signed with SHA-1 or MD5: have it issued with SHA-256';
    case 'ERR_OSSL_X509_KEY_VALUES_MISMATCH':
      return 'the key is not the key of the certificate';
    default:
      return `OpenSSL refuses certificate, key or ciphers: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}
