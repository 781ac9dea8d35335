/**
 * The dashboard for Grafana. `node docs/grafana/dashboard.ts --write` makes sstpd-dashboard.json anew, without the flag it
 * is printed.
 */
import { writeFileSync } from 'node:fs';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  type Dashboard,
  DashboardCursorSync,
  type DataSourceRef,
  LegendDisplayMode,
  type OptionsWithLegend,
  type OptionsWithTooltip,
  type Panel,
  type RowPanel,
  type SingleStatBaseOptions,
  SortOrder,
  ThresholdsMode,
  TooltipDisplayMode,
  VariableRefresh,
  VariableSort,
  VizOrientation,
} from '@grafana/schema';

export const FILE: string = new URL('sstpd-dashboard.json', import.meta.url).pathname;

/** What one line, or several of one kind, is made of. */
interface Query {
  readonly expr: string;
  /** With `{{label}}` in it. */
  readonly legend: string;
}

interface Graph {
  readonly title: string;
  readonly description?: string;
  /** Of Grafana's units: `bps`, `s`, `percentunit`. */
  readonly unit: string;
  readonly queries: readonly Query[];
}

const SOURCE: DataSourceRef = { type: 'prometheus', uid: '$datasource' };
/** Follows each metric's name. */
const HERE = 'instance=~"$instance"';

const rate = (metric: string, by: string, labels = HERE): string =>
  `sum by (${by}) (rate(${metric}{${labels}}[$__rate_interval]))`;
const quantile = (q: number, histogram: string, by = ''): string =>
  `histogram_quantile(${q}, ${rate(`${histogram}_bucket`, `${by}le`)})`;

