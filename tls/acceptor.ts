import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';
import { formatEndpoint, GatheredBytes, type Log } from '../core/index.ts';
import { listenError } from './listen-error.ts';
import { PROXY_HEADER_MOST, readProxyHeader } from './proxy-header.ts';

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

/** IPv4 addresses are dotted quads, also on a dual-stack listener. */
export interface Endpoints {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** A TCP connection whose client is known. */
export interface Arrival {
  /** Where TCP itself says that it comes from. */
  readonly tcp: Endpoints;
  /** Where the client is: the same, or what the proxy in front says. */
  readonly endpoints: Endpoints;
  /** The proxy in front looks whether we are there. */
  readonly isHealthCheck: boolean;
  /** Bytes of the proxy, which are not the client's. */
  readonly headerLength: number;
  /** What is left of the time that it has. */
  readonly remainingMs: number;
}

/** @returns descriptors of connections, which do not block; the caller's from now on */
export type AcceptWaiting = (fd: number, most: number) => readonly number[];

export interface AcceptorOptions {
  /** From accept on, the header of a proxy included. */
  readonly timeoutMs: number;
  /** Whether connections from there start with a PROXY header; undefined: none do. */
  readonly isProxy?: ((remoteAddress: string) => boolean) | undefined;
  /**
   * Takes up to so many more connections that wait at a bound socket. Without it they are taken one for each turn of the
   * event loop, which in a flood is slower than they come.
   */
  readonly acceptWaiting?: AcceptWaiting | undefined;
  /** The socket is the callee's from here. */
  onArrival(raw: Socket, arrival: Arrival): void;
  readonly log: Log;
}

/** TCP finds a vanished peer by itself; the hello timer of SSTP is earlier on a connection that is up. */
const KEEP_ALIVE_DELAY_MS = 60_000;

/** Connections that the kernel holds for us while the event loop is busy with handshakes: as many as Linux allows. */
const BACKLOG = 4096;

/** In one turn of the event loop; the others have to come to their turn, too. */
const MOST_AT_ONCE = 256;

/** Connections of proxies whose header has not come: nobody else counts them. */
const MOST_WAITING = 1024;

/** Accepts TCP connections, and finds out whose they are. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #tcp: Server;
  readonly #waiting = new Set<Socket>();
  /** Of a socket that came bound. */
  #fd: number | undefined;
  #log: Log;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#log = options.log;
    const tcpOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS };
    this.#tcp = createServer(tcpOptions, (raw) => this.#onTurn(raw));
  }

  /** Names the listener. */
  get log(): Log {
    return this.#log;
  }

  /** @throws {ListenError} (as a rejection) if the address or port cannot be had */
  async listen(options: ListenOptions): Promise<ListenAddress> {
    await ('fd' in options ? this.#bind(options) : this.#listenOn(options.host, options.port));
    if ('fd' in options) this.#fd = options.fd;
    const bound = this.#tcp.address();
    if (bound === null || typeof bound === 'string') throw new TypeError('a TCP listener has an address and a port');
    this.#log = this.#options.log.child({ listen: formatEndpoint(bound.address, bound.port) });
    this.#tcp.on('error', (error) => this.#log.error('tls.accept-failed', { error: error.message }));
    return { address: bound.address, family: bound.family === 'IPv6' ? 'IPv6' : 'IPv4', port: bound.port };
  }

  /** Stops accepting. Sockets handed to `onArrival` stay open. */
  close(): void {
    // Not its callback, which waits for every connection to end; the port itself is free at once.
    this.#tcp.close();
    for (const raw of [...this.#waiting]) raw.destroy();
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

  async #bind(place: { readonly host: string; readonly port: number } | { readonly fd: number }): Promise<void> {
    // Of a descriptor Node takes it from the second argument alone.
    this.#tcp.listen({ ...place, exclusive: true, backlog: BACKLOG }, BACKLOG);
    await once(this.#tcp, 'listening');
  }

  /** One has come, and all that wait behind it are taken: who may stay is decided by who it is, not by the kernel's queue. */
  #onTurn(first: Socket): void {
    this.#onAccept(first);
    const { acceptWaiting } = this.#options;
    if (acceptWaiting === undefined || this.#fd === undefined || !this.#tcp.listening) return;
    for (const fd of acceptWaiting(this.#fd, MOST_AT_ONCE)) {
      const raw = new Socket({ fd, readable: true, writable: true });
      if (this.#tcp.listening) this.#onAccept(raw.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_DELAY_MS));
      else raw.destroy();
    }
  }

  #onAccept(raw: Socket): void {
    const tcp = endpointsOf(raw);
    if (tcp === undefined) {
      // Gone before we looked. Nothing may wait for an address here, so nothing counts it.
      raw.on('error', ignore);
      raw.destroy();
      return;
    }
    const { isProxy, timeoutMs: remainingMs } = this.#options;
    if (isProxy?.(tcp.remoteAddress) === true) this.#awaitHeader(raw, tcp);
    else this.#options.onArrival(raw, { tcp, endpoints: tcp, isHealthCheck: false, headerLength: 0, remainingMs });
  }

  /** A proxy that says nothing, or nonsense, is a fault of the configuration: the log names it. */
  #awaitHeader(raw: Socket, tcp: Endpoints): void {
    const { timeoutMs } = this.#options;
    const since = performance.now();
    const gathered = new GatheredBytes();
    const end = (reason: string | undefined): void => {
      clearTimeout(alarm);
      raw.off('data', onData);
      if (!this.#waiting.delete(raw)) return;
      const proxy = formatEndpoint(tcp.remoteAddress, tcp.remotePort);
      if (reason === undefined) this.#log.debug('proxy.probe', { proxy });
      else this.#log.warn('proxy.refused', { proxy, reason });
      raw.destroy();
    };
    const onData = (chunk: Buffer): void => {
      gathered.push(chunk);
      const { bytes } = gathered;
      const result = readProxyHeader(bytes);
      if (result.kind === 'incomplete' && bytes.length < PROXY_HEADER_MOST) return;
      if (result.kind !== 'header') {
        end(result.kind === 'bad' ? result.reason : 'a PROXY header that is too long');
        return;
      }
      clearTimeout(alarm);
      raw.off('data', onData);
      this.#waiting.delete(raw);
      raw.pause();
      if (bytes.length > result.length) raw.unshift(bytes.subarray(result.length));
      const { source, isLocal, length } = result;
      const endpoints = source ? { ...tcp, remoteAddress: source.address, remotePort: source.port } : tcp;
      const remainingMs = Math.max(1, timeoutMs - (performance.now() - since));
      this.#options.onArrival(raw, { tcp, endpoints, isHealthCheck: isLocal, headerLength: length, remainingMs });
    };
    const alarm = setTimeout(() => end('no PROXY header in time'), timeoutMs);
    raw.on('error', ignore);
    const isFull = this.#waiting.size >= MOST_WAITING;
    this.#waiting.add(raw);
    if (isFull) {
      end('too many connections without a PROXY header');
      return;
    }
    // A check that a TCP connection can be had ends here; that says nothing about a client.
    raw.once('close', () => end(undefined));
    raw.on('data', onData);
  }
}

/** Undefined once the connection is gone. */
export function endpointsOf(socket: Socket): Endpoints | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  if (localAddress === undefined || localPort === undefined) return undefined;
  return { remoteAddress: unmapped(remoteAddress), remotePort, localAddress: unmapped(localAddress), localPort };
}

/** A dual-stack socket shows IPv4 addresses as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** For a socket that is being destroyed: how it ends is of no interest, but unheard errors end the process. */
export function ignore(): void {}
