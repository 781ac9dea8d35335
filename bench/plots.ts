/** Bar charts in SVG, one for each figure of the documentation. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { titleOf } from './home-line.ts';
import { short } from './limits.ts';
import type { Results } from './results.ts';

interface Chart {
  readonly file: string;
  readonly title: string;
  readonly unit: string;
  /** One bar of each group for each series. */
  readonly series: readonly string[];
  readonly groups: readonly { readonly name: string; readonly values: readonly number[] }[];
}

/** @returns the files written */
export function writePlots(results: Results, folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return chartsOf(results)
    .filter(({ groups }) => groups.length > 0)
    .map((chart) => {
      writeFileSync(join(folder, chart.file), draw(chart));
      return chart.file;
    });
}

function chartsOf({ single, many, small, connect, lines }: Results): Chart[] {
  const bothWays = ['download', 'upload'];
  const groups = <T>(all: { [name: string]: T }, values: (figures: T) => number[]) =>
    Object.entries(all)
      .filter(([name]) => name !== 'no tunnel')
      .map(([name, figures]) => ({ name, values: values(figures) }));
  return [
    {
      file: 'single-throughput.svg',
      title: 'One tunnel, one TCP stream, server on one core',
      unit: 'Mbit/s',
      series: bothWays,
      groups: groups(single, ({ tcp }) => [tcp.down.mbits, tcp.up.mbits]),
    },
    {
      file: 'single-cpu.svg',
      title: 'Processor time of the server for a gigabyte',
      unit: 's/GB',
      series: bothWays,
      groups: groups(single, ({ tcp }) => [tcp.down.serverCpuPerGb, tcp.up.serverCpuPerGb]),
    },
    {
      file: 'single-ping.svg',
      title: 'Round trips while a TCP stream takes all it can, p95',
      unit: 'ms',
      series: ['idle', ...bothWays],
      groups: groups(single, ({ idle, tcp }) => [idle.p95, tcp.down.ping.p95, tcp.up.ping.p95]),
    },
    {
      file: 'many-throughput.svg',
      title: 'Many tunnels at once, server on one core',
      unit: 'Mbit/s',
      series: bothWays,
      groups: groups(many, ({ down, up }) => [down.mbits, up.mbits]),
    },
    {
      file: 'small-packets.svg',
      title: 'UDP with 64 bytes: highest steady rate with at most 0.1 % loss',
      unit: 'packets/s',
      series: bothWays,
      groups: Object.entries(small).map(([name, { down, up }]) => ({ name, values: [down.pps, up.pps] })),
    },
    {
      file: 'connect-time.svg',
      title: 'From starting the client to the first answered ping, 20 ms line',
      unit: 'ms',
      series: ['time'],
      groups: groups(connect, ({ ms }) => [ms]),
    },
    ...Object.entries(lines).flatMap(([line, figures]) => lineCharts(line, figures)),
  ];
}

function lineCharts(line: string, figures: Results['lines'][string]): Chart[] {
  const title = titleOf(line);
  const entries = Object.entries(figures);
  const pings = (['down', 'up'] as const).map((direction) => ({
    file: `line-${line}-ping-${direction}.svg`,
    title: `Round trips under ${direction === 'down' ? 'download' : 'upload'}: ${title}`,
    unit: 'ms',
    series: ['median', 'p95', 'p99'],
    groups: entries.map(([name, one]) => {
      const { median, p95, p99 } = one[direction].ping;
      return { name, values: [median, p95, p99] };
    }),
  }));
  const rate = {
    file: `line-${line}-rate.svg`,
    title: `One TCP stream: ${title}`,
    unit: 'Mbit/s',
    series: ['download', 'upload'],
    groups: entries.map(([name, { down, up }]) => ({ name, values: [down.mbits, up.mbits] })),
  };
  return [...pings, rate];
}

const WIDTH = 760;
const LEFT = 190;
const RIGHT = 90;
const TOP = 64;
const BAR = 14;
const GAP = 12;
/** Told apart also by who sees no difference between red and green, and on light and dark ground. */
const COLOURS = ['#3b7dd8', '#e08a1e', '#8a5cc2'];

function draw({ title, unit, series, groups }: Chart): string {
  const most = Math.max(...groups.flatMap(({ values }) => values), Number.MIN_VALUE);
  const scale = (WIDTH - LEFT - RIGHT) / most;
  const step = series.length * BAR + GAP;
  const height = TOP + groups.length * step + GAP;
  const legend = series.map((name, i) => {
    const x = LEFT + i * 110;
    return `<rect x="${x}" y="38" width="10" height="10" fill="${COLOURS[i]}"/><text x="${x + 15}" y="47">${inXml(name)}</text>`;
  });
  const bars = groups.flatMap(({ name, values }, g) => {
    const top = TOP + g * step;
    const label = `<text x="${LEFT - 8}" y="${top + (series.length * BAR) / 2 + 4}" text-anchor="end">${inXml(name)}</text>`;
    return [label, ...values.map((value, i) => bar(value, top + i * BAR, value * scale, COLOURS[i] ?? '#888'))];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" role="img">
<title>${inXml(title)}</title>
<style>text{fill:#222}.ground{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#ddd}.ground{fill:#161b22}}</style>
<rect class="ground" width="${WIDTH}" height="${height}"/>
<text x="12" y="22" font-size="15" font-weight="bold">${inXml(title)} (${inXml(unit)})</text>
${[...legend, ...bars].join('\n')}
</svg>
`;
}

function bar(value: number, y: number, width: number, colour: string): string {
  const w = Math.max(1, width).toFixed(1);
  const text = `<text x="${(LEFT + Number(w) + 5).toFixed(1)}" y="${y + 11}" font-size="11">${short(value)}</text>`;
  return `<rect x="${LEFT}" y="${y + 1}" width="${w}" height="${BAR - 2}" fill="${colour}"/>${text}`;
}

function inXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
