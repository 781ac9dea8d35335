import type { AttemptView, SessionView, WebPage, WorkerView } from '../admin/index.ts';
import { startWebPage } from '../admin/index.ts';
import { type Log, systemClock } from '../core/index.ts';
import { NativePath } from '../datapath/index.ts';
import { createServerTls, type ListenAddress, type ListenOptions, type TlsServerContext } from '../tls/index.ts';
import type { TunPath } from '../tun/index.ts';
import type { Doorkeeper } from './admission.ts';
import { Advertiser } from './advertiser.ts';
import { certificateFacts } from './attempts/certificate-facts.ts';
import type { Config } from './config.ts';
import { ConnectionTable } from './connection-table.ts';
import type { ControlPlane } from './control-plane.ts';
import { Listeners, placesOf } from './listeners.ts';
import type { ServerContext } from './server-context.ts';
import { sessionView } from './session-view.ts';
import { SERVER_LINK_LOCAL } from './start-network.ts';

/** What TLS shows, in a form that can be sent to another process. */
export interface TlsMaterial {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** From our own authority, whose certificate clients must be given. */
  readonly isOwn: boolean;
  /** 48 bytes. */
  readonly ticketKeys: Buffer;
}

export interface DataPlaneOptions {
  readonly config: Config;
  readonly tun: TunPath;
  readonly control: ControlPlane;
  readonly admission: Doorkeeper;
  readonly tls: TlsMaterial;
  readonly congestionControl: string;
  readonly log: Log;
  /** Told when there is something new to tell of an attempt to connect. */
  readonly onAttempt: (attempt: AttemptView) => void;
  /** Which worker this is; 0 if there is one process for all. */
  readonly worker: number;
}

/** Everything that carries connections: listeners, tunnels and the way of their packets to one TUN device. */
export class DataPlane {
  readonly workers: readonly WorkerView[] = [];
  readonly #options: DataPlaneOptions;
  readonly #context: ServerContext;
  readonly #table: ConnectionTable;
  readonly #tls: TlsServerContext;
  readonly #listeners: Listeners;

  private constructor(options: DataPlaneOptions, web: WebPage) {
    const { config, control, log, congestionControl } = options;
    this.#options = options;
    this.#table = new ConnectionTable(options.worker);
    this.#tls = createServerTls(options.tls, {
      minVersion: config.tls.minVersion,
      ticketKeys: options.tls.ticketKeys,
      ...(config.tls.ciphers === undefined ? {} : { ciphers: config.tls.ciphers }),
    });
    this.#listeners = new Listeners(config, options.admission);
    const advertiser =
      config.pool.ipv6 === undefined
        ? undefined
        : new Advertiser({ routerLinkLocal: SERVER_LINK_LOCAL, mtuBytes: config.network.mtu, dns: config.dns6 });
    const path = new NativePath(options.tun);
    const clock = systemClock;
    const attempts = {
      clock,
      log,
      certificate: certificateFacts(options.tls.certificatePem, options.tls.isOwn),
      methods: config.auth.methods,
      changed: options.onAttempt,
    };
    this.#context = { config, clock, log, control, path, congestionControl, advertiser, attempts, web };
  }

  /** Loads all that is needed, so that nothing is missing once the rights are gone. @throws {TlsContextError} */
  static async prepare(options: DataPlaneOptions): Promise<DataPlane> {
    return new DataPlane(options, await startWebPage({ fallback: options.config.http.fallback }));
  }

  /** @param places instead of the configured ones: sockets that are bound to them @throws {ListenError} */
  listen(places: readonly ListenOptions[] = placesOf(this.#options.config)): Promise<ListenAddress[]> {
    return this.#listeners.listen(places, this.#context, this.#table, this.#tls);
  }

  async sessions(): Promise<SessionView[]> {
    return this.#table.tunnels().map(sessionView);
  }

  /** Stops accepting, disconnects everybody in order, and resolves when all are gone. */
  async stop(): Promise<void> {
    await this.#listeners.close();
    await this.#table.close('server-shutdown');
    this.#context.advertiser?.stop();
    await this.#context.web.close();
  }
}
