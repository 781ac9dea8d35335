import { once } from 'node:events';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Log } from '../core/index.ts';
import { type ClientHello, cleanServerName, readClientHello } from './client-hello.ts';
import { ACME_PROTOCOL, type ServerCertificateHashes, stapleFor, type TlsServerContext } from './context.ts';
import { alertOf, codeOf, HINT_CLOSED, hintOf, type TlsFailure, type TlsFailureStage } from './failure.ts';
import { formatEndpoint, listenError } from './listen-error.ts';

/** What the handshake settled. IPv4 addresses are dotted quads, also on a dual-stack listener. */
export interface TlsConnectionInfo {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly tlsVersion: string;
  /** OpenSSL's name of the cipher suite. */
  readonly cipher: string;
  readonly alpn: string | undefined;
  /** Lower case, without the port that sstpc sends with it; undefined also if it is no printable name. */
  readonly sni: string | undefined;
  /** Undefined if it could not be read. */
  readonly hello: ClientHello | undefined;
}

/** What `admit` lets in counts as open until its TCP socket is closed. */
export interface Admitted {
  /** Called once, with or without TLS ever up. */
  close(): void;
}

export interface TlsListenerOptions<Ticket extends Admitted> {
  readonly context: TlsServerContext;
  /** From accept to the end of the handshake, however many bytes trickle in. */
  readonly handshakeTimeoutMs: number;
  /** Asked once for each TCP connection; undefined closes it right away, without TLS. */
  admit(remoteAddress: string): Ticket | undefined;
  /** TLS is up. The socket is the callee's from here; an `error` on it has destroyed it. */
  onConnection(socket: TLSSocket, info: TlsConnectionInfo, hashes: ServerCertificateHashes, ticket: Ticket): void;
  /** An admitted connection ended before TLS was up. */
  onTlsError(error: Error, failure: TlsFailure, ticket: Ticket): void;
  readonly log: Log;
}

export type ListenOptions =
  | {
      /** IP address or host name; undefined is every address, IPv4 alone where the machine has no IPv6. */
      readonly host: string | undefined;
      /** 0 takes any free one. */
      readonly port: number;
    }
  /** A socket that is bound already; the listener's from now on. */
  | { readonly fd: number };

export interface ListenAddress {
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly port: number;
}

/** TCP finds a vanished peer by itself; the hello timer of SSTP is earlier on a connection that is up. */
const KEEP_ALIVE_DELAY_MS = 60_000;

/** Connections that the kernel holds for us while the event loop is busy with handshakes. */
const BACKLOG = 1024;

interface Endpoints {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** A TCP connection whose handshake has not ended. */
interface Pending<Ticket> {
  readonly ticket: Ticket;
  readonly endpoints: Endpoints;
  readonly raw: Socket;
  readonly alarm: NodeJS.Timeout;
  hello: ClientHello | undefined;
}

/**
 * Accepts TCP connections and hands them on once TLS is up.
 *
 * A tls.Server that never listens does the handshakes: only it lets go of the socket in the documented way, so that
 * errors after the handshake reach the socket's new owner. Accepting on a net.Server of our own puts the limits in front
 * of the cryptography, and lets the certificate change without a gap.
 */
export class TlsListener<Ticket extends Admitted> {
  readonly #options: TlsListenerOptions<Ticket>;
  readonly #tcp: Server;
  readonly #pending = new Map<string, Pending<Ticket>>();
  #tls: TlsServer;
  #log: Log;

  constructor(options: TlsListenerOptions<Ticket>) {
    this.#options = options;
    this.#log = options.log;
    this.#tls = this.#createTls(options.context);
    const tcpOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS };
    this.#tcp = createTcpServer(tcpOptions, (raw) => this.#onAccept(raw));
  }