const ROWS: readonly { readonly title: string; readonly graphs: readonly Graph[] }[] = [
  {
    title: 'Sessions',
    graphs: [
      {
        title: 'Sessions by stage',
        unit: 'short',
        queries: [{ expr: `sum by (stage) (sstp_sessions{${HERE}})`, legend: '{{stage}}' }],
      },
      {
        title: 'Connections',
        description: 'TCP connections on the VPN ports.',
        unit: 'short',
        queries: [{ expr: `sum by (state) (sstp_connections{${HERE}})`, legend: '{{state}}' }],
      },
      {
        title: 'Ends of sessions',
        unit: 'ops',
        queries: [{ expr: rate('sstp_sessions_ended_total', 'reason'), legend: '{{reason}}' }],
      },
    ],
  },
  {
    title: 'Connects and failures',
    graphs: [
      {
        title: 'Attempts to connect',
        description: 'Those that failed, by the last stage that they reached; sstpd explain says why.',
        unit: 'ops',
        queries: [{ expr: rate('sstp_connects_total', 'result, stage'), legend: '{{result}} {{stage}}' }],
      },
      {
        title: 'Refused logins',
        unit: 'ops',
        queries: [{ expr: rate('sstp_auth_attempts_total', 'reason', `${HERE}, reason!="ok"`), legend: '{{reason}}' }],
      },
      {
        title: 'Failed TLS handshakes',
        unit: 'ops',
        queries: [{ expr: rate('sstp_tls_handshakes_failed_total', 'reason'), legend: '{{reason}}' }],
      },
      {
        title: 'Time to connect',
        unit: 's',
        queries: [
          { expr: quantile(0.5, 'sstp_connect_duration_seconds'), legend: 'median' },
          { expr: quantile(0.95, 'sstp_connect_duration_seconds'), legend: '95 %' },
        ],
      },
      {
        title: 'Time to connect, by stage (95 %)',
        unit: 's',
        queries: [{ expr: quantile(0.95, 'sstp_connect_stage_duration_seconds', 'stage, '), legend: '{{stage}}' }],
      },
      {
        title: 'Refused connections and slowed logins',
        unit: 'short',
        queries: [
          { expr: rate('sstp_connections_refused_total', 'limit'), legend: 'limits.{{limit}}' },
          { expr: rate('sstp_flows_refused_total', 'instance'), legend: 'limits.flowsPerClient: packets' },
          { expr: rate('sstp_connections_flooded_total', 'instance'), legend: 'closed at accept' },
          { expr: rate('sstp_connections_pushed_out_total', 'limit'), legend: 'made room: limits.{{limit}}' },
          { expr: `sum by (kind) (sstp_login_throttle_entries{${HERE}})`, legend: 'watched: {{kind}}' },
          { expr: rate('sstp_admin_logins_total', 'result'), legend: 'admin page: {{result}}' },
          { expr: `sum(sstp_logins_waiting{${HERE}})`, legend: 'waiting' },
          { expr: `sum(sstp_auth_attacked_names{${HERE}})`, legend: 'names under attack' },
          { expr: rate('sstp_auth_attacks_total', 'instance'), legend: 'attacks begun' },
        ],
      },
    ],
  },
  {
    title: 'Throughput',
    graphs: [
      {
        title: 'Bits per second',
        unit: 'bps',
        queries: [{ expr: `8 * ${rate('sstp_bytes_total', 'direction')}`, legend: '{{direction}}' }],
      },
      {
        title: 'Packets per second',
        unit: 'pps',
        queries: [{ expr: rate('sstp_packets_total', 'direction'), legend: '{{direction}}' }],
      },
      {
        title: 'Calls into the kernel',
        unit: 'ops',
        queries: [
          { expr: rate('sstp_tun_reads_total', 'instance'), legend: 'reads {{instance}}' },
          { expr: rate('sstp_tun_writes_total', 'instance'), legend: 'writes {{instance}}' },
        ],
      },
    ],
  },
  {
    title: 'Drops and queues',
    graphs: [
      {
        title: 'Dropped packets',
        unit: 'pps',
        queries: [{ expr: rate('sstp_packets_dropped_total', 'reason'), legend: '{{reason}}' }],
      },
      {
        title: 'Packets that wait for clients',
        unit: 'bytes',
        queries: [
          { expr: `sum(sstp_tun_queue_bytes{${HERE}})`, legend: 'all' },
          { expr: `max(sstp_tun_queue_largest_bytes{${HERE}})`, legend: 'the longest queue' },
          { expr: `sum(sstp_tun_queue_memory_bytes{${HERE}})`, legend: 'memory' },
        ],
      },
      {
        title: 'Bytes in TLS sockets',
        unit: 'bytes',
        queries: [
          { expr: `sum(sstp_tls_unsent_bytes{${HERE}})`, legend: 'all' },
          { expr: `max(sstp_tls_unsent_largest_bytes{${HERE}})`, legend: 'the most of one' },
        ],
      },
    ],
  },
  {
    title: 'Event loop and processes',
    graphs: [
      {
        title: 'Delay of the event loop (99 %)',
        unit: 's',
        queries: [{ expr: quantile(0.99, 'sstp_event_loop_delay_seconds', 'process, '), legend: '{{process}}' }],
      },
      {
        title: 'Processor time',
        unit: 'percentunit',
        queries: [{ expr: rate('sstp_process_cpu_seconds_total', 'process'), legend: '{{process}}' }],
      },
      {
        title: 'Memory',
        unit: 'bytes',
        queries: [
          { expr: `sum by (process) (sstp_process_memory_bytes{${HERE}, kind="resident"})`, legend: '{{process}}' },
        ],
      },
      {
        title: 'Scripts and webhooks',
        unit: 'ops',
        queries: [
          { expr: rate('sstp_hook_runs_total', 'hook, result'), legend: '{{hook}} {{result}}' },
          { expr: rate('sstp_webhook_deliveries_total', 'result'), legend: 'webhook {{result}}' },
          { expr: `sum by (kind) (sstp_hooks_waiting{${HERE}})`, legend: 'waiting: {{kind}}' },
        ],
      },
      {
        title: 'Time of scripts (95 %)',
        unit: 's',
        queries: [{ expr: quantile(0.95, 'sstp_hook_duration_seconds', 'hook, '), legend: '{{hook}}' }],
      },
      {
        title: 'Restarts of workers, and lines that the log lost',
        unit: 'ops',
        queries: [
          { expr: rate('sstp_worker_restarts_total', 'instance'), legend: 'restarts {{instance}}' },
          { expr: rate('sstp_log_lines_suppressed_total', 'instance'), legend: 'lines {{instance}}' },
          { expr: rate('sstp_log_lines_dropped_total', 'instance'), legend: 'lines nobody read {{instance}}' },
        ],
      },
    ],
  },
  {
    title: 'Certificates',
    graphs: [
      {
        title: 'Time until a certificate ends',
        unit: 's',
        queries: [
          {
            expr: `min by (names) (sstp_certificate_expiry_timestamp_seconds{${HERE}}) - time()`,
            legend: '{{names}}',
          },
        ],
      },
    ],
  },
];

/** At the top: one number each. */
const STATS: readonly (Graph & { readonly warnAbove?: number; readonly warnBelow?: number })[] = [
  { title: 'Sessions', unit: 'short', queries: [{ expr: `sum(sstp_sessions{${HERE}, stage="up"})`, legend: '' }] },
  {
    title: 'Pool in use',
    unit: 'percentunit',
    warnAbove: 0.9,
    queries: [
      {
        expr: `sum(sstp_pool_addresses{${HERE}, state="used"}) / sum(sstp_pool_addresses{${HERE}})`,
        legend: '',
      },
    ],
  },
  {
    title: 'Certificate ends in',
    unit: 's',
    warnBelow: 14 * 86_400,
    queries: [{ expr: `min(sstp_certificate_expiry_timestamp_seconds{${HERE}}) - time()`, legend: '' }],
  },
  { title: 'Workers', unit: 'short', queries: [{ expr: `sum(sstp_workers{${HERE}})`, legend: '' }] },
  {
    title: 'Cage of the workers',
    unit: 'short',
    queries: [{ expr: `min by (layer) (sstp_worker_cage{${HERE}})`, legend: '{{layer}}' }],
  },
  {
    title: 'Runs since',
    unit: 'dateTimeFromNow',
    queries: [{ expr: `1000 * max(sstp_start_time_seconds{${HERE}})`, legend: '' }],
  },
  {
    title: 'Version',
    unit: 'short',
    queries: [{ expr: `count by (version) (sstp_build_info{${HERE}})`, legend: '{{version}}' }],
  },
];

