import { formatEndpoint } from '../../core/index.ts';
import {
  type Admitted,
  type Endpoints,
  type ListenAddress,
  type ListenOptions,
  PlainListener,
  probe,
  type TlsFailure,
  TlsListener,
  type TlsServerContext,
} from '../../tls/index.ts';
import { acceptWaiting } from '../../tun/index.ts';
import { type Doorkeeper, type Ticket, TokenBucket, type TurnedAway } from '../admission/index.ts';
import { placesOf } from '../config/derived.ts';
import type { Config } from '../config/index.ts';
import { proxySources } from '../config/proxy-sources.ts';
import { Attempt, isBrowser } from '../observe/reported.ts';
import { Connection } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import type { ServerContext } from './server-context.ts';

/** Whether all addresses can be had, before anything is made. @throws {ListenError} */
export async function probeListeners(config: Config): Promise<void> {
  for (const { host, port } of placesOf(config)) await probe(host, port);
}

/** The listeners of one process; each connection they accept becomes a `Connection` in the table. */
export class Listeners {
  readonly #config: Config;
  readonly #admission: Doorkeeper;
  readonly #turnedAway = new TokenBucket(NOTED.size, NOTED.perSecond);
  #open: (TlsListener<Visitor> | PlainListener<Visitor>)[] = [];

  constructor(config: Config, admission: Doorkeeper) {
    this.#config = config;
    this.#admission = admission;
  }

  /** @param places those of `placesOf`, or sockets that are bound to them already, in this order @throws {ListenError} */
  async listen(
    places: readonly ListenOptions[],
    context: ServerContext,
    table: ConnectionTable,
    tls: TlsServerContext,
  ): Promise<ListenAddress[]> {
    const addresses: ListenAddress[] = [];
    for (const [index, place] of places.entries()) {
      const hasTls = index < this.#config.listen.length;
      const listener = hasTls ? this.#listener(context, table, tls) : this.#plainListener(context, table);
      this.#open.push(listener);
      addresses.push(await listener.listen(place));
    }
    return addresses;
  }

  /** For new connections. */
  setContext(tls: TlsServerContext): void {
    for (const listener of this.#open) if (listener instanceof TlsListener) listener.setContext(tls);
  }

  /** Stops accepting; what was accepted stays. */
  async close(): Promise<void> {
    await Promise.all(this.#open.map((listener) => listener.close()));
    this.#open = [];
  }

  #listener(context: ServerContext, table: ConnectionTable, tls: TlsServerContext): TlsListener<Visitor> {
    return new TlsListener({
      context: tls,
      handshakeTimeoutMs: this.#config.tls.handshakeMs,
      isProxy: proxySources(this.#config.proxy.from),
      acceptWaiting,
      admit: (_address, isHealthCheck, endpoints) => this.#admit(context, table, endpoints, isHealthCheck),
      onConnection: (socket, info, hashes, { ticket, attempt }) => {
        const id = table.newId();
        attempt.tlsUp(id, info);
        const closed = (connection: Connection): void => table.remove(connection);
        table.add(new Connection({ id, context, socket, info, hashes, ticket, attempt, closed }));
      },
      onTlsError: (error, failure, { attempt, isHealthCheck, ticket }) => {
        if (ticket.turnedAway !== undefined) {
          context.log.debug('tls.turned-away', fieldsOf(error, failure));
          if (!isHealthCheck) this.#noteTurnedAway(attempt, table, failure, ticket.turnedAway);
          return;
        }
        if (isHealthCheck || isProbe(failure) || isBrowser(failure.hello)) {
          context.log.debug('tls.probe', fieldsOf(error, failure));
          return;
        }
        attempt.tlsFailed(table.newId(), failure);
        context.log.warn('tls.failed', fieldsOf(error, failure));
      },
      log: context.log,
    });
  }

  /** The hashes are those of the certificate in front; a start without them has been refused. */
  #plainListener(context: ServerContext, table: ConnectionTable): PlainListener<Visitor> {
    const { frontend, proxy, tls } = this.#config;
    const sha256 = Buffer.from(frontend.certSha256 ?? '', 'hex');
    const hashes = {
      sha1: frontend.certSha1 === undefined ? undefined : Buffer.from(frontend.certSha1, 'hex'),
      sha256,
    };
    return new PlainListener({
      timeoutMs: tls.handshakeMs,
      isProxy: proxySources(proxy.from),
      acceptWaiting,
      admit: (_address, isHealthCheck, endpoints) => this.#admit(context, table, endpoints, isHealthCheck),
      onConnection: (socket, endpoints, { ticket, attempt }) => {
        const id = table.newId();
        const info = { ...endpoints, ...IN_FRONT };
        attempt.tlsEndsInFront();
        attempt.tlsUp(id, info);
        const closed = (connection: Connection): void => table.remove(connection);
        table.add(new Connection({ id, context, socket, info, hashes, ticket, attempt, closed }));
      },
      onProbe: ({ remoteAddress, remotePort }) =>
        context.log.debug('tls.probe', { peer: formatEndpoint(remoteAddress, remotePort), stage: 'closed' }),
      log: context.log,
    });
  }

  #admit(
    context: ServerContext,
    table: ConnectionTable,
    endpoints: Endpoints,
    isHealthCheck: boolean,
  ): Visitor | undefined {
    const ticket = this.#admission.open(endpoints.remoteAddress);
    const attempt = new Attempt(isHealthCheck ? { ...context.attempts, changed: () => {} } : context.attempts);
    if (typeof ticket === 'string') {
      this.#noteTurnedAway(attempt, table, endpoints, { limit: ticket, kind: 'dropped' });
      return undefined;
    }
    return {
      ticket,
      attempt,
      isHealthCheck,
      whenCounted: (then) => ticket.whenCounted(then),
      whenTurnedAway: (then) => ticket.whenTurnedAway(then),
      silent: () => ticket.silent(),
      close: () => ticket.close(),
    };
  }

  /** Of a connection that came no further than TLS. In a flood most are nobody's: a few of them are written down. */
  #noteTurnedAway(attempt: Attempt, table: ConnectionTable, endpoints: Endpoints, why: TurnedAway): void {
    if (this.#turnedAway.take(performance.now())) attempt.turnedAwayAt(table.newId(), endpoints, why);
  }
}

/** What is known of a handshake that another program made. */
const IN_FRONT = {
  tlsVersion: 'TLS',
  cipher: 'ends at a program in front',
  alpn: undefined,
  sni: undefined,
  hello: undefined,
} as const;

/** Records of connections that were turned away before they had said anything. */
const NOTED = { size: 50, perSecond: 1 } as const;

/** Who has been let in, and what is written down about it. */
interface Visitor extends Admitted {
  readonly ticket: Ticket;
  readonly attempt: Attempt;
  /** A proxy's own connection: whatever becomes of it is no attempt to connect. */
  readonly isHealthCheck: boolean;
}

/** A port scan or a health check without TLS is no attempt to connect and no reason for a warning. */
function isProbe({ stage, bytesReceived }: TlsFailure): boolean {
  return stage === 'closed' && bytesReceived === 0;
}

function fieldsOf(error: Error, failure: TlsFailure): Record<string, unknown> {
  const { remoteAddress, remotePort, stage, alert, hint } = failure;
  return { peer: formatEndpoint(remoteAddress, remotePort), stage, alert, hint, error: error.message };
}
