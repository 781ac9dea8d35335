/** What a run found out about floods, as rows for print and documentation. */
import { short } from '../limits.ts';
import type { CleanReport } from './clean-load.ts';
import { type FloodCell, type FloodCells, type FloodsFigures, NO_FLOOD } from './floods.ts';

type Row = [name: string, title: string, rows: string[][]];

/** In place of figures that would say something of the machine. */
export const TOO_BUSY = 'too busy to say';

export function floodTables(figures: FloodsFigures | undefined): Row[] {
  if (figures === undefined) return [];
  const { date, rate, servers } = figures;
  const header = [
    'server',
    'flood',
    'from',
    'new addresses',
    '',
    'known addresses',
    '',
    'ping p99 ms',
    'CPU',
    'MiB',
    '',
  ];
  const title =
    `Clean clients beside floods of ${rate} new connections a second: how many got in at the first try, and in what time ` +
    `(median / p95 ms); ${date}`;
  const rows = Object.entries(servers).flatMap(([name, cells]) => rowsOf(name, cells));
  return [['floods', title, [header, ...rows]]];
}

function rowsOf(name: string, kinds: FloodCells): string[][] {
  return Object.entries(kinds).flatMap(([kind, shapes]) =>
    Object.entries(shapes).map(([shape, cell]) => {
      const head = [name, kind, shape === NO_FLOOD ? '' : shape];
      const { busy } = cell;
      if (busy?.tooBusyToSay === true) return [...head, TOO_BUSY, '', '', '', '', '', '', busy.with];
      return [...head, ...figuresOf(cell), busy?.with ?? ''];
    }),
  );
}

function figuresOf({ fromNew, fromKnown, pingP99Ms, serverCpu, serverMib }: FloodCell): string[] {
  return [
    ...cleanText(fromNew),
    ...(fromKnown === undefined ? ['', ''] : cleanText(fromKnown)),
    pingP99Ms === undefined ? '' : short(pingP99Ms),
    short(serverCpu),
    short(serverMib),
  ];
}

function cleanText({ tries, inAtFirst, medianMs, p95Ms }: CleanReport): string[] {
  return [`${short((100 * inAtFirst) / tries)} % of ${tries}`, inAtFirst === 0 ? '-' : `${medianMs} / ${p95Ms}`];
}
