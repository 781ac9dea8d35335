/** The figures of the documentation, drawn. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { changeTitle } from './changes.ts';
import { type BarChart, drawBars, drawOverTime } from './draw.ts';
import { titleOf } from './home-line.ts';
import type { Results } from './results.ts';

export interface Plot {
  readonly file: string;
  readonly title: string;
  /** The scenario, or `udp`. */
  readonly part: string;
  readonly svg: string;
}

/** @returns the files written */
export function writePlots(results: Results, folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return drawPlots(results).map(({ file, svg }) => {
    writeFileSync(join(folder, file), svg);
    return file;
  });
}

/** Those that have something to show. */
export function drawPlots(results: Results): Plot[] {
  const bars = [...tunnelCharts(results), ...pathCharts(results)]
    .filter(({ groups }) => groups.length > 0)
    .map((chart) => ({ file: chart.file, title: chart.title, part: chart.part, svg: drawBars(chart) }));
  return [...bars, ...changePlots(results)];
}

interface Chart extends BarChart {
  readonly file: string;
  readonly part: string;
}

const BOTH_WAYS = ['download', 'upload'];

function groupsOf<T>(all: { [name: string]: T }, values: (figures: T) => number[]): BarChart['groups'] {
  return Object.entries(all)
    .filter(([name]) => name !== 'no tunnel')
    .map(([name, figures]) => ({ name, values: values(figures) }));
}

function tunnelCharts({ single, many, small }: Results): Chart[] {
  return [
    {
      part: 'single',
      file: 'single-throughput.svg',
      title: 'One tunnel, one TCP stream, server on one core',
      unit: 'Mbit/s',
      series: BOTH_WAYS,
      groups: groupsOf(single, ({ tcp }) => [tcp.down.mbits, tcp.up.mbits]),
    },
    {
      part: 'single',
      file: 'single-cpu.svg',
      title: 'Processor time of the server for a gigabyte',
      unit: 's/GB',
      series: BOTH_WAYS,
      groups: groupsOf(single, ({ tcp }) => [tcp.down.serverCpuPerGb, tcp.up.serverCpuPerGb]),
    },
    {
      part: 'single',
      file: 'single-ping.svg',
      title: 'Round trips while a TCP stream takes all it can, p95',
      unit: 'ms',
      series: ['idle', ...BOTH_WAYS],
      groups: groupsOf(single, ({ idle, tcp }) => [idle.p95, tcp.down.ping.p95, tcp.up.ping.p95]),
    },
    {
      part: 'udp',
      file: 'single-udp.svg',
      title: 'UDP with 1300 bytes: highest steady rate with at most 0.1 % loss',
      unit: 'Mbit/s',
      series: BOTH_WAYS,
      groups: groupsOf(single, ({ udp }) => [udp.down.mbits, udp.up.mbits]),
    },
    {
      part: 'many',
      file: 'many-throughput.svg',
      title: `${Object.values(many)[0]?.tunnels ?? ''} tunnels at once, server on one core`,
      unit: 'Mbit/s',
      series: BOTH_WAYS,
      groups: groupsOf(many, ({ down, up }) => [down.mbits, up.mbits]),
    },
    {
      part: 'small',
      file: 'small-packets.svg',
      title: 'UDP with 64 bytes: highest steady rate with at most 0.1 % loss',
      unit: 'packets/s',
      series: BOTH_WAYS,
      groups: Object.entries(small).map(([name, { down, up }]) => ({ name, values: [down.pps, up.pps] })),
    },
  ];
}

function pathCharts({ connect, lines, flows, slow }: Results): Chart[] {
  return [
    {
      part: 'connect',
      file: 'connect-time.svg',
      title: 'From starting the client to the first answered ping, 20 ms line',
      unit: 'ms',
      series: ['in all', 'round trips', 'the rest'],
      groups: groupsOf(connect, ({ ms, restMs }) => [ms, ms - restMs, restMs]),
    },
    ...Object.entries(lines).flatMap(([line, figures]) => lineCharts(line, figures)),
    {
      part: 'flows',
      file: 'flows-shares.svg',
      title: 'Several downloads of one client at once: what the slowest and the fastest get',
      unit: 'Mbit/s',
      series: ['slowest', 'fastest'],
      groups: Object.entries(flows).map(([name, { down }]) => ({ name, values: [down.least, down.most] })),
    },
    {
      part: 'slow',
      file: 'slow-neighbours.svg',
      title: 'Round trips under a download, alone and beside stalled clients, p95',
      unit: 'ms',
      series: ['alone', 'beside stalled'],
      groups: groupsOf(slow, ({ alone, beside }) => [alone.down.ping.p95, beside.down.ping.p95]),
    },
  ];
}

function lineCharts(line: string, figures: Results['lines'][string]): Chart[] {
  const title = titleOf(line);
  const entries = Object.entries(figures);
  return [
    {
      part: 'lines',
      file: `line-${line}-ping.svg`,
      title: `Round trips on an idle and a busy line, p95: ${title}`,
      unit: 'ms',
      series: ['idle', 'under download', 'under upload'],
      groups: entries.map(([name, { idle, down, up }]) => ({ name, values: [idle.p95, down.ping.p95, up.ping.p95] })),
    },
    {
      part: 'lines',
      file: `line-${line}-rate.svg`,
      title: `One TCP stream: ${title}`,
      unit: 'Mbit/s',
      series: BOTH_WAYS,
      groups: entries.map(([name, { down, up }]) => ({ name, values: [down.mbits, up.mbits] })),
    },
  ];
}

function changePlots({ changes }: Results): Plot[] {
  return Object.entries(changes).flatMap(([name, figures]) => {
    const [first] = Object.values(figures);
    if (first === undefined) return [];
    const title = `While a download runs, ${changeTitle(name)}`;
    const all = Object.values(figures);
    const svg = drawOverTime({
      title,
      seconds: (first.phases.length * first.phaseMs) / 1e3,
      phases: first.phases.map((phase, i) => ({ title: phase.title, from: (i * first.phaseMs) / 1e3 })),
      series: Object.keys(figures),
      panels: [
        { unit: 'Mbit/s', points: all.map(({ moments }) => moments.map(({ atMs, mbits }) => [atMs / 1e3, mbits])) },
        {
          unit: 'ms, median of half a second',
          points: all.map(({ moments }) => moments.map(({ atMs, pingMs }) => [atMs / 1e3, pingMs])),
        },
      ],
    });
    return [{ file: `change-${name}.svg`, title, part: 'changes', svg }];
  });
}