const COLUMNS = 24;
const STAT_HEIGHT = 4;
const GRAPH_HEIGHT = 8;
const GRAPH_WIDTH = 8;

export function makeDashboard(): Dashboard {
  return {
    uid: 'sstpd',
    title: 'sstpd',
    description: 'SSTP VPN server: sessions, connects, throughput, queues, processes, certificates.',
    tags: ['sstpd', 'vpn'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: DashboardCursorSync.Crosshair,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        {
          name: 'instance',
          label: 'Server',
          type: 'query',
          datasource: SOURCE,
          query: 'label_values(sstp_build_info, instance)',
          refresh: VariableRefresh.onTimeRangeChanged,
          sort: VariableSort.alphabeticalAsc,
          multi: true,
          includeAll: true,
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: panels(),
  };
}

function panels(): (Panel | RowPanel)[] {
  const made: (Panel | RowPanel)[] = [];
  const id = (): number => made.length + 1;
  const width = COLUMNS / STATS.length;
  for (const [i, stat] of STATS.entries()) {
    made.push({ ...statPanel(stat), id: id(), gridPos: { x: i * width, y: 0, w: width, h: STAT_HEIGHT } });
  }
  let y = STAT_HEIGHT;
  for (const { title, graphs } of ROWS) {
    made.push({ type: 'row', title, collapsed: false, id: id(), gridPos: { x: 0, y, w: COLUMNS, h: 1 }, panels: [] });
    y += 1;
    for (const [i, graph] of graphs.entries()) {
      const x = (i * GRAPH_WIDTH) % COLUMNS;
      if (i > 0 && x === 0) y += GRAPH_HEIGHT;
      made.push({ ...graphPanel(graph), id: id(), gridPos: { x, y, w: GRAPH_WIDTH, h: GRAPH_HEIGHT } });
    }
    y += GRAPH_HEIGHT;
  }
  return made;
}

function graphPanel(graph: Graph): Panel {
  const options: OptionsWithLegend & OptionsWithTooltip = {
    legend: { calcs: [], displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: true },
    tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
  };
  return {
    ...common(graph),
    type: 'timeseries',
    options: { ...options },
    fieldConfig: { defaults: { unit: graph.unit, min: 0, custom: { fillOpacity: 10 } }, overrides: [] },
  };
}

function statPanel(stat: (typeof STATS)[number]): Panel {
  const { warnAbove, warnBelow } = stat;
  const isNamed = stat.queries.some(({ legend }) => legend !== '');
  const options: SingleStatBaseOptions & Record<string, unknown> = {
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    orientation: VizOrientation.Auto,
    colorMode: BigValueColorMode.Value,
    graphMode: BigValueGraphMode.Area,
    justifyMode: BigValueJustifyMode.Auto,
    textMode: isNamed ? BigValueTextMode.Name : BigValueTextMode.Auto,
  };
  const steps = [
    { value: null, color: warnBelow === undefined ? 'green' : 'red' },
    ...(warnAbove === undefined ? [] : [{ value: warnAbove, color: 'red' }]),
    ...(warnBelow === undefined ? [] : [{ value: warnBelow, color: 'green' }]),
  ];
  return {
    ...common(stat),
    type: 'stat',
    options: { ...options },
    fieldConfig: { defaults: { unit: stat.unit, thresholds: { mode: ThresholdsMode.Absolute, steps } }, overrides: [] },
  };
}

function common({
  title,
  description,
  queries,
}: Graph): Pick<Panel, 'title' | 'datasource' | 'targets' | 'description'> {
  return {
    title,
    ...(description === undefined ? {} : { description }),
    datasource: SOURCE,
    targets: queries.map(({ expr, legend }, i) => ({
      ...{ refId: String.fromCharCode(65 + i), datasource: SOURCE, expr },
      ...(legend === '' ? {} : { legendFormat: legend }),
    })),
  };
}

/** As it stands in the file. */
export function dashboardText(): string {
  return `${JSON.stringify(makeDashboard(), null, 2)}\n`;
}

if (import.meta.main) {
  if (process.argv[2] === '--write') writeFileSync(FILE, dashboardText());
  else process.stdout.write(dashboardText());
}
