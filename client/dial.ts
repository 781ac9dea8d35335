import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import type { Instant } from '../core/index.ts';
import { systemClock } from '../core/system-clock.ts';

export interface DialSettings {
  readonly host: string;
  readonly port: number;
  /** Authorities to trust instead of the system's, PEM. */
  readonly caPem?: string | undefined;
  /** Takes any certificate. The Crypto Binding still tells of a proxy in between, but to the server. */
  readonly insecure?: boolean;
  /** Which of this machine's addresses to come from; the system's choice if absent. */
  readonly localAddress?: string;
}

/**
 * A connection on its way to a server: TCP, TLS and the HTTP request, MS-SSTP 3.2.4.1.
 *
 * It can be started long before there is an `SstpClient`, whose modules take longer to load than the first two round trips:
 * each step loads what it needs while the packet before it is under way. Nobody need listen meanwhile: a failure waits in
 * `done`, and what the server answers waits in the socket.
 */
export class Dial {
  readonly startedAt: Instant = systemClock.now();
  /** Milliseconds since the start; absent if a step was not reached. */
  readonly timeline: { tcp?: number; tls?: number } = {};
  /** The socket, not yet read from, once the HTTP request is written; an error if it did not come so far. Never rejects. */
  readonly done: Promise<TLSSocket | Error>;
  /** Resolves when the ClientHello is out, or will not be: a good moment to load what takes long. */
  readonly greeted: Promise<void>;
  /** Why the connection is gone, also later on. */
  failure: Error | undefined;
  #socket: Socket;
  #resolveGreeted: () => void = () => {};

  constructor(settings: DialSettings) {
    const { host, port, localAddress } = settings;
    const from = localAddress === undefined ? {} : { localAddress };
    const tcp = connectTcp({ host, port, noDelay: true, ...from });
    this.#socket = tcp;
    this.greeted = new Promise((resolve) => {
      this.#resolveGreeted = resolve;
    });
    this.done = this.#run(tcp, settings)
      .catch((error: Error) => {
        this.destroy();
        return error;
      })
      .finally(() => this.#resolveGreeted());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #run(tcp: Socket, { host, port, caPem, insecure = false }: DialSettings): Promise<TLSSocket> {
    const connected = this.#reached(tcp, 'connect');
    await setImmediate(); // Node sends the SYN only when it gets round to it
    const { connect, createSecureContext } = await import('node:tls');
    const authorities = caPem === undefined ? {} : { ca: caPem };
    const secureContext = createSecureContext({ ...authorities, minVersion: 'TLSv1.2' });
    if (!(await connected)) throw this.failure ?? new Error('given up');
    this.timeline.tcp = systemClock.now() - this.startedAt;
    // Not before TCP is up: for a name with several addresses Node tries one handle after the other.
    const socket = connect({
      socket: tcp,
      ...(isIP(host) === 0 ? { servername: host } : { host }),
      secureContext,
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: !insecure,
    });
    this.#socket = socket;
    const secured = this.#reached(socket, 'secureConnect');
    this.#resolveGreeted();
    const { randomUUID } = await import('node:crypto');
    const { encodeHttpRequest } = await import('../sstp/index.ts');
    if (!(await secured)) throw this.failure ?? new Error('given up');
    this.timeline.tls = systemClock.now() - this.startedAt;
    const authority = isIP(host) === 6 ? `[${host}]` : host;
    socket.write(
      encodeHttpRequest(port === 443 ? authority : `${authority}:${port}`, `{${randomUUID().toUpperCase()}}`),
    );
    return socket;
  }

  /** @returns whether the event came before the end of the socket */
  #reached(socket: Socket, event: 'connect' | 'secureConnect'): Promise<boolean> {
    socket.on('error', (error) => {
      this.failure ??= error;
    });
    return new Promise((resolve) => {
      socket.once(event, () => resolve(true));
      socket.once('close', () => resolve(false));
    });
  }
}
