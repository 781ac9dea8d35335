/** The tables that the bench prints. */
import { titleOf } from './home-line.ts';
import { type Limit, short } from './limits.ts';
import type { PingFigures, RateFigures, TcpFigures } from './measure.ts';
import { type ByVpn, OURS, type Results } from './results.ts';

export function printReport(results: Results, limits: readonly Limit[], print: (text: string) => void): void {
  for (const [title, rows] of tables(results)) {
    if (rows.length > 1) print(`\n${title}\n${table(rows)}`);
  }
  const lateness = lineNote(results);
  if (lateness !== undefined) print(`\n${lateness}`);
  for (const { scenario, vpn, why, isFailure } of results.left) {
    print(`${isFailure ? 'FAILED' : 'skipped'}: ${scenario}, ${vpn}: ${why}`);
  }
  const rows = limits.map(({ target, reached, reference, verdict }) => [target, reached, reference, verdict]);
  print(`\nLimits\n${table([['target', 'reached', 'beside', ''], ...rows])}`);
}

function tables({ single, many, small, connect, lines, sessions }: Results): [string, string[][]][] {
  const all: [string, string[][]][] = [
    [
      'One tunnel, one TCP stream; round trips (median / p95 / p99 ms) idle and under it',
      [
        ['', 'down Mbit/s', '', 'up Mbit/s', '', 's/GB down / up', 'ping idle', 'down', 'up'],
        ...Object.entries(single).map(([name, { tcp, idle }]) => [
          name,
          ...beside(single, name, (figures) => figures.tcp.down.mbits),
          ...beside(single, name, (figures) => figures.tcp.up.mbits),
          `${short(tcp.down.serverCpuPerGb)} / ${short(tcp.up.serverCpuPerGb)}`,
          ...[idle, tcp.down.ping, tcp.up.ping].map(pingText),
        ]),
      ],
    ],
    [
      'One tunnel, UDP with 1300 bytes: highest steady rate with at most 0.1 % loss',
      [
        ['', 'down Mbit/s', '', 'up Mbit/s', '', 'us/packet down / up', ''],
        ...Object.entries(single).map(([name, { udp }]) => [
          name,
          ...beside(single, name, (figures) => figures.udp.down.mbits),
          ...beside(single, name, (figures) => figures.udp.up.mbits),
          `${short(udp.down.serverCpuPerPacketUs)} / ${short(udp.up.serverCpuPerPacketUs)}`,
          heldNote(udp.down, udp.up),
        ]),
      ],
    ],
    [
      `${Object.values(many)[0]?.tunnels ?? ''} tunnels at once, a TCP stream each`,
      [
        ['', 'down Mbit/s', '', 'up Mbit/s', '', 's/GB down / up', 'ping down', 'up'],
        ...Object.entries(many).map(([name, { down, up }]) => [
          name,
          ...beside(many, name, (figures) => figures.down.mbits),
          ...beside(many, name, (figures) => figures.up.mbits),
          `${short(down.serverCpuPerGb)} / ${short(up.serverCpuPerGb)}`,
          ...[down.ping, up.ping].map(pingText),
        ]),
      ],
    ],
    [
      'UDP with 64 bytes: highest steady rate with at most 0.1 % loss ("no tunnel" is what the load generator can do)',
      [
        ['', 'down packets/s', '', 'up packets/s', '', 'us/packet at one rate, down / up', 'reordered', ''],
        ...Object.entries(small).map(([name, { down, up, atOneRate: one }]) => [
          name,
          ...beside(small, name, (figures) => figures.down.pps),
          ...beside(small, name, (figures) => figures.up.pps),
          `${short(one.down.serverCpuPerPacketUs)} / ${short(one.up.serverCpuPerPacketUs)}`,
          String(down.reordered + up.reordered),
          heldNote(down, up),
        ]),
      ],
    ],
    [
      'Time to connect on a line of 20 ms: from starting the client to the first answered ping',
      [
        ['', 'ms', '', 'round trips', 'rest ms', 'of it before the first packet'],
        ...Object.entries(connect).map(([name, { roundTrips, restMs, startMs }]) => [
          name,
          ...beside(connect, name, (figures) => figures.ms),
          String(roundTrips),
          short(restMs),
          short(startMs),
        ]),
      ],
    ],
  ];
  for (const [name, figures] of Object.entries(lines))
    all.push([`Home line: ${titleOf(name)}, 20 ms`, lineTable(figures)]);
  if (sessions !== undefined) {
    const { sstpd, tls } = sessions;
    const row = (name: string, of: typeof sstpd): string[] => {
      return [name, short(of.connectsPerCpuSecond), short(of.cpuPerConnect * 1e6), short(of.kibPerIdle)];
    };
    const header = ['', 'per CPU second', 'us each', 'KiB per idle one'];
    all.push(['Connects', [header, row(OURS, sstpd), row('bare node:tls', tls)]]);
  }
  return all;
}

function lineTable(figures: Results['lines'][string]): string[][] {
  return [
    ['', 'ping idle', 'down Mbit/s', '', 'ping', 'up Mbit/s', '', 'ping'],
    ...Object.entries(figures).map(([name, { idle, down, up }]) => [
      name,
      pingText(idle),
      ...beside(figures, name, (one) => one.down.mbits),
      pingOf(down),
      ...beside(figures, name, (one) => one.up.mbits),
      pingOf(up),
    ]),
  ];
}

/** The worst that the relay did to any packet: how far the lines can be believed. */
function lineNote({ lines }: Results): string | undefined {
  const reports = Object.values(lines).flatMap((figures) => Object.values(figures).flatMap(({ line }) => line ?? []));
  if (reports.length === 0) return undefined;
  const worst = (of: 'p99' | 'p999'): string =>
    short(Math.max(...reports.flatMap(({ aToB, bToA }) => [aToB.lateUs[of], bToA.lateUs[of]])) / 1e3);
  return `The lines were late by at most ${worst('p99')} ms (p99) and ${worst('p999')} ms (p99.9) in the worst run.`;
}

/** The value, and its ratio to ours. */
function beside<T>(all: ByVpn<T>, name: string, value: (figures: T) => number): string[] {
  const [own, ours] = [all[name], all[OURS]];
  if (own === undefined) return ['-', ''];
  const isOurs = name === OURS || ours === undefined;
  return [short(value(own)), isOurs ? '' : `${OURS} x ${short(value(ours) / value(own))}`];
}

function heldNote(down: RateFigures, up: RateFigures): string {
  const share = (rate: RateFigures): string => (rate.isHeld ? '' : `${short(rate.loss * 100)} % lost`);
  const notes = [share(down) && `down ${share(down)}`, share(up) && `up ${share(up)}`].filter((note) => note !== '');
  return notes.join(', ');
}

function pingOf(figures: TcpFigures): string {
  return pingText(figures.ping);
}

function pingText({ median, p95, p99, sent, answered }: PingFigures): string {
  const lost = sent === answered ? '' : `, ${short((1 - answered / sent) * 100)} % lost`;
  return `${[median, p95, p99].map(short).join(' / ')}${lost}`;
}

export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
