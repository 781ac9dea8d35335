/** All metrics of a server in the text form of Prometheus, gathered when somebody asks. */
import { AggregatorRegistry, Gauge, type Registry } from 'prom-client';
import { allNames, type ServerCertificate } from '../../../certs/index.ts';
import { version } from '../../../core/index.ts';
import type { Admission } from '../../admission/index.ts';
import type { SessionTraffic } from '../../control/index.ts';
import type { ProcessMonitor } from './process-monitor.ts';
import { addReports, MAIN, makeReport, type Report } from './report.ts';
import { counter, type MetricJson, reportMetrics } from './report-metrics.ts';
import type { UserTraffic } from './user-traffic.ts';

/** Where the numbers are that nobody counts for this alone. */
export interface MetricSources {
  readonly monitor: ProcessMonitor;
  /** Whoever carries the connections. */
  readonly plane: {
    /** Of each of its processes: `main` is this one. */
    reports(): Promise<ReadonlyMap<string, Report>>;
  };
  /** Undefined if there is no process but this one. */
  readonly workers:
    | {
        readonly workers: readonly { readonly pid: number }[];
        readonly restarts: number;
        readonly cage: { readonly landlock: number; readonly seccomp: boolean };
      }
    | undefined;
  readonly throttle: {
    readonly size: Readonly<Record<'addresses' | 'users' | 'waiting' | 'attacked', number>>;
  };
  /** On the admin page, since the start. */
  readonly adminLogins: Readonly<Record<'accepted' | 'refused' | 'slowed', number>>;
  readonly addresses: () => { readonly used: number; readonly size: number };
  readonly admission: Pick<Admission, 'connections' | 'unauthenticated' | 'refusals' | 'pushedOut' | 'flooded'>;
  readonly certificates: () => readonly ServerCertificate[];
  readonly hooks: { readonly waiting: { readonly scripts: number; readonly webhooks: number } };
  /** To be told what the sessions of this process have carried; of the others' it is told as it comes. */
  readonly noteTraffic: (traffic: readonly SessionTraffic[]) => void;
  /** Packets that would have begun a flow of a client with too many. */
  readonly flows: { readonly packets: number };
  /** Undefined unless wanted. */
  readonly users: UserTraffic | undefined;
}

const MOST_NAMES_LENGTH = 200;

export class ServerMetrics {
  readonly #registry: Registry;
  readonly #sources: MetricSources;
  #gathering: Promise<string> | undefined;

  /** @param registry with what is counted as it happens */
  constructor(registry: Registry, sources: MetricSources) {
    this.#registry = registry;
    this.#sources = sources;
    addGauges(registry, sources);
  }

  /** Who asks while an answer is being made gets the same one. */
  text(): Promise<string> {
    this.#gathering ??= this.#gather().finally(() => {
      this.#gathering = undefined;
    });
    return this.#gathering;
  }

  async #gather(): Promise<string> {
    const { plane, monitor, noteTraffic, users, admission } = this.#sources;
    const reports = await plane.reports();
    const own = reports.get(MAIN);
    noteTraffic(own?.traffic ?? []);
    // What is closed at accept is counted where it is decided.
    const decided = own ?? makeReport({ counts: { floodDrops: admission.flooded } });
    const ours = addReports([monitor.report(), decided]);
    const metrics = [
      await this.#registry.getMetricsAsJSON(),
      reportMetrics(new Map([...reports, [MAIN, ours]])),
      this.#totals(),
      users?.metrics() ?? [],
    ];
    return AggregatorRegistry.aggregate(metrics).metrics();
  }

  #totals(): MetricJson[] {
    const { admission, adminLogins, flows, workers } = this.#sources;
    return [
      counter(
        'sstp_admin_logins_total',
        'Logins on the admin page; those that were slowed were not looked at.',
        Object.entries(adminLogins).map(([result, value]) => ({ labels: { result }, value })),
      ),
      counter(
        'sstp_connections_refused_total',
        'Connections refused at a limit, with a 503 or without an answer.',
        Object.entries(admission.refusals).map(([limit, value]) => ({ labels: { limit }, value })),
      ),
      counter(
        'sstp_connections_pushed_out_total',
        'Connections that had to make room for others before they had logged in, by the limit that was reached.',
        Object.entries(admission.pushedOut).map(([limit, value]) => ({ labels: { limit }, value })),
      ),
      counter('sstp_flows_refused_total', 'Packets that would have begun a flow of a client that has too many.', [
        { labels: {}, value: flows.packets },
      ]),
      counter('sstp_worker_restarts_total', 'Workers that ended and were replaced.', [
        { labels: {}, value: workers?.restarts ?? 0 },
      ]),
    ];
  }
}

