import type { Socket } from 'node:net';
import type { Log } from '../../core/index.ts';
import { formatEndpoint } from '../../core/index.ts';
import { descriptorOf } from '../../datapath/index.ts';
import {
  encodeHttpAccept,
  encodeHttpRefusal,
  PreambleReader,
  type PreambleResult,
  SstpFramingError,
  type SstpHttpRequest,
} from '../../sstp/index.ts';
import type { TlsConnectionInfo } from '../../tls/index.ts';
import type { Ticket, TurnedAway } from '../admission/index.ts';
import type { EndReason, HttpEnd } from '../control/index.ts';
import type { Attempt, Stage } from '../observe/reported.ts';
import type { ServerContext } from './server-context.ts';
import { Tunnel, type TunnelView } from './tunnel.ts';
import type { KnownHashes } from './tunnel-machines.ts';

/** How long a peer may take to read our last bytes before the socket is torn down. */
const LINGER_MS = 2_000;

/** What one TLS connection is doing: waiting for its HTTP request, a tunnel, or handed to the web server. */
type Use =
  | { readonly kind: 'preamble'; readonly reader: PreambleReader; readonly timer: NodeJS.Timeout }
  /** The request is there; whether it is one connection too many is not known yet. */
  | { readonly kind: 'counting'; readonly late: Buffer[] }
  | { readonly kind: 'tunnel'; readonly tunnel: Tunnel; readonly request: SstpHttpRequest }
  | { readonly kind: 'web' }
  | { readonly kind: 'closing' };

/** What an operator sees of a connection. */
export interface ConnectionView extends TunnelView {
  readonly id: string;
  readonly peer: string;
  readonly tls: string;
  readonly connectedAt: Date;
  readonly correlationId: string | undefined;
}

/**
 * One TLS connection from its handshake to its end: reads the HTTP request, then is a tunnel or the web server's.
 *
 * An error while its bytes are handled ends this connection and no other.
 */
export class Connection {
  readonly id: string;
  readonly connectedAt: Date = new Date();
  readonly #context: ServerContext;
  readonly #socket: Socket;
  readonly #info: TlsConnectionInfo;
  readonly #hashes: KnownHashes;
  readonly #ticket: Ticket;
  readonly #attempt: Attempt;
  readonly #log: Log;
  readonly #closed: (connection: Connection) => void;
  #use: Use;
  #last: { tunnel: Tunnel; request: SstpHttpRequest } | undefined;
  #reason: EndReason | undefined;
  #refused: HttpEnd | undefined;
  /** Of a broken socket. */
  #detail: string | undefined;
  #isClosed = false;

  constructor(options: {
    readonly id: string;
    readonly context: ServerContext;
    /** TLS, unless that ends in front of us. */
    readonly socket: Socket;
    readonly info: TlsConnectionInfo;
    readonly hashes: KnownHashes;
    readonly ticket: Ticket;
    readonly attempt: Attempt;
    /** Called once, when the socket is gone and everything is released. */
    readonly closed: (connection: Connection) => void;
  }) {
    this.id = options.id;
    this.#context = options.context;
    this.#socket = options.socket;
    this.#info = options.info;
    this.#hashes = options.hashes;
    this.#ticket = options.ticket;
    this.#attempt = options.attempt;
    this.#closed = options.closed;
    this.#log = options.context.log.child({ connection: this.id, peer: this.peer });
    const timer = setTimeout(() => this.#abandon('http-timeout'), options.context.config.http.preambleMs);
    this.#use = { kind: 'preamble', reader: new PreambleReader(), timer };
    this.#socket.on('data', this.#onData);
    this.#socket.on('error', this.#onError);
    this.#socket.on('end', this.#onEnd);
    this.#socket.on('close', () => this.#onClose());
    this.#ticket.whenTurnedAway((why) => this.#onTurnedAway(why));
  }

  get peer(): string {
    return formatEndpoint(this.#info.remoteAddress, this.#info.remotePort);
  }

  /** Whether this connection carries, or is about to carry, a tunnel: what `sstpd sessions` lists. */
  get isTunnel(): boolean {
    return this.#use.kind === 'tunnel';
  }

  /** The one that it carries, or has carried. */
  get tunnel(): Tunnel | undefined {
    return this.#last?.tunnel;
  }

  /** What the client has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  get view(): ConnectionView {
    const stage: Stage = 'http';
    const nothing = { user: undefined, method: undefined, ipv4: undefined, ipv6: undefined, policy: undefined };
    return {
      ...(this.#last?.tunnel.view ?? { stage, ...nothing, reason: undefined, bytesIn: 0, bytesOut: 0 }),
      id: this.id,
      peer: this.peer,
      tls: `${this.#info.tlsVersion} ${this.#info.cipher}`,
      connectedAt: this.connectedAt,
      correlationId: this.#last?.request.correlationId,
    };
  }

  /** Ends a tunnel in order (MS-SSTP 3.3.4), anything else at once. */
  disconnect(reason: EndReason): void {
    if (this.#use.kind === 'tunnel') this.#use.tunnel.disconnect(reason);
    else this.#abandon(reason);
  }

  /** Tears the socket down. */
  destroy(reason: EndReason): void {
    this.#abandon(reason);
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#receive(chunk);
    } catch (error) {
      this.#onBroken(error);
    }
  };

  #onBroken(error: unknown): void {
    if (error instanceof SstpFramingError) {
      // MS-SSTP 3.1.7.2: delineation failed, so nothing more can be said to this peer.
      this.#log.warn('sstp.framing', { message: error.message });
      this.#abandon('framing-error');
    } else {
      this.#log.error('connection.fault', { error: error instanceof Error ? error.stack : String(error) });
      this.#abandon('internal-error');
    }
  }

  #receive(chunk: Buffer): void {
    switch (this.#use.kind) {
      case 'preamble':
        this.#readPreamble(this.#use, chunk);
        break;
      case 'tunnel':
        this.#use.tunnel.receive(chunk);
        break;
      case 'counting':
        this.#use.late.push(chunk);
        break;
      case 'web':
      case 'closing':
        break;
      default:
        this.#use satisfies never;
    }
  }

