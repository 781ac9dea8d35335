import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { hostname } from 'node:os';
import type { AdminNetwork } from '../admin/index.ts';
import { formatEndpoint, originOf } from '../core/index.ts';
import {
  type ListenError,
  listenError,
  listenErrorOf,
  probeForLater,
  serveOlderTickets,
  type TlsServerContext,
} from '../tls/index.ts';
import { isNameOf, type TlsMaterial, tlsContext } from './certificates/material.ts';
import type { Config } from './config/index.ts';

/** An operator has a few browsers and some scripts. */
const MOST_CONNECTIONS = 128;
/** Who takes all that one address may have keeps nobody out elsewhere. */
const MOST_PER_ADDRESS = 32;
const MOST_HEADER_BYTES = 8192;
const REQUEST_MS = 10_000;
const HEADERS_MS = 5_000;
/** Longer than any answer takes; a login that is held back takes the longest. */
const SILENCE_MS = 30_000;
const KEEP_ALIVE_MS = 10_000;

/** What of the configuration it needs. */
type AdminPlace = Pick<Config, 'admin' | 'hosts' | 'tls'>;
type Place = NonNullable<Config['admin']['listen']>;

/** The admin API's own place on the network: TLS with the certificates of the VPN port. */
export class AdminListener implements AdminNetwork {
  readonly #config: AdminPlace;
  readonly #place: Place;
  #material: TlsMaterial;
  #context: TlsServerContext;
  #server: Server | undefined;

  /** @returns undefined if there is to be none */
  static create(config: AdminPlace, material: TlsMaterial): AdminListener | undefined {
    const { listen } = config.admin;
    return listen === undefined ? undefined : new AdminListener(config, listen, material);
  }

  private constructor(config: AdminPlace, place: Place, material: TlsMaterial) {
    this.#config = config;
    this.#place = place;
    this.#material = material;
    this.#context = this.#contextOf(material);
  }

  createServer(handler: RequestListener): Server {
    const server = createServer(
      {
        ...this.#context.serverOptions,
        // The context of then, not of now: it changes with the certificate.
        SNICallback: (name, answer) => {
          const choose = this.#context.serverOptions.SNICallback;
          if (choose === undefined) answer(null);
          else choose(name, answer);
        },
        maxHeaderSize: MOST_HEADER_BYTES,
        handshakeTimeout: this.#config.tls.handshakeMs,
        headersTimeout: HEADERS_MS,
        requestTimeout: REQUEST_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: 1000,
      },
      handler,
    );
    serveOlderTickets(server, this.#context.ticketKeys);
    // Node has the app answer, and what it writes before there is TLS never leaves: the socket would stay.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.maxConnections = MOST_CONNECTIONS;
    server.on('connection', fewPerAddress());
    server.setTimeout(SILENCE_MS);
    this.#server = server;
    return server;
  }

  isOwnName(name: string): boolean {
    return isNameOf(name, this.#config, this.#material);
  }

  /** For new connections. @throws {TlsContextError} */
  setTls(material: TlsMaterial): void {
    this.#context = this.#contextOf(material);
    this.#material = material;
    if (this.#server === undefined) return;
    this.#server.setSecureContext(this.#context.serverOptions);
    serveOlderTickets(this.#server, this.#context.ticketKeys);
  }

  /** @returns its URL @throws {ListenError} naming the key */
  async listen(): Promise<string> {
    const { host, port } = this.#place;
    const server = this.#server;
    if (server === undefined) throw new Error('there is no server yet');
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(ofAdmin(listenError(error, host, port))));
      server.listen({ host, port, exclusive: true }, resolve);
    });
    const address = server.address();
    const shown = host === '0.0.0.0' || host === '::' ? (this.#config.hosts[0] ?? hostname()) : host;
    return `https://${formatEndpoint(shown, typeof address === 'object' && address !== null ? address.port : port)}/`;
  }

  #contextOf(material: TlsMaterial): TlsServerContext {
    // Challenges of an ACME authority are answered on the VPN port.
    return tlsContext(this.#config, { ...material, challenges: [] });
  }
}

/** @returns what closes a connection of an address that has enough of them */
function fewPerAddress(): (socket: Socket) => void {
  const counts = new Map<string, number>();
  return (socket) => {
    const { address, isLoopback } = originOf(socket.remoteAddress ?? '');
    // All of loopback is one place to the throttle; programs of this machine are told apart by the address that they take.
    const key = isLoopback ? (socket.remoteAddress ?? '') : address;
    const count = counts.get(key) ?? 0;
    if (count >= MOST_PER_ADDRESS) {
      socket.destroy();
      return;
    }
    counts.set(key, count + 1);
    socket.once('close', () => {
      const left = (counts.get(key) ?? 1) - 1;
      if (left === 0) counts.delete(key);
      else counts.set(key, left);
    });
  };
}

/** Whether the address can be had, before anything is made. @throws {ListenError} naming the key */
export async function probeAdminListener({ admin }: Pick<Config, 'admin'>): Promise<void> {
  await probeForLater(admin.listen, ofAdmin);
}

function ofAdmin(error: ListenError): ListenError {
  return listenErrorOf('admin.listen', '--admin ADDR:PORT, or --admin off', error);
}