function addGauges(registry: Registry, sources: MetricSources): void {
  const { workers, throttle, addresses, admission, certificates, hooks } = sources;
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    collect: (set: Gauge<Label>) => void,
  ): void => {
    new Gauge<Label>({
      ...{ name, help, labelNames, registers: [registry] },
      collect(): void {
        this.reset();
        collect(this);
      },
    });
  };
  gauge('sstp_build_info', 'The version that runs, and its Node.', ['version', 'node'], (info) =>
    info.set({ version, node: process.versions.node }, 1),
  );
  const startedAt = Date.now() / 1_000;
  gauge('sstp_start_time_seconds', 'When the server started.', [], (start) => start.set(startedAt));
  gauge('sstp_connections', 'TCP connections on the VPN ports, by whether they have logged in.', ['state'], (open) => {
    open.set({ state: 'authenticated' }, admission.connections - admission.unauthenticated);
    open.set({ state: 'unauthenticated' }, admission.unauthenticated);
  });
  gauge('sstp_login_throttle_entries', 'Addresses and users whose logins are watched.', ['kind'], (entries) => {
    entries.set({ kind: 'address' }, throttle.size.addresses);
    entries.set({ kind: 'user' }, throttle.size.users);
  });
  gauge('sstp_logins_waiting', 'Logins that wait for their turn.', [], (waiting) => waiting.set(throttle.size.waiting));
  gauge(
    'sstp_auth_attacked_names',
    'Names under attack; guesses at all names on loopback count as one more.',
    [],
    (names) => names.set(throttle.size.attacked),
  );
  gauge('sstp_pool_addresses', 'IPv4 addresses of the pool.', ['state'], (pool) => {
    const { used, size } = addresses();
    pool.set({ state: 'used' }, used);
    pool.set({ state: 'free' }, Math.max(0, size - used));
  });
  gauge('sstp_workers', 'Worker processes that run; 0 if the server has none.', [], (count) =>
    count.set(workers?.workers.filter(({ pid }) => pid !== 0).length ?? 0),
  );
  const CAGE = 'What shuts the workers in: the ABI of Landlock, and seccomp; 0 if it is not there.';
  gauge('sstp_worker_cage', CAGE, ['layer'], (cage) => {
    cage.set({ layer: 'landlock' }, workers?.cage.landlock ?? 0);
    cage.set({ layer: 'seccomp' }, Number(workers?.cage.seccomp ?? false));
  });
  gauge('sstp_hooks_waiting', 'Scripts and events that wait for their turn.', ['kind'], (waiting) => {
    waiting.set({ kind: 'script' }, hooks.waiting.scripts);
    waiting.set({ kind: 'webhook' }, hooks.waiting.webhooks);
  });
  gauge('sstp_certificate_expiry_timestamp_seconds', 'When a certificate ends.', ['names'], (expiry) => {
    for (const { leaf } of certificates()) {
      expiry.set({ names: allNames(leaf).join(',').slice(0, MOST_NAMES_LENGTH) }, leaf.validToDate.getTime() / 1_000);
    }
  });
}
