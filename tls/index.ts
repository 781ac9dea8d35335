/**
 * TLS: raw socket in, plaintext stream out. Contexts (certificate, versions, ciphers, ALPN), the listener, and what a
 * failed handshake says about the client.
 *
 * TLS 1.2 (RFC 5246) and 1.3 (RFC 8446), ALPN (RFC 7301). MS-SSTP 3.2.5.2 binds the PPP authentication to the hash of
 * the certificate shown here, so each connection comes with the hashes of the certificate that its handshake used.
 */
export { Acceptor, type Arrival, type Endpoints, type ListenAddress, type ListenOptions } from './acceptor.ts';
export { type ClientHello, type ClientHelloResult, readClientHello } from './client-hello.ts';
export * from './context.ts';
export * from './failure.ts';
export * from './listen-error.ts';
export * from './listener.ts';
export * from './plain-listener.ts';
export { probe, probeForLater } from './probe.ts';
export * from './proxy-header.ts';
export * from './server-names.ts';
export { newestTicketKey, serveOlderTickets, TICKET_KEY_BYTES } from './ticket-keys.ts';
