import type { Socket } from 'node:net';
import type { Log } from '../core/index.ts';
import {
  Acceptor,
  type AcceptWaiting,
  type Arrival,
  type Endpoints,
  ignore,
  type ListenAddress,
  type ListenOptions,
} from './acceptor.ts';
import type { Admitted } from './listener.ts';
import { whenSilent } from './silence.ts';

export interface PlainListenerOptions<Ticket extends Admitted> {
  /** From accept to the first byte. */
  readonly timeoutMs: number;
  readonly isProxy?: ((remoteAddress: string) => boolean) | undefined;
  readonly acceptWaiting?: AcceptWaiting | undefined;
  /** As that of the TLS listener. */
  admit(remoteAddress: string, isHealthCheck: boolean, endpoints: Endpoints): Ticket | undefined;
  /** The client has sent something. The socket is the callee's from here. */
  onConnection(socket: Socket, endpoints: Endpoints, ticket: Ticket): void;
  /** An admitted connection ended without a byte: a health check or a port scan. */
  onProbe(endpoints: Endpoints): void;
  readonly log: Log;
}

/** Accepts connections whose TLS ends at a program in front. */
export class PlainListener<Ticket extends Admitted> {
  readonly #options: PlainListenerOptions<Ticket>;
  readonly #acceptor: Acceptor;
  readonly #silent = new Set<Socket>();

  constructor(options: PlainListenerOptions<Ticket>) {
    this.#options = options;
    const { timeoutMs, isProxy, acceptWaiting, log } = options;
    const onArrival = (raw: Socket, arrival: Arrival): void => this.#onArrival(raw, arrival);
    this.#acceptor = new Acceptor({ timeoutMs, isProxy, acceptWaiting, onArrival, log });
  }

  /** @throws {ListenError} (as a rejection) if the address or port cannot be had */
  listen(options: ListenOptions): Promise<ListenAddress> {
    return this.#acceptor.listen(options);
  }

  /** Stops accepting. Sockets handed to `onConnection` stay open. */
  async close(): Promise<void> {
    this.#acceptor.close();
    for (const raw of [...this.#silent]) raw.destroy();
  }

  #onArrival(raw: Socket, { endpoints, isHealthCheck, remainingMs }: Arrival): void {
    const { admit, onConnection, onProbe } = this.#options;
    const ticket = admit(endpoints.remoteAddress, isHealthCheck, endpoints);
    if (ticket === undefined) {
      raw.on('error', ignore);
      raw.destroy();
      return;
    }
    this.#silent.add(raw);
    const alarm = setTimeout(() => raw.destroy(), remainingMs);
    const heard = whenSilent(() => ticket.silent());
    // An error destroys the socket by itself; whoever owns it later listens too.
    raw.on('error', ignore);
    raw.once('close', () => {
      clearTimeout(alarm);
      heard();
      if (this.#silent.delete(raw)) onProbe(endpoints);
      ticket.close();
    });
    raw.once('data', (chunk: Buffer) => {
      clearTimeout(alarm);
      heard();
      this.#silent.delete(raw);
      raw.pause();
      raw.unshift(chunk);
      onConnection(raw, endpoints, ticket);
      raw.resume();
    });
    ticket.whenTurnedAway(() => raw.destroy());
    // A proxy's header came first: then it has been paused.
    raw.resume();
  }
}
