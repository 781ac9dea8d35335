import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { AttemptView } from '../../../../admin/index.ts';
import type { EndReason } from '../../../../server/control/index.ts';
import type { LiveSession } from '../../../../server/control/session-observer.ts';
import { EventMetrics } from '../../../../server/observe/metrics/event-metrics.ts';
import { ProcessMonitor } from '../../../../server/observe/metrics/process-monitor.ts';
import { MAIN, makeReport, type Report } from '../../../../server/observe/metrics/report.ts';
import { type MetricSources, ServerMetrics } from '../../../../server/observe/metrics/server-metrics.ts';
import { UserTraffic } from '../../../../server/observe/metrics/user-traffic.ts';

interface Fixture {
  readonly events: EventMetrics;
  readonly metrics: ServerMetrics;
  readonly reports: Map<string, Report>;
  asked: number;
}

const WORKERS = { workers: [{ pid: 5 }, { pid: 0 }], restarts: 2, cage: { landlock: 6, seccomp: true } };

function newMetrics(options: { readonly users?: UserTraffic; readonly hasWorkers?: boolean } = {}): Fixture {
  const registry = new Registry();
  const events = new EventMetrics(registry);
  const reports = new Map([[MAIN, makeReport()]]);
  const monitor = new ProcessMonitor({ suppressed: () => 3, dropped: () => 4 });
  monitor.stop();
  const sources: MetricSources = {
    monitor,
    plane: {
      reports: async () => {
        fixture.asked += 1;
        return reports;
      },
    },
    workers: options.hasWorkers === false ? undefined : WORKERS,
    throttle: { size: { waiting: 0, attacked: 0, addresses: 1, users: 2 } },
    flows: { packets: 3 },
    adminLogins: { accepted: 1, refused: 6, slowed: 2 },
    addresses: () => ({ used: 3, size: 10 }),
    admission: {
      connections: 7,
      unauthenticated: 3,
      pushedOut: { connections: 0, unauthenticated: 7, unauthenticatedPerAddress: 0 },
      flooded: 0,
      refusals: { connections: 1, unauthenticated: 0, unauthenticatedPerAddress: 4 },
    },
    certificates: () => [],
    hooks: { waiting: { scripts: 1, webhooks: 0 } },
    noteTraffic: () => {},
    users: options.users,
  };
  const fixture: Fixture = { events, metrics: new ServerMetrics(registry, sources), reports, asked: 0 };
  return fixture;
}

/** The value of a series, written as in the text. */
function value(text: string, series: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? assert.fail(`${series} is not in\n${text}`));
}

test('without workers their series say none', async () => {
  const text = await newMetrics({ hasWorkers: false }).metrics.text();
  assert.equal(value(text, 'sstp_workers'), 0);
  assert.equal(value(text, 'sstp_worker_cage{layer="landlock"}'), 0);
  assert.equal(value(text, 'sstp_worker_cage{layer="seccomp"}'), 0);
  assert.equal(value(text, 'sstp_worker_restarts_total'), 0);
});

test('what the server knows at the moment stands in the text', async () => {
  const { metrics } = newMetrics();
  const text = await metrics.text();
  assert.equal(value(text, 'sstp_connections{state="authenticated"}'), 4);
  assert.equal(value(text, 'sstp_pool_addresses{state="free"}'), 7);
  assert.equal(value(text, 'sstp_login_throttle_entries{kind="user"}'), 2);
  assert.equal(value(text, 'sstp_admin_logins_total{result="refused"}'), 6);
  assert.equal(value(text, 'sstp_workers'), 1);
  assert.equal(value(text, 'sstp_worker_cage{layer="landlock"}'), 6);
  assert.equal(value(text, 'sstp_worker_cage{layer="seccomp"}'), 1);
  assert.equal(value(text, 'sstp_worker_restarts_total'), 2);
  assert.equal(value(text, 'sstp_connections_refused_total{limit="unauthenticatedPerAddress"}'), 4);
  assert.equal(value(text, 'sstp_connections_pushed_out_total{limit="unauthenticated"}'), 7);
  assert.equal(value(text, 'sstp_hooks_waiting{kind="script"}'), 1);
  assert.equal(value(text, 'sstp_log_lines_suppressed_total'), 3);
  assert.equal(value(text, 'sstp_log_lines_dropped_total'), 4);
  assert.ok(value(text, 'sstp_process_memory_bytes{process="main",kind="resident"}') > 1e6);
  assert.match(text, /^sstp_build_info\{version="[^"]+",node="24/m);
});

test('reports of processes: sums where no process is named, a series of each where one is', async () => {
  const { metrics, reports } = newMetrics();
  const worker = makeReport({
    counts: { bytesIn: 5, dropsGroup: 1, deviceDropsGroup: 2, loopSamples: 4, 'loopTo0.001': 1, 'loopTo0.01': 2 },
    sessions: [
      { stage: 'up', method: 'mschapv2', count: 2 },
      { stage: 'a"b', method: 'x', count: 1 },
    ],
  });
  reports.set('worker-0', worker).set('worker-1', worker);
  const text = await metrics.text();
  assert.equal(value(text, 'sstp_bytes_total{direction="in"}'), 10);
  assert.equal(value(text, 'sstp_packets_dropped_total{reason="group"}'), 6);
  assert.equal(value(text, 'sstp_sessions{stage="up",method="mschapv2"}'), 4);
  assert.equal(value(text, 'sstp_sessions{stage="other",method="other"}'), 2, 'labels come from closed sets');
  const bucket = (le: string): string => `sstp_event_loop_delay_seconds_bucket{process="worker-1",le="${le}"}`;
  assert.equal(value(text, bucket('0.005')), 1);
  assert.equal(value(text, bucket('0.01')), 3);
  assert.equal(value(text, bucket('5')), 3);
  assert.equal(value(text, bucket('+Inf')), 4);
});

