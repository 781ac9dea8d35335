/** What a run found out about floods, as rows for print and documentation. */
import { short } from '../limits.ts';
import type { CleanReport } from './clean-load.ts';
import { type FloodCell, type FloodsFigures, NO_FLOOD } from './floods.ts';

type Row = [name: string, title: string, rows: string[][]];

export function floodTables(figures: FloodsFigures | undefined): Row[] {
  if (figures === undefined) return [];
  const { rate, sstpd, nginx } = figures;
  const title = `Clean clients beside floods of ${rate} new connections a second: in at the first try, and in what time (median / p95 ms)`;
  const header = ['flood', 'from', 'new addresses', '', 'known addresses', '', 'ping p99 ms', 'server CPU', 'MiB'];
  return [
    ['floods', title, [header, ...rowsOf(sstpd)]],
    ...(nginx === undefined
      ? []
      : ([
          ['floods', 'Visitors of nginx (768 connections) beside the same', [header, ...rowsOf(nginx)]],
        ] satisfies Row[])),
  ];
}

function rowsOf(kinds: { readonly [kind: string]: { readonly [shape: string]: FloodCell } }): string[][] {
  return Object.entries(kinds).flatMap(([kind, shapes]) =>
    Object.entries(shapes).map(([shape, { fromNew, fromKnown, pingP99Ms, serverCpu, serverMib }]) => [
      kind,
      shape === NO_FLOOD ? '' : shape,
      ...cleanText(fromNew),
      ...(fromKnown === undefined ? ['', ''] : cleanText(fromKnown)),
      pingP99Ms === undefined ? '' : short(pingP99Ms),
      short(serverCpu),
      short(serverMib),
    ]),
  );
}

function cleanText({ tries, inAtFirst, medianMs, p95Ms }: CleanReport): string[] {
  return [`${short((100 * inAtFirst) / tries)} % of ${tries}`, `${medianMs} / ${p95Ms}`];
}
