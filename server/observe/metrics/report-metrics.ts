import { METHODS } from './event-metrics.ts';
import { among } from './reasons.ts';
import { addReports, type CountName, LOOP_BOUNDS, loopClass, type Report, STAGES } from './report.ts';

/** A metric as prom-client's registries exchange it. */
export interface MetricJson {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly aggregator: 'sum';
  readonly values: readonly MetricValue[];
}

interface MetricValue {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Of a histogram's series: with `_bucket`, `_sum` or `_count` behind the name. */
  readonly metricName?: string;
}

/** Why packets were dropped, and which counts say so: those of the links, then those of the device. */
const DROPS: Readonly<Record<string, readonly CountName[]>> = {
  queue: ['dropsQueue'],
  closed: ['dropsClosed'],
  'too-big': ['dropsTooBig'],
  malformed: ['dropsMalformed', 'deviceDropsMalformed'],
  source: ['dropsSource'],
  destination: ['dropsDestination'],
  group: ['dropsGroup', 'deviceDropsGroup'],
  isolated: ['dropsIsolated'],
  'no-client': ['deviceDropsUnknown'],
  'device-busy': ['deviceDropsWrite'],
};

const STAGE_SET: ReadonlySet<string> = new Set(STAGES);
const METHOD_SET: ReadonlySet<string> = new Set([...METHODS, 'none']);

/** What the processes of a server have reported, by their names. */
export function reportMetrics(byProcess: ReadonlyMap<string, Report>): MetricJson[] {
  const whole = addReports([...byProcess.values()]);
  const { counts, levels } = whole;
  return [
    gauge('sstp_sessions', 'Connections that speak SSTP, by stage and login method.', sessions(whole)),
    counter('sstp_bytes_total', 'Bytes of IP packets from (in) and to (out) clients.', [
      { labels: { direction: 'in' }, value: counts.bytesIn },
      { labels: { direction: 'out' }, value: counts.bytesOut },
    ]),
    counter('sstp_packets_total', 'IP packets from (in) and to (out) clients.', [
      { labels: { direction: 'in' }, value: counts.packetsIn },
      { labels: { direction: 'out' }, value: counts.packetsOut },
    ]),
    counter(
      'sstp_packets_dropped_total',
      'Packets that were not passed on, by reason.',
      Object.entries(DROPS).map(([reason, names]) => ({
        labels: { reason },
        value: names.reduce((sum, name) => sum + counts[name], 0),
      })),
    ),
    counter('sstp_tun_reads_total', 'Reads from TUN devices.', [{ labels: {}, value: counts.deviceReads }]),
    counter('sstp_tun_writes_total', 'Writes to TUN devices.', [{ labels: {}, value: counts.deviceWrites }]),
    gauge('sstp_tun_queue_bytes', 'Frames that wait for clients.', [{ labels: {}, value: levels.queuedBytes }]),
    gauge('sstp_tun_queue_largest_bytes', 'The longest of these queues.', [
      { labels: {}, value: levels.queuedBytesMost },
    ]),
    gauge('sstp_tun_queue_memory_bytes', 'Memory of packets that wait or are being written.', [
      { labels: {}, value: levels.queueMemory },
    ]),
    gauge('sstp_tls_unsent_bytes', 'Bytes in TLS sockets that clients have not taken yet.', [
      { labels: {}, value: levels.unsentBytes },
    ]),
    gauge('sstp_tls_unsent_largest_bytes', 'The most of one socket.', [{ labels: {}, value: levels.unsentBytesMost }]),
    counter('sstp_connections_flooded_total', 'Connections closed at accept, at a limit.', [
      { labels: {}, value: counts.floodDrops },
    ]),
    counter('sstp_log_lines_suppressed_total', 'Lines that the limit of the log has swallowed.', [
      { labels: {}, value: counts.logLinesSuppressed },
    ]),
    counter('sstp_log_lines_dropped_total', 'Lines of the log that nobody read in time.', [
      { labels: {}, value: counts.logLinesDropped },
    ]),
    ...processMetrics(byProcess),
  ];
}

function sessions({ sessions: found }: Report): MetricValue[] {
  const counts = new Map(METHODS.map((method) => [`up ${method}`, 0]));
  for (const { stage, method, count } of found) {
    const key = `${among(STAGE_SET, stage)} ${among(METHOD_SET, method)}`;
    counts.set(key, (counts.get(key) ?? 0) + count);
  }
  return [...counts].map(([key, value]) => {
    const [stage = '', method = ''] = key.split(' ');
    return { labels: { stage, method }, value };
  });
}

function processMetrics(byProcess: ReadonlyMap<string, Report>): MetricJson[] {
  const each = (values: (report: Report) => readonly MetricValue[]): MetricValue[] =>
    [...byProcess].flatMap(([process, report]) =>
      values(report).map((one) => ({ ...one, labels: { process, ...one.labels } })),
    );
  return [
    histogram(
      'sstp_event_loop_delay_seconds',
      'How late a timer of the event loop is, ten times a second.',
      each(loopDelay),
    ),
    counter(
      'sstp_process_cpu_seconds_total',
      'Processor time.',
      each(({ counts }) => [
        { labels: { mode: 'user' }, value: counts.cpuUserSeconds },
        { labels: { mode: 'system' }, value: counts.cpuSystemSeconds },
      ]),
    ),
    gauge(
      'sstp_process_memory_bytes',
      'Memory, of which heap and external are parts.',
      each(({ levels }) => [
        { labels: { kind: 'resident' }, value: levels.residentBytes },
        { labels: { kind: 'heap' }, value: levels.heapBytes },
        { labels: { kind: 'external' }, value: levels.externalBytes },
      ]),
    ),
  ];
}

const LOOP = 'sstp_event_loop_delay_seconds';

function loopDelay({ counts }: Report): MetricValue[] {
  let below = 0;
  const buckets = LOOP_BOUNDS.map((bound) => {
    below += counts[loopClass(bound)];
    return { labels: { le: bound }, value: below, metricName: `${LOOP}_bucket` };
  });
  return [
    ...buckets,
    { labels: { le: '+Inf' }, value: counts.loopSamples, metricName: `${LOOP}_bucket` },
    { labels: {}, value: counts.loopSeconds, metricName: `${LOOP}_sum` },
    { labels: {}, value: counts.loopSamples, metricName: `${LOOP}_count` },
  ];
}

export function counter(name: string, help: string, values: readonly MetricValue[]): MetricJson {
  return { name, help, type: 'counter', aggregator: 'sum', values };
}

export function gauge(name: string, help: string, values: readonly MetricValue[]): MetricJson {
  return { name, help, type: 'gauge', aggregator: 'sum', values };
}

function histogram(name: string, help: string, values: readonly MetricValue[]): MetricJson {
  return { name, help, type: 'histogram', aggregator: 'sum', values };
}
