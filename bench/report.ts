/** The tables that the bench prints, and that the documentation shows. */
import { changeTitle } from './changes.ts';
import { floodTables } from './floods/tables.ts';
import { titleOf } from './home-line.ts';
import { type Limit, RIVALS, short } from './limits.ts';
import { DIRECTIONS, type Direction, type PingFigures, type RateFigures, type TcpFigures } from './measure.ts';
import { type ByVpn, OURS, type Results } from './results.ts';

export function printReport(results: Results, limits: readonly Limit[], print: (text: string) => void): void {
  for (const { title, rows } of tablesOf(results)) print(`\n${title}\n${table(rows)}`);
  const lateness = lineNote(results);
  if (lateness !== undefined) print(`\n${lateness}`);
  for (const { scenario, vpn, why, isFailure } of results.left) {
    print(`${isFailure ? 'FAILED' : 'skipped'}: ${scenario}, ${vpn}: ${why}`);
  }
  print(`\nLimits\n${table(limitRows(limits))}`);
}

export function limitRows(limits: readonly Limit[]): string[][] {
  const rows = limits.map(({ target, reached, reference, verdict }) => [target, reached, reference, verdict]);
  return [['target', 'reached', 'beside', ''], ...rows];
}

export interface Table {
  /** Where it belongs: the scenario, or `udp`. */
  readonly name: string;
  readonly title: string;
  /** The first is the header. */
  readonly rows: readonly (readonly string[])[];
}

/** Those that have rows. */
export function tablesOf(results: Results): Table[] {
  const all = [
    ...throughputTables(results),
    ...floorTables(results),
    ...pathTables(results),
    ...sessionTables(results),
    ...floodTables(results.floods),
  ];
  return all.map(([name, title, rows]) => ({ name, title, rows })).filter(({ rows }) => rows.length > 1);
}

type Row = [name: string, title: string, rows: string[][]];

function throughputTables({ single, many, small }: Results): Row[] {
  return [
    [
      'single',
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
      'udp',
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
      'many',
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
      'small',
      'UDP with 64 bytes: highest steady rate with at most 0.1 % loss ("no tunnel" is what the load generator can do)',
      [
        ['', 'down packets/s', '', 'up packets/s', '', '% lost', 'us/packet at one rate, down / up', 'reordered', ''],
        ...Object.entries(small).map(([name, { down, up, atOneRate: one }]) => [
          name,
          ...beside(small, name, (figures) => figures.down.pps),
          ...beside(small, name, (figures) => figures.up.pps),
          `${short(down.loss * 100)} / ${short(up.loss * 100)}`,
          `${short(one.down.serverCpuPerPacketUs)} / ${short(one.up.serverCpuPerPacketUs)}`,
          String(down.reordered + up.reordered),
          heldNote(down, up),
        ]),
      ],
    ],
  ];
}

/** How near to what cannot be undercut the tunnels are. */
function floorTables({ floor, single }: Results): Row[] {
  const rivals = RIVALS.filter((name) => single[name] !== undefined);
  const times = (direction: Direction, mbits: number): string =>
    rivals.map((name) => short(mbits / (single[name]?.tcp[direction].mbits ?? 0))).join(' / ');
  const share = (direction: Direction, seconds: number): string =>
    `${short((seconds / (single[OURS]?.tcp[direction].serverCpuPerGb ?? 0)) * 100)} %`;
  const rows = Object.entries(floor).map(([name, figures]) => [
    name,
    ...DIRECTIONS.flatMap((direction) => {
      const { mbits, serverCpuPerGb } = figures[direction];
      return [short(mbits), times(direction, mbits), short(serverCpuPerGb), share(direction, serverCpuPerGb)];
    }),
  ]);
  const header = DIRECTIONS.flatMap((direction) => [
    `${direction} Mbit/s`,
    `times ${rivals.join(' / ')}`,
    'server s/GB',
    `of what ${OURS} takes`,
  ]);
  return [['floor', 'What is no VPN, but part of each that is built like this one', [['', ...header], ...rows]]];
}