  /** @throws {ListenError} (as a rejection) if the address or port cannot be had */
  async listen(options: ListenOptions): Promise<ListenAddress> {
    await ('fd' in options ? this.#bind(options) : this.#listenOn(options.host, options.port));
    const bound = this.#tcp.address();
    if (bound === null || typeof bound === 'string') throw new TypeError('a TCP listener has an address and a port');
    this.#log = this.#options.log.child({ listen: formatEndpoint(bound.address, bound.port) });
    this.#tcp.on('error', (error) => this.#log.error('tls.accept-failed', { error: error.message }));
    return { address: bound.address, family: bound.family === 'IPv6' ? 'IPv6' : 'IPv4', port: bound.port };
  }

  async #listenOn(host: string | undefined, port: number): Promise<void> {
    try {
      await this.#bind({ host: host ?? '::', port });
    } catch (cause) {
      const error = cause as NodeJS.ErrnoException;
      const withoutIpv6 = error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL';
      if (host !== undefined || !withoutIpv6) throw listenError(error, host, port);
      await this.#bind({ host: '0.0.0.0', port }).catch((again) => {
        throw listenError(again, '0.0.0.0', port);
      });
    }
  }

  /** For new connections; those that have begun keep the certificate they saw. */
  setContext(context: TlsServerContext): void {
    this.#tls = this.#createTls(context);
    this.#log.debug('tls.context-changed', { certificateSha256: context.hashes.sha256.toString('hex') });
  }

  /** Stops accepting and ends handshakes under way. Sockets handed to `onConnection` stay open. */
  async close(): Promise<void> {
    // Not its callback, which waits for every connection to end; the port itself is free at once.
    this.#tcp.close();
    for (const { raw } of [...this.#pending.values()]) raw.destroy();
  }

  async #bind(place: { readonly host: string; readonly port: number } | { readonly fd: number }): Promise<void> {
    this.#tcp.listen({ ...place, exclusive: true, backlog: BACKLOG });
    await once(this.#tcp, 'listening');
  }

  #onAccept(raw: Socket): void {
    const endpoints = endpointsOf(raw);
    // Gone before we looked. Nothing may wait for an address here, so nothing counts it.
    const ticket = endpoints === undefined ? undefined : this.#options.admit(endpoints.remoteAddress);
    if (endpoints === undefined || ticket === undefined) {
      raw.on('error', ignore);
      raw.destroy();
      return;
    }
    const key = keyOf(endpoints);
    const alarm = setTimeout(() => this.#fail(key, 'timeout', timeoutError()), this.#options.handshakeTimeoutMs);
    const pending: Pending<Ticket> = { ticket, endpoints, raw, alarm, hello: undefined };
    this.#pending.set(key, pending);
    raw.on('error', (error) => this.#fail(key, 'closed', error));
    raw.once('close', () => {
      this.#fail(key, 'closed', new Error('the client closed the connection during the TLS handshake'));
      ticket.close();
    });
    readFirst(raw, (hello) => {
      pending.hello = hello;
      if (this.#pending.get(key) === pending) this.#tls.emit('connection', raw);
    });
  }

  #createTls(context: TlsServerContext): TlsServer {
    const tls = createTlsServer(context.serverOptions);
    tls.on('secureConnection', (socket) => this.#onSecure(socket, context));
    // A listener for nothing would cost each handshake a turn of the event loop.
    if (context.staples.size > 0) {
      tls.on('OCSPRequest', (certificate, _issuer, answer) => answer(null, stapleFor(context, certificate)));
    }
    tls.on('tlsClientError', (error, socket) => {
      const endpoints = endpointsOf(socket);
      // Closed already: then the close of the TCP socket has told it.
      if (endpoints !== undefined) this.#fail(keyOf(endpoints), 'handshake', error);
    });
    return tls;
  }

  #onSecure(socket: TLSSocket, context: TlsServerContext): void {
    const endpoints = endpointsOf(socket);
    const pending = endpoints === undefined ? undefined : this.#take(keyOf(endpoints));
    if (endpoints === undefined || pending === undefined) {
      socket.on('error', ignore);
      socket.destroy();
      return;
    }
    // Node leaves a socket open whose records no longer decrypt: the owner would wait for its end.
    socket.on('error', () => socket.destroy());
    if (socket.alpnProtocol === ACME_PROTOCOL) {
      const peer = formatEndpoint(endpoints.remoteAddress, endpoints.remotePort);
      this.#log.info('tls.acme-challenge', { name: serverName(socket), peer, version: socket.getProtocol() });
      socket.destroySoon(); // RFC 8737 3: the handshake is all there is
      return;
    }
    const info = connectionInfo(socket, endpoints, pending.hello);
    this.#options.onConnection(socket, info, context.hashesFor(info.sni), pending.ticket);
  }

  #fail(key: string, stage: TlsFailureStage, error: Error): void {
    const pending = this.#take(key);
    if (pending === undefined) return;
    const bytesReceived = pending.raw.bytesRead;
    pending.raw.destroy();
    const { hello } = pending;
    const failure = { ...pending.endpoints, stage: stageOf(error, stage), bytesReceived, hello, code: codeOf(error) };
    const hint = hintOf(error) ?? (failure.stage === 'closed' && bytesReceived > 0 ? HINT_CLOSED : undefined);
    this.#options.onTlsError(error, { ...failure, alert: alertOf(error), hint }, pending.ticket);
  }

  #take(key: string): Pending<Ticket> | undefined {
    const pending = this.#pending.get(key);
    if (pending === undefined) return undefined;
    clearTimeout(pending.alarm);
    this.#pending.delete(key);
    return pending;
  }
}

