import { Registry } from 'prom-client';
import type { AttemptView } from '../../admin/index.ts';
import type { Log, UserIds } from '../../core/index.ts';
import type { Flood, FloodObserver } from '../admission/index.ts';
import type { Renewal } from '../certificates/index.ts';
import type { Config } from '../config/index.ts';
import type { SessionObserver } from '../control/index.ts';
import type { CheckedHooks } from './hooks/check-hooks.ts';
import { Hooks } from './hooks/hooks.ts';
import { EventMetrics } from './metrics/event-metrics.ts';
import { type LostLines, ProcessMonitor } from './metrics/process-monitor.ts';
import { type MetricSources, ServerMetrics } from './metrics/server-metrics.ts';
import { UserTraffic } from './metrics/user-traffic.ts';

export interface WatchOptions {
  readonly config: Pick<Config, 'metrics' | 'hooks'>;
  readonly checkedHooks: CheckedHooks;
  /** Who this process becomes. */
  readonly runUser: UserIds;
  readonly log: Log;
  readonly lines: LostLines;
}

/** Who looks on at what a server does: metrics and hooks. */
export class Watch {
  readonly observers: readonly SessionObserver[];
  readonly #registry = new Registry();
  readonly #events: EventMetrics;
  readonly #hooks: Hooks;
  readonly #users: UserTraffic | undefined;
  readonly #monitor: ProcessMonitor;

  constructor({ config, checkedHooks, runUser, log, lines }: WatchOptions) {
    this.#events = new EventMetrics(this.#registry);
    this.#users = config.metrics.users ? new UserTraffic() : undefined;
    this.#monitor = new ProcessMonitor(lines);
    this.#hooks = new Hooks({
      config: config.hooks,
      checked: checkedHooks,
      uid: runUser.uid,
      log,
      counts: this.#events,
    });
    this.observers = [this.#events, this.#hooks, ...(this.#users === undefined ? [] : [this.#users])];
  }

  attempt(attempt: AttemptView): void {
    this.#events.attempt(attempt);
  }

  renewed(renewal: Renewal): void {
    this.#hooks.tell({ event: 'certificate.renewed', at: new Date().toISOString(), ...renewal });
  }

  /** Told of floods of connections. */
  get floods(): FloodObserver {
    const tell = (event: string, { since, until, pushedOut, refused, limits, from }: Flood): void =>
      this.#hooks.tell({
        event,
        at: new Date().toISOString(),
        since: since.toISOString(),
        ...(until === undefined ? {} : { until: until.toISOString() }),
        ...{ pushedOut, refused, limits, networks: from.map(({ network }) => network) },
      });
    return {
      began: (flood) => tell('server.under-flood', flood),
      ended: (flood) => tell('server.flood-over', flood),
    };
  }

  metrics(sources: Omit<MetricSources, 'monitor' | 'hooks' | 'users'>): ServerMetrics {
    const [monitor, hooks, users] = [this.#monitor, this.#hooks, this.#users];
    return new ServerMetrics(this.#registry, { ...sources, monitor, hooks, users });
  }

  /** To be called when all sessions have ended. @returns lines about what was left undone */
  stop(): Promise<string[]> {
    this.#monitor.stop();
    return this.#hooks.stop();
  }
}
