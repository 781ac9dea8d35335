/** Floods of connections, and what clean clients, sessions and the server notice of them. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lab, type Place, SERVER_ADDRESS } from '../lab.ts';
import {
  cpuSeconds,
  LineProcess,
  mayRunOn,
  proportionalKib,
  run,
  SERVER_CORE,
  secondsBetween,
  stolenSeconds,
  strangers,
} from '../processes.ts';
import { PASSWORD } from '../vpn.ts';
import { type Busy, busyWith } from './busy.ts';
import type { CleanReport, CleanSettings } from './clean-load.ts';
import type { FloodReport, FloodSettings } from './flood-load.ts';
import { type FloodedServer, floodPlace, SERVER_ADDRESS6, type Target } from './servers.ts';
import { isIpv6, KINDS, type Kind, SHAPES, type Shape } from './shapes.ts';

export interface FloodsSize {
  readonly kinds: readonly Kind[];
  readonly shapes: readonly Shape[];
  /** New connections a second. */
  readonly rate: number;
  /** Before anything is measured: a flood of a few seconds is none. */
  readonly onsetSeconds: number;
  /** Clean clients of new addresses, and as many of known ones, beside each flood. */
  readonly tries: number;
  readonly triesPerSecond: number;
}

export interface FloodCell {
  readonly fromNew: CleanReport;
  /** From addresses that logged in before; absent of a server that knows none. */
  readonly fromKnown?: CleanReport;
  /** Of a session that was up before. */
  readonly pingP99Ms?: number;
  /** Processors in use. */
  readonly serverCpu: number;
  readonly serverMib: number;
  readonly openedPerSecond: number;
  /** What else the machine did, and whether the figures therefore say nothing of the server. */
  readonly busy?: Busy;
}

/** By what the flood does, then by where it comes from; `no flood` first. */
export type FloodCells = { [kind: string]: { [shape: string]: FloodCell } };

export interface FloodsFigures {
  readonly date: string;
  readonly rate: number;
  readonly servers: { readonly [name: string]: FloodCells };
}

export const NO_FLOOD = 'no flood';
/** Whoever floods gives way to clean clients, with whom he shares a processor. */
const YIELDING = ['nice', '-n', '19'] as const;

/** Each kind of flood that the server could know as one. */
export async function measureFloods(lab: Lab, server: FloodedServer, size: FloodsSize): Promise<FloodCells> {
  const cells: FloodCells = {};
  const kinds = size.kinds.filter((kind) => server.kinds.includes(kind));
  for (const kind of [NO_FLOOD, ...kinds] as const) {
    const place = await floodPlace(lab);
    try {
      const target = await server.serve(place);
      try {
        cells[kind] = await measureKind(place, { ...target, ...server }, kind, size);
      } finally {
        await target.end();
      }
    } finally {
      await place.close();
    }
  }
  return cells;
}

async function measureKind(
  place: Place,
  target: Target & FloodedServer,
  kind: Kind | typeof NO_FLOOD,
  size: FloodsSize,
): Promise<{ [shape: string]: FloodCell }> {
  const cells: { [shape: string]: FloodCell } = {};
  const first = [NO_FLOOD, ...KINDS].indexOf(kind) * size.shapes.length * size.tries;
  const clean = [await cleanLoad(place, target, first), await cleanLoad(place, target, first)] as const;
  try {
    const warmUp = await ask<CleanReport>(clean[1], `known 10 ${size.triesPerSecond}`);
    if (warmUp.inAtFirst < warmUp.tries) throw new Error(`without a flood: ${JSON.stringify(warmUp.failures)}`);
    for (const shape of kind === NO_FLOOD ? ([NO_FLOOD] as const) : size.shapes) {
      const flood = kind === NO_FLOOD || shape === NO_FLOOD ? undefined : { kind, shape, rate: size.rate };
      const cell = await measureCell(place, target, flood, clean, size);
      cells[shape] = cell;
      console.error(`floods, ${target.name}, ${kind}, ${shape}: ${JSON.stringify(cell)}`);
    }
  } finally {
    for (const load of clean) await load.end();
  }
  return cells;
}