  #readPreamble(use: Extract<Use, { kind: 'preamble' }>, chunk: Buffer): void {
    this.#attempt.spoke();
    const result = use.reader.push(chunk);
    if (result.kind === 'need-more') return;
    clearTimeout(use.timer);
    const counting = { kind: 'counting', late: [] as Buffer[] } as const;
    this.#use = counting;
    this.#ticket.whenCounted(() => {
      if (this.#use !== counting) return;
      try {
        this.#onRequest(result, counting.late);
      } catch (error) {
        this.#onBroken(error);
      }
      if (this.#socket.isPaused()) this.#socket.resume();
    });
    if (this.#use === counting) this.#socket.pause();
  }

  #onRequest(result: Exclude<PreambleResult, { kind: 'need-more' }>, late: readonly Buffer[]): void {
    const refusal = this.#ticket.refusal;
    if (refusal !== undefined) {
      this.#log.warn('connection.refused', { limit: `limits.${refusal}` });
      this.#attempt.refused(503, 'at the limit of connections', refusal);
      this.#refuse(503, `The server is at its limit of connections (limits.${refusal}). Try again later.\n`);
      return;
    }
    switch (result.kind) {
      case 'other-http':
        this.#handToWeb(Buffer.concat([result.bytes, ...late]));
        break;
      case 'refused':
        this.#log.warn('http.refused', { status: result.status, reason: result.reason });
        this.#attempt.refused(result.status, result.reason);
        this.#refuse(result.status, `${result.reason}\n`);
        break;
      case 'sstp':
        this.#startTunnel(result.request, Buffer.concat([result.rest, ...late]));
        break;
      default:
        result satisfies never;
    }
  }

  #startTunnel(request: SstpHttpRequest, rest: Buffer): void {
    const log = this.#log.child({ correlationId: request.correlationId });
    this.#attempt.accepted(request);
    log.info('connection.accepted', { tls: this.view.tls, sni: this.#info.sni, host: request.host });
    this.#socket.write(encodeHttpAccept(new Date()));
    const tunnel = new Tunnel({
      id: this.id,
      context: this.#context,
      stream: {
        fd: descriptorOf(this.#socket),
        write: (bytes, done) => this.#socket.write(bytes, done),
        end: (flushed) => this.#endSocket(flushed),
        destroy: () => this.#abandon('closed'),
        broken: (error) => this.#onBroken(error),
      },
      peerAddress: this.#info.remoteAddress,
      certificateHashes: this.#hashes,
      isPppListening: request.isPppListening,
      isOnePacketReader: request.isOnePacketReader,
      log,
      attempt: this.#attempt,
      authenticated: () => this.#ticket.authenticated(),
    });
    this.#last = { tunnel, request };
    this.#use = { kind: 'tunnel', tunnel, request };
    if (rest.length > 0) tunnel.receive(rest);
  }

  #handToWeb(bytes: Buffer): void {
    this.#use = { kind: 'web' };
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#context.web.handle(this.#socket, bytes, this.#info.remoteAddress);
  }

  #refuse(status: Parameters<typeof encodeHttpRefusal>[0], body: string): void {
    this.#refused = `http-${status}`;
    this.#socket.write(encodeHttpRefusal(status, body, new Date()));
    this.#endSocket();
  }

  #endSocket(flushed: Promise<void> = Promise.resolve()): void {
    this.#use = { kind: 'closing' };
    void flushed.then(() => this.#socket.end());
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  /** Others need its place: nothing is said, as the peer may not even read. */
  #onTurnedAway(why: TurnedAway): void {
    if (this.#isClosed) return;
    this.#attempt.turnedAway(why);
    this.#abandon(why.kind);
  }

  #abandon(reason: EndReason): void {
    this.#reason ??= reason;
    this.#socket.destroy();
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (this.#reason !== undefined) return;
    this.#reason = error.code === 'ECONNRESET' ? 'reset-by-peer' : 'socket-error';
    if (this.#reason === 'socket-error') this.#detail = error.code ?? error.message;
  };

  readonly #onEnd = (): void => {
    if (this.#use.kind === 'tunnel') this.#use.tunnel.drain();
    this.#reason ??= 'closed-by-peer';
  };

  #onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#use.kind === 'preamble') clearTimeout(this.#use.timer);
    const isWeb = this.#use.kind === 'web';
    this.#use = { kind: 'closing' };
    this.#last?.tunnel.end(this.#reason ?? 'closed');
    this.#closed(this);
    if (isWeb) return;
    const { view } = this;
    const reason = view.reason ?? this.#refused ?? this.#reason ?? 'closed';
    this.#attempt.end(reason, this.#detail);
    this.#logClosed(view, reason);
  }

  #logClosed({ stage, user, ipv4, ipv6, bytesIn, bytesOut }: ConnectionView, reason: EndReason | HttpEnd): void {
    this.#log.info('connection.closed', {
      stage,
      reason,
      detail: this.#detail,
      user,
      ipv4,
      ipv6,
      seconds: Math.round((Date.now() - this.connectedAt.getTime()) / 100) / 10,
      bytesIn,
      bytesOut,
      drops: this.#last?.tunnel.drops,
      correlationId: this.#last?.request.correlationId,
    });
  }
}