function attempt(state: AttemptView['state'], stage: string, reason?: string): AttemptView {
  const stages = [
    { stage: 'tls', ms: 20 },
    { stage: 'http', ms: 5 },
    { stage: 'up', ms: 0 },
  ];
  return { state, stage, reason, stages } as unknown as AttemptView;
}

test('attempts: up once, failed with the stage, and TLS failures by what the client said', async () => {
  const { events, metrics } = newMetrics();
  events.attempt(attempt('under-way', 'sstp'));
  events.attempt(attempt('up', 'up'));
  events.attempt(attempt('ended', 'up', 'terminated-by-peer'));
  events.attempt(attempt('failed', 'lcp', 'lcp-failed'));
  events.attempt(attempt('failed', 'tls', 'tls-alert unknown_ca'));
  events.attempt(attempt('failed', 'tls', 'tls-closed'));
  events.attempt(attempt('failed', 'tls', 'tls-alert of a new kind'));
  const text = await metrics.text();
  assert.equal(value(text, 'sstp_connects_total{result="up",stage="up"}'), 1);
  assert.equal(value(text, 'sstp_connects_total{result="failed",stage="lcp"}'), 1);
  assert.equal(value(text, 'sstp_connects_total{result="failed",stage="tls"}'), 3);
  assert.equal(value(text, 'sstp_tls_handshakes_failed_total{reason="unknown_ca"}'), 1);
  assert.equal(value(text, 'sstp_tls_handshakes_failed_total{reason="closed"}'), 1);
  assert.equal(value(text, 'sstp_tls_handshakes_failed_total{reason="other"}'), 1);
  assert.equal(value(text, 'sstp_connect_duration_seconds_sum'), 0.025);
  assert.equal(value(text, 'sstp_connect_stage_duration_seconds_sum{stage="tls"}'), 0.02);
  assert.equal(value(text, 'sstp_connect_stage_duration_seconds_count{stage="lcp"}'), 0);
});

const session = (name: string, bytes = 0): LiveSession =>
  ({ user: { name }, traffic: () => ({ bytesIn: bytes, bytesOut: 0 }) }) as unknown as LiveSession;
const end = (reason: EndReason, bytes = 0) => ({ reason, bytesIn: bytes, bytesOut: bytes });

test('ends of sessions by reason', async () => {
  const { events, metrics } = newMetrics();
  for (const reason of ['terminated-by-peer', 'socket-error', 'crypto-binding-failed'] as const) {
    events.down(session('ann'), end(reason));
  }
  const text = await metrics.text();
  for (const reason of ['terminated-by-peer', 'socket-error', 'crypto-binding-failed']) {
    assert.equal(value(text, `sstp_sessions_ended_total{reason="${reason}"}`), 1);
  }
});

test('logins, scripts and webhooks count by how they ended; each series begins with 0', async () => {
  const { events, metrics } = newMetrics();
  assert.equal(value(await metrics.text(), 'sstp_auth_attempts_total{method="pap",reason="disabled"}'), 0);
  events.judged({ method: 'pap', reason: 'disabled', name: 'x', peerAddress: 'y' });
  events.hookRun('down', 'timeout', 10);
  events.webhook('dropped');
  const text = await metrics.text();
  assert.equal(value(text, 'sstp_auth_attempts_total{method="pap",reason="disabled"}'), 1);
  assert.equal(value(text, 'sstp_hook_runs_total{hook="down",result="timeout"}'), 1);
  assert.equal(value(text, 'sstp_hook_duration_seconds_sum{hook="down"}'), 10);
  assert.equal(value(text, 'sstp_webhook_deliveries_total{result="dropped"}'), 1);
});

test('users: absent unless wanted; what ended and what is up, and so many series at most', async () => {
  assert.doesNotMatch(await newMetrics().metrics.text(), /sstp_user/);
  const users = new UserTraffic();
  const { metrics } = newMetrics({ users });
  const [first, second] = [session('Ann', 10), session('ann', 7)];
  users.up(first);
  users.up(second);
  users.down(first, end('terminated-by-peer', 30));
  const text = await metrics.text();
  assert.equal(value(text, 'sstp_user_bytes_total{user="ann",direction="in"}'), 37);
  assert.equal(value(text, 'sstp_user_bytes_total{user="ann",direction="out"}'), 30);
  assert.equal(value(text, 'sstp_user_sessions{user="ann"}'), 1);
  for (let i = 0; i < 1_200; i++) users.down(session(`user ${i}`), end('terminated-by-peer', 1));
  const full = await metrics.text();
  assert.equal(full.match(/^sstp_user_sessions\{/gm)?.length, 1_001);
  assert.equal(value(full, 'sstp_user_bytes_total{user="<other>",direction="in"}'), 201);
});

test('who asks while an answer is being made gets the same one', async () => {
  const fixture = newMetrics();
  const [one, two] = await Promise.all([fixture.metrics.text(), fixture.metrics.text()]);
  assert.equal(fixture.asked, 1);
  assert.equal(one, two);
  await fixture.metrics.text();
  assert.equal(fixture.asked, 2);
});

test('no reason and no name can break a line or end a quotation', async () => {
  const users = new UserTraffic();
  const { metrics } = newMetrics({ users });
  users.up(session('a"b\\c\nd{}'));
  assert.match(await metrics.text(), /^sstp_user_sessions\{user="a\\"b\\\\c\\nd\{\}"\} 1$/m);
});