async function measureCell(
  place: Place,
  target: Target & FloodedServer,
  flood: Pick<FloodSettings, 'kind' | 'shape' | 'rate'> | undefined,
  [fresh, familiar]: readonly [LineProcess, LineProcess],
  { tries, triesPerSecond, onsetSeconds }: FloodsSize,
): Promise<FloodCell> {
  // It is ended when all is measured; this is for a bench that can't do that any more.
  const seconds = onsetSeconds + tries / triesPerSecond + 120;
  const load = flood && (await floodLoad(place, { ...flood, seconds }));
  try {
    if (load !== undefined) await sleep(onsetSeconds * 1_000);
    const before = load && (await ask<FloodReport>(load, 'report'));
    const startedAt = performance.now();
    const usedBefore = usage(target.pid);
    const [pingP99Ms, fromNew, fromKnown] = await Promise.all([
      target.pinged && pingP99(target.pinged, tries / triesPerSecond),
      ask<CleanReport>(fresh, `new ${tries} ${triesPerSecond}`),
      target.knowsAddresses ? ask<CleanReport>(familiar, `known ${tries} ${triesPerSecond}`) : undefined,
    ]);
    const after = load && (await ask<FloodReport>(load, 'report'));
    const wallSeconds = (performance.now() - startedAt) / 1e3;
    const { serverCpu, serverCoreTaken } = usedSince(usedBefore, usage(target.pid));
    const openedPerSecond = ((after?.opened ?? 0) - (before?.opened ?? 0)) / wallSeconds;
    const busy = busyWith({
      ...{ rate: flood?.rate ?? 0, openedPerSecond, serverCoreTaken },
      reports: [fromNew, ...(fromKnown === undefined ? [] : [fromKnown])],
    });
    return {
      fromNew,
      ...(fromKnown === undefined ? {} : { fromKnown }),
      ...(pingP99Ms === undefined ? {} : { pingP99Ms }),
      ...{ serverCpu, serverMib: proportionalKib(target.pid) / 1_024, openedPerSecond },
      ...(busy === undefined ? {} : { busy }),
    };
  } finally {
    await load?.end();
  }
}

interface Usage {
  readonly stolenAt: number;
  readonly stolenSeconds: number;
  readonly strangers: ReadonlyMap<number, number>;
  readonly serverAt: number;
  readonly serverSeconds: number;
}

/** To look at a server that has thousands of processes takes a while: each figure has a time of its own. */
function usage(pid: number): Usage {
  const others = {
    stolenAt: performance.now(),
    stolenSeconds: stolenSeconds(SERVER_CORE),
    strangers: strangers((one) => mayRunOn(SERVER_CORE, one)),
  };
  return { ...others, serverAt: performance.now(), serverSeconds: cpuSeconds(pid) };
}

/** Processors in use, on average: by the server, and at most so much of the server's by anything else. */
function usedSince(before: Usage, after: Usage): { readonly serverCpu: number; readonly serverCoreTaken: number } {
  const taken = after.stolenSeconds - before.stolenSeconds + secondsBetween(before.strangers, after.strangers);
  return {
    serverCpu: ((after.serverSeconds - before.serverSeconds) * 1e3) / (after.serverAt - before.serverAt),
    serverCoreTaken: Math.min(1, (taken * 1e3) / (after.stolenAt - before.stolenAt)),
  };
}

async function floodLoad(
  place: Place,
  { kind, shape, rate, seconds }: Omit<FloodSettings, 'host' | 'port'>,
): Promise<LineProcess> {
  const host = isIpv6(shape) ? SERVER_ADDRESS6 : SERVER_ADDRESS;
  const settings: FloodSettings = { kind, shape, host, port: 443, rate, seconds };
  const load = loadIn(place, 'flood-load.ts', settings, YIELDING);
  await load.hear((line) => line === 'flooding');
  return load;
}

async function cleanLoad(place: Place, { protocol, ca }: FloodedServer, first: number): Promise<LineProcess> {
  const account = { user: 'bench', password: PASSWORD };
  const settings: CleanSettings = { protocol, host: SERVER_ADDRESS, port: 443, ca, ...account, first };
  const load = loadIn(place, 'clean-load.ts', settings, []);
  await load.hear((line) => line === 'ready');
  return load;
}

function loadIn(place: Place, script: string, settings: object, before: readonly string[]): LineProcess {
  const command = [...before, process.execPath, join(import.meta.dirname, script), JSON.stringify(settings)];
  return new LineProcess(command, { netns: place.clients[0] ?? '' });
}

async function ask<Report>(load: LineProcess, line: string): Promise<Report> {
  load.tell(line);
  return JSON.parse(await load.hear((text) => text.startsWith('{'))) as Report;
}

async function pingP99({ netns, inside }: NonNullable<Target['pinged']>, seconds: number): Promise<number> {
  const text = await run(['ping', '-n', '-i', '0.05', '-w', String(Math.ceil(seconds)), inside], { netns }).catch(
    (error: Error) => error.message,
  );
  const times = [...text.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms)).sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)] ?? Number.POSITIVE_INFINITY;
}

export { KINDS, SHAPES };
