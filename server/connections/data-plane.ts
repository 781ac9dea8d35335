import { isIP } from 'node:net';
import type { AttemptView, SessionView } from '../../admin/index.ts';
import { type Log, systemClock } from '../../core/index.ts';
import { NativePath } from '../../datapath/index.ts';
import { SERVER_LINK_LOCAL } from '../../ip/index.ts';
import { methodRows } from '../../ppp/index.ts';
import { chooseByName, type ListenAddress, type ListenOptions, type TlsServerContext } from '../../tls/index.ts';
import type { TunPath } from '../../tun/index.ts';
import type { Doorkeeper } from '../admission/index.ts';
import { isTrustedElsewhere, type TlsMaterial, tlsContext } from '../certificates/material.ts';
import { placesOf } from '../config/derived.ts';
import type { Config } from '../config/index.ts';
import type { ControlPlane } from '../control/index.ts';
import type { CertificateFacts } from '../observe/index.ts';
import { certificateFacts, MAIN, type Report } from '../observe/reported.ts';
import { startWebPage, upstreamFailure, type WebPage, type WebPageOptions } from '../site/index.ts';
import { Advertiser } from './advertiser.ts';
import { ConnectionTable } from './connection-table.ts';
import { Listeners } from './listeners.ts';
import type { Plane } from './plane.ts';
import { planeReport } from './plane-report.ts';
import type { ServerContext } from './server-context.ts';
import { sessionView } from './session-view.ts';

export interface DataPlaneOptions {
  readonly config: Config;
  readonly tun: TunPath;
  readonly control: ControlPlane;
  readonly admission: Doorkeeper;
  readonly tls: TlsMaterial;
  /** What the portal signs with; the same in each worker. */
  readonly portalKey: Uint8Array;
  readonly congestionControl: string;
  readonly log: Log;
  /** Told when there is something new to tell of an attempt to connect. */
  readonly onAttempt: (attempt: AttemptView) => void;
  /** Which worker this is; 0 if there is one process for all. */
  readonly worker: number;
  /** Connects to the other server of `http.fallback`, where this process may not itself. */
  readonly dialFallback?: WebPageOptions['dial'];
}

/** Everything that carries connections: listeners, tunnels and the way of their packets to one TUN device. */
export class DataPlane implements Plane {
  readonly #options: DataPlaneOptions;
  readonly #context: ServerContext;
  readonly #table: ConnectionTable;
  #tls: TlsServerContext;
  #certificates: readonly FactsOf[];
  readonly #listeners: Listeners;

  private constructor(options: DataPlaneOptions, web: WebPage) {
    const { config, control, log, congestionControl } = options;
    this.#options = options;
    this.#table = new ConnectionTable(options.worker);
    this.#tls = tlsContext(config, options.tls);
    this.#certificates = factsOf(options.tls);
    this.#listeners = new Listeners(config, options.admission);
    const advertiser =
      config.pool.ipv6 === undefined
        ? undefined
        : new Advertiser({ routerLinkLocal: SERVER_LINK_LOCAL, mtuBytes: config.network.mtu, dns: config.dns6 });
    const path = new NativePath(options.tun);
    const clock = systemClock;
    const methods = methodRows(config.auth.methods);
    const attempts = {
      clock,
      log,
      certificate: (serverName: string | undefined) => this.#factsFor(serverName),
      methods,
      changed: options.onAttempt,
    };
    this.#context = { config, methods, clock, log, control, path, congestionControl, advertiser, attempts, web };
  }

  /** Loads all that is needed, so that nothing is missing once the rights are gone. @throws {TlsContextError} */
  static async prepare(options: DataPlaneOptions): Promise<DataPlane> {
    const { config, control, portalKey, log, dialFallback: dial } = options;
    const { enabled, path, host } = config.portal;
    const portal = enabled ? { path, host, key: portalKey, ask: control.portal.bind(control) } : undefined;
    let plane: DataPlane | undefined;
    const insistsOnTls = (name: string): boolean => plane?.isTrustedFor(name) === true;
    const { fallback } = config.http;
    const upstreamFailed = (code: string): void => {
      if (fallback.kind === 'proxy') log.warn('http.fallback-failed', upstreamFailure(fallback.url, code));
    };
    const web = await startWebPage({ fallback, portal, dial, upstreamFailed, insistsOnTls });
    plane = new DataPlane(options, web);
    return plane;
  }

  /** @param places instead of the configured ones: sockets that are bound to them @throws {ListenError} */
  listen(places: readonly ListenOptions[] = placesOf(this.#options.config)): Promise<ListenAddress[]> {
    return this.#listeners.listen(places, this.#context, this.#table, this.#tls);
  }

  /** For new connections; the others keep theirs, with the hash that their Crypto Binding needs. @throws {TlsContextError} */
  async setTls(material: TlsMaterial): Promise<void> {
    this.#tls = tlsContext(this.#options.config, material);
    this.#certificates = factsOf(material);
    this.#listeners.setContext(this.#tls);
  }

  async sessions(): Promise<SessionView[]> {
    return this.#table.tunnels().map(sessionView);
  }

  report(): Report {
    const { tun, admission, config } = this.#options;
    return planeReport({ table: this.#table, tun, floodDrops: admission.flooded, config });
  }

  async reports(): Promise<ReadonlyMap<string, Report>> {
    return new Map([[MAIN, this.report()]]);
  }

  async stop(): Promise<void> {
    await this.#listeners.close();
    await this.#table.close('server-shutdown');
    this.#context.advertiser?.stop();
    await this.#context.web.close();
  }

  /** Whether the certificate that is shown for a name is for it, and of an authority that browsers may know by themselves. */
  isTrustedFor(name: string): boolean {
    const shown = this.#certificates[chooseByName(this.#certificates, name)];
    return shown?.isTrustedElsewhere === true && isIP(name) === 0 && shown.facts.covers(name);
  }

  #factsFor(serverName: string | undefined): CertificateFacts {
    const certificates = this.#certificates;
    const chosen = certificates[chooseByName(certificates, serverName)];
    if (chosen === undefined) throw new RangeError('there is always a certificate');
    return chosen.facts;
  }
}

interface FactsOf {
  readonly names: readonly string[];
  readonly facts: CertificateFacts;
  readonly isTrustedElsewhere: boolean;
}

function factsOf({ certificates }: TlsMaterial): FactsOf[] {
  return certificates.map((one) => ({
    names: one.names,
    facts: certificateFacts(one),
    isTrustedElsewhere: isTrustedElsewhere(one),
  }));
}
