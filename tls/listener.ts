import type { Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Log } from '../core/index.ts';
import { formatEndpoint } from '../core/index.ts';
import {
  Acceptor,
  type AcceptWaiting,
  type Arrival,
  type Endpoints,
  endpointsOf,
  ignore,
  type ListenAddress,
  type ListenOptions,
} from './acceptor.ts';
import { type ClientHello, ClientHelloReader, type ClientHelloResult, cleanServerName } from './client-hello.ts';
import { ACME_PROTOCOL, type ServerCertificateHashes, stapleFor, type TlsServerContext } from './context.ts';
import { alertOf, codeOf, HINT_CLOSED, hintOf, type TlsFailure, type TlsFailureStage } from './failure.ts';
import { whenSilent } from './silence.ts';
import { serveOlderTickets } from './ticket-keys.ts';

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
  /** Calls back, perhaps at once, when it is known whether it may stay: no handshake is made before. */
  whenCounted(then: () => void): void;
  /** Calls back if it is to end for the sake of others; who asks later instead of who asked before. */
  whenTurnedAway(then: () => void): void;
  /** It has said nothing that a client says first for 3 s. */
  silent(): void;
  /** Called once, with or without TLS ever up. */
  close(): void;
}

export interface TlsListenerOptions<Ticket extends Admitted> {
  readonly context: TlsServerContext;
  /** From accept to the end of the handshake, however many bytes trickle in. */
  readonly handshakeTimeoutMs: number;
  /** Whether connections from there start with a PROXY header, which says who the client is. */
  readonly isProxy?: ((remoteAddress: string) => boolean) | undefined;
  readonly acceptWaiting?: AcceptWaiting | undefined;
  /**
   * Asked once for each TCP connection; undefined closes it right away, without TLS.
   *
   * @param isHealthCheck it is a proxy's own connection, by which it looks whether we are there
   */
  admit(remoteAddress: string, isHealthCheck: boolean, endpoints: Endpoints): Ticket | undefined;
  /** TLS is up. The socket is the callee's from here; an `error` on it has destroyed it. */
  onConnection(socket: TLSSocket, info: TlsConnectionInfo, hashes: ServerCertificateHashes, ticket: Ticket): void;
  /** An admitted connection ended before TLS was up. */
  onTlsError(error: Error, failure: TlsFailure, ticket: Ticket): void;
  readonly log: Log;
}

/** A TCP connection whose handshake has not ended. */
interface Pending<Ticket> {
  readonly ticket: Ticket;
  /** Bytes that were a proxy's. */
  readonly headerLength: number;
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
  readonly #acceptor: Acceptor;
  readonly #pending = new Map<string, Pending<Ticket>>();
  #tls: TlsServer;

  constructor(options: TlsListenerOptions<Ticket>) {
    this.#options = options;
    this.#tls = this.#createTls(options.context);
    const { handshakeTimeoutMs: timeoutMs, isProxy, acceptWaiting, log } = options;
    const onArrival = (raw: Socket, arrival: Arrival): void => this.#onArrival(raw, arrival);
    this.#acceptor = new Acceptor({ timeoutMs, isProxy, acceptWaiting, onArrival, log });
  }

  /** @throws {ListenError} (as a rejection) if the address or port cannot be had */
  listen(options: ListenOptions): Promise<ListenAddress> {
    return this.#acceptor.listen(options);
  }

  /** For new connections; those that have begun keep the certificate they saw. */
  setContext(context: TlsServerContext): void {
    this.#tls = this.#createTls(context);
    this.#acceptor.log.debug('tls.context-changed', { certificateSha256: context.hashes.sha256.toString('hex') });
  }

  /** Stops accepting and ends handshakes under way. Sockets handed to `onConnection` stay open. */
  async close(): Promise<void> {
    this.#acceptor.close();
    for (const { raw } of [...this.#pending.values()]) raw.destroy();
  }

  #onArrival(raw: Socket, { tcp, endpoints, isHealthCheck, headerLength, remainingMs }: Arrival): void {
    const ticket = this.#options.admit(endpoints.remoteAddress, isHealthCheck, endpoints);
    if (ticket === undefined) {
      raw.on('error', ignore);
      raw.destroy();
      return;
    }
    // By what the TLS socket will show, whoever the client is.
    const key = keyOf(tcp);
    const alarm = setTimeout(() => this.#fail(key, 'timeout', timeoutError()), remainingMs);
    const pending: Pending<Ticket> = { ticket, headerLength, endpoints, raw, alarm, hello: undefined };
    this.#pending.set(key, pending);
    raw.on('error', (error) => this.#fail(key, 'closed', error));
    const heard = whenSilent(() => ticket.silent());
    raw.once('close', () => {
      heard();
      this.#fail(key, 'closed', new Error('the client closed the connection during the TLS handshake'));
      ticket.close();
    });
    readFirst(raw, (result) => {
      heard();
      if (result.kind === 'fragmented') {
        this.#fail(key, 'handshake', fragmentedError());
        return;
      }
      pending.hello = result.kind === 'hello' ? result.hello : undefined;
      ticket.whenCounted(() => {
        if (this.#pending.get(key) === pending) this.#tls.emit('connection', raw);
      });
    });
    ticket.whenTurnedAway(() => this.#fail(key, 'turned-away', turnedAwayError()));
  }

  #createTls(context: TlsServerContext): TlsServer {
    const tls = createTlsServer(context.serverOptions);
    serveOlderTickets(tls, context.ticketKeys);
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
    const tcp = endpointsOf(socket);
    const pending = tcp === undefined ? undefined : this.#take(keyOf(tcp));
    if (pending === undefined) {
      socket.on('error', ignore);
      socket.destroy();
      return;
    }
    // Node leaves a socket open whose records no longer decrypt: the owner would wait for its end.
    socket.on('error', () => socket.destroy());
    const { endpoints } = pending;
    if (socket.alpnProtocol === ACME_PROTOCOL) {
      const peer = formatEndpoint(endpoints.remoteAddress, endpoints.remotePort);
      this.#acceptor.log.info('tls.acme-challenge', { name: serverName(socket), peer, version: socket.getProtocol() });
      socket.destroySoon(); // RFC 8737 3: the handshake is all there is
      return;
    }
    const info = connectionInfo(socket, endpoints, pending.hello);
    this.#options.onConnection(socket, info, context.hashesFor(info.sni), pending.ticket);
  }

  #fail(key: string, stage: TlsFailureStage, error: Error): void {
    const pending = this.#take(key);
    if (pending === undefined) return;
    const bytesReceived = pending.raw.bytesRead - pending.headerLength;
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

/** Looks at the ClientHello before TLS gets it: of a handshake that fails, nothing else tells what was offered. */
function readFirst(raw: Socket, done: (result: ClientHelloResult) => void): void {
  const reader = new ClientHelloReader();
  const onData = (chunk: Buffer): void => {
    const result = reader.push(chunk);
    if (result.kind === 'incomplete') return;
    raw.off('data', onData);
    raw.pause();
    raw.unshift(reader.bytes);
    done(result);
  };
  raw.on('data', onData);
  // A proxy's header came first: then it has been paused.
  raw.resume();
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

function fragmentedError(): Error {
  return Object.assign(new Error('the ClientHello came in more records than any client needs'), {
    code: 'ERR_CLIENT_HELLO_FRAGMENTED',
  });
}

function turnedAwayError(): Error {
  return Object.assign(new Error('there was no room for the connection'), { code: 'ERR_TURNED_AWAY' });
}