function pathTables({ connect, lines, changes, flows, slow }: Results): Row[] {
  const timeToConnect = Object.entries(connect).map(([name, { roundTrips, restMs, startMs }]) => [
    name,
    ...beside(connect, name, (figures) => figures.ms),
    String(roundTrips),
    short(restMs),
    short(startMs),
  ]);
  return [
    [
      'connect',
      'Time to connect on a line of 20 ms: from starting the client to the first answered ping',
      [['', 'ms', '', 'round trips', 'rest ms', 'of it before the first packet'], ...timeToConnect],
    ],
    ...Object.entries(lines).map(([name, figures]): Row => {
      return ['lines', `Home line: ${titleOf(name)}, 20 ms`, lineTable(figures)];
    }),
    ...Object.entries(changes).map(([name, figures]): Row => {
      return ['changes', `While a download runs ${changeTitle(name)}`, changeTable(figures)];
    }),
    ['flows', flowsTitle(flows), flowsTable(flows)],
    ['slow', slowTitle(slow), slowTable(slow)],
  ];
}

function sessionTables({ sessions }: Results): Row[] {
  if (sessions === undefined) return [];
  const { sstpd, against, tls } = sessions;
  const row = (name: string, of: typeof sstpd): string[] => {
    const rates = [of.connectsPerCpuSecond, of.connectsPerSecond];
    const among = of.among === undefined ? [] : [short(of.among.cpuPerConnect * 1e6)];
    return [name, ...rates.map(short), short(of.cpuPerConnect * 1e6), ...among, short(of.kibPerIdle)];
  };
  const among = sstpd.among === undefined ? [] : [`among ${sstpd.among.idle} idle ones`];
  const header = ['', 'per CPU second', 'per second', 'CPU us each', ...among, 'KiB per idle one'];
  const other = against === undefined ? [] : [row('against', against)];
  return [['sessions', 'Connects', [header, row(OURS, sstpd), ...other, row('bare node:tls', tls)]]];
}

/** A row for each VPN and phase. */
function changeTable(figures: Results['changes'][string]): string[][] {
  const after = (ms: number, phaseMs: number): string =>
    ms >= phaseMs ? `> ${short(phaseMs / 1e3)}` : short(ms / 1e3);
  return [
    ['', 'line', 'Mbit/s', 'settled', 'ping settled', 'longest', '80 % after s', 'lag gone after s'],
    ...Object.entries(figures).flatMap(([name, { phases, phaseMs }]) =>
      phases.map((phase) => [
        name,
        phase.title,
        short(phase.mbits),
        short(phase.settledMbits),
        `${short(phase.settledPing.median)} / ${short(phase.settledPing.p95)}`,
        short(phase.longestPingMs),
        after(phase.fullAfterMs, phaseMs),
        after(phase.calmAfterMs, phaseMs),
      ]),
    ),
  ];
}

function flowsTitle(flows: Results['flows']): string {
  const count = Object.values(flows)[0]?.flows ?? '';
  return `${count} TCP streams of one client on a line of 100 Mbit/s, 20 ms, 50 ms queue: shares (Jain's index, least and most of one)`;
}

function flowsTable(flows: Results['flows']): string[][] {
  const text = ({ fairness, least, most }: Results['flows'][string]['down']): string =>
    `${fairness.toFixed(3)} (${short(least)} to ${short(most)})`;
  return [
    ['', 'ping idle', 'down Mbit/s', 'shares', 'ping', 'up Mbit/s', 'shares', 'ping'],
    ...Object.entries(flows).map(([name, { idle, down, up }]) => [
      name,
      pingText(idle),
      ...[down, up].flatMap((one) => [short(one.mbits), text(one), pingText(one.ping)]),
    ]),
  ];
}

function slowTitle(slow: Results['slow']): string {
  const count = Object.values(slow)[0]?.slow ?? '';
  return `A download over 100 Mbit/s, 20 ms, alone and beside ${count} clients that are sent more than they take (half on 1 Mbit/s, half stopped)`;
}

function slowTable(slow: Results['slow']): string[][] {
  return [
    ['', 'alone Mbit/s', 'beside them', '', 'ping alone', 'beside them', 'MiB that they cost'],
    ...Object.entries(slow).map(([name, { alone, beside: crowded, mebibytes }]) => [
      name,
      short(alone.down.mbits),
      short(crowded.down.mbits),
      `x ${short(crowded.down.mbits / alone.down.mbits)}`,
      pingOf(alone.down),
      pingOf(crowded.down),
      short(mebibytes),
    ]),
  ];
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