/** Enough for the largest ClientHello there is (post-quantum key shares, padding). */
const MOST_FIRST_BYTES = 20_480;

/** Looks at the ClientHello before TLS gets it: of a handshake that fails, nothing else tells what was offered. */
function readFirst(raw: Socket, done: (hello: ClientHello | undefined) => void): void {
  const chunks: Buffer[] = [];
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    const bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    const result = readClientHello(bytes);
    if (result.kind === 'incomplete' && bytes.length < MOST_FIRST_BYTES) return;
    raw.off('data', onData);
    raw.pause();
    raw.unshift(bytes);
    done(result.kind === 'hello' ? result.hello : undefined);
  };
  raw.on('data', onData);
}

function connectionInfo(socket: TLSSocket, endpoints: Endpoints, hello: ClientHello | undefined): TlsConnectionInfo {
  return {
    ...endpoints,
    tlsVersion: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    alpn: socket.alpnProtocol || undefined,
    // Of a TLS 1.2 session that resumes, Node tells no name.
    sni: serverName(socket) ?? hello?.serverName,
    hello,
  };
}

function serverName(socket: TLSSocket): string | undefined {
  // On a server's socket Node sets it: the name, or false without one; the declared type does not have it.
  const name: unknown = Reflect.get(socket, 'servername');
  return typeof name === 'string' ? cleanServerName(name) : undefined;
}

/** Undefined once the connection is gone. */
function endpointsOf(socket: Socket): Endpoints | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  if (localAddress === undefined || localPort === undefined) return undefined;
  return { remoteAddress: unmapped(remoteAddress), remotePort, localAddress: unmapped(localAddress), localPort };
}

/** A dual-stack socket shows IPv4 addresses as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** What a TLS socket and the TCP socket below it have in common. */
function keyOf(endpoints: Endpoints): string {
  return `${endpoints.remoteAddress} ${endpoints.remotePort} ${endpoints.localAddress} ${endpoints.localPort}`;
}

/** Node sees some ends as errors of the handshake that are none. */
function stageOf(error: Error, stage: TlsFailureStage): TlsFailureStage {
  const code = codeOf(error);
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'timeout';
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'closed' : stage;
}

function timeoutError(): Error {
  return Object.assign(new Error('the client did not finish the TLS handshake in time'), {
    code: 'ERR_TLS_HANDSHAKE_TIMEOUT',
  });
}

/** For a socket that is being destroyed: how it ends is of no interest, but unheard errors end the process. */
function ignore(): void {}
