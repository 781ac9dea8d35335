/**
 * What one process of the server has counted, as it tells the supervisor: plain numbers by name. `counts` only grow for
 * as long as the process lives; `levels` say how things are now.
 */

import { Counters, type DataLinkCounters } from '../../../datapath/index.ts';
import type { SessionTraffic } from '../../control/index.ts';
import type { Stage } from '../explain/stage.ts';

/** The name of the supervisor, or of the only process, among those of a server. */
export const MAIN = 'main';

/** Upper bounds in seconds of the classes into which delays of the event loop are counted; what is above has none. */
export const LOOP_BOUNDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

const LINK_COUNTS = Object.keys(new Counters()) as (keyof DataLinkCounters)[];

const OTHER_COUNTS = [
  /** Calls into the kernel, and packets of the device that are nobody's. */
  'deviceReads',
  'deviceWrites',
  'deviceDropsWrite',
  'deviceDropsUnknown',
  'deviceDropsGroup',
  'deviceDropsMalformed',
  /** Connections closed at accept, before anything else was done with them. */
  'floodDrops',
  'cpuUserSeconds',
  'cpuSystemSeconds',
  'logLinesSuppressed',
  'logLinesDropped',
  'loopSamples',
  'loopSeconds',
] as const;

type LoopClass = `loopTo${(typeof LOOP_BOUNDS)[number]}`;
export type CountName = keyof DataLinkCounters | (typeof OTHER_COUNTS)[number] | LoopClass;

export const COUNT_NAMES: readonly CountName[] = [...LINK_COUNTS, ...OTHER_COUNTS, ...LOOP_BOUNDS.map(loopClass)];

/** Those that are the greatest of something are not added up. */
export const LEVEL_NAMES = [
  'queuedBytes',
  'queuedBytesMost',
  /** Memory of packets that wait or are being written. */
  'queueMemory',
  /** What TLS sockets have not been able to send yet. */
  'unsentBytes',
  'unsentBytesMost',
  'residentBytes',
  'heapBytes',
  'externalBytes',
] as const;

export type LevelName = (typeof LEVEL_NAMES)[number];
type Counts = Readonly<Record<CountName, number>>;
type Levels = Readonly<Record<LevelName, number>>;

export const STAGES: readonly Stage[] = ['tls', 'http', 'sstp', 'lcp', 'authentication', 'binding', 'network', 'up'];

export interface Report {
  readonly counts: Counts;
  readonly levels: Levels;
  /** Connections that speak SSTP, by stage and method (`none` before the login). */
  readonly sessions: readonly { readonly stage: string; readonly method: string; readonly count: number }[];
  /** Empty unless wanted. */
  readonly traffic: readonly SessionTraffic[];
}

export function loopClass(bound: (typeof LOOP_BOUNDS)[number]): LoopClass {
  return `loopTo${bound}`;
}

/** @param known what is not 0 */
export function makeReport(
  known: Omit<Partial<Report>, 'counts' | 'levels'> & {
    readonly counts?: Partial<Counts>;
    readonly levels?: Partial<Levels>;
  } = {},
): Report {
  return {
    counts: record(COUNT_NAMES, (name) => known.counts?.[name] ?? 0),
    levels: record(LEVEL_NAMES, (name) => known.levels?.[name] ?? 0),
    sessions: known.sessions ?? [],
    traffic: known.traffic ?? [],
  };
}

/** Of several processes, or of parts of one, one report. */
export function addReports(reports: readonly Report[]): Report {
  const add = (name: LevelName | CountName, values: readonly number[]): number =>
    name.endsWith('Most') ? Math.max(0, ...values) : values.reduce((sum, value) => sum + value, 0);
  return {
    counts: record(COUNT_NAMES, (name) =>
      add(
        name,
        reports.map(({ counts }) => counts[name]),
      ),
    ),
    levels: record(LEVEL_NAMES, (name) =>
      add(
        name,
        reports.map(({ levels }) => levels[name]),
      ),
    ),
    sessions: reports.flatMap(({ sessions }) => sessions),
    traffic: reports.flatMap(({ traffic }) => traffic),
  };
}

/** What is left of a process that has ended: its counts. */
export function countsOnly({ counts }: Report): Report {
  return makeReport({ counts });
}

/** More than stages and methods make. */
const MOST_KINDS = 100;

/**
 * What a worker said, as far as it makes sense: it talks to the network, and a count that goes back would be taken for
 * a restart of the server.
 *
 * @param before what it said last
 */
export function acceptReport(said: Report, before: Report): Report {
  const number = (value: unknown): number => (typeof value === 'number' && value >= 0 && value < 2 ** 53 ? value : 0);
  return {
    counts: record(COUNT_NAMES, (name) => Math.max(number(said.counts[name]), before.counts[name])),
    levels: record(LEVEL_NAMES, (name) => number(said.levels[name])),
    sessions: said.sessions
      .slice(0, MOST_KINDS)
      .map(({ stage, method, count }) => ({ stage, method, count: number(count) })),
    traffic: said.traffic.map(({ id, bytesIn, bytesOut }) => ({
      id,
      bytesIn: number(bytesIn),
      bytesOut: number(bytesOut),
    })),
  };
}

function record<Name extends string>(names: readonly Name[], value: (name: Name) => number): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Name, number>;
}
