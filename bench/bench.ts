/** Runs the scenarios that were asked for, each with every VPN that it is about. */
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { relative } from 'node:path';
import { bareTunnel } from './bare-tunnel.ts';
import { CHANGES, measureChange } from './changes.ts';
import { type FloodCells, type FloodsSize, KINDS, measureFloods, SHAPES } from './floods/floods.ts';
import { type FloodedServer, floodedServers } from './floods/servers.ts';
import { LINES, measureConnect, measureLine } from './home-line.ts';
import type { Lab } from './lab.ts';
import type { BenchOptions, Scenario } from './options.ts';
import { makePeers } from './peers.ts';
import { assertPlausible } from './plausible.ts';
import { busyShare } from './processes.ts';
import { type ByVpn, OURS, OURS_PLAIN, type Results } from './results.ts';
import { measureSessions } from './sessions.ts';
import { measureFlows, measureSlow } from './sharing.ts';
import { measureMany, measureSingle, measureSmall, measureStream } from './throughput.ts';
import { measureTlsAlone } from './tls-alone.ts';
import { noTunnel, sstpd, type Vpn } from './vpn.ts';

/** On a machine that does other things, ratios wander too. */
const QUIET = 0.1;
const BUSY_SAMPLE_MS = 2_000;

const FLOODS: FloodsSize = {
  kinds: KINDS,
  shapes: SHAPES,
  rate: 500,
  onsetSeconds: 5,
  tries: 100,
  triesPerSecond: 10,
};

const FULL = {
  throughput: { tcp: 10, probe: 0.7, confirm: 5, tunnels: 16, closeEnough: 1.05, mostPps: 2_000_000 },
  /** A queue of 200 ms takes cubic longer to fill than one of 50. */
  lineSeconds: { short: 10, long: 20 },
  lineAttempts: 2,
  lines: LINES,
  connects: 5,
  changes: CHANGES,
  phaseSeconds: 15,
  flows: { flows: 4, seconds: 12, congestion: 'cubic' },
  slow: { slow: 20, seconds: 10, congestion: 'cubic' },
  sessions: { warmUp: 200, connects: 1_000, idle: 2_000, idleSeconds: 30 },
  floods: FLOODS,
};
const QUICK: typeof FULL = {
  throughput: { tcp: 1, probe: 0.2, confirm: 0.3, tunnels: 2, closeEnough: 4, mostPps: 12_000 },
  lineSeconds: { short: 1, long: 1 },
  lineAttempts: 1,
  lines: LINES.filter(({ loss }) => loss > 0),
  connects: 1,
  changes: CHANGES.slice(0, 1),
  phaseSeconds: 1,
  flows: { flows: 4, seconds: 1, congestion: 'cubic' },
  slow: { slow: 2, seconds: 1, congestion: 'cubic' },
  sessions: { warmUp: 8, connects: 24, idle: 16, idleSeconds: 1 },
  floods: {
    kinds: KINDS.slice(0, 1),
    shapes: SHAPES.slice(0, 1),
    rate: 100,
    onsetSeconds: 1,
    tries: 4,
    triesPerSecond: 4,
  },
};

function sizeOf({ isQuick, seconds, sessions, lines, floods }: BenchOptions): typeof FULL {
  const size = isQuick ? QUICK : FULL;
  return {
    ...size,
    throughput: {
      ...size.throughput,
      tcp: seconds ?? size.throughput.tcp,
      probe: Math.min(size.throughput.probe, (seconds ?? Number.POSITIVE_INFINITY) / 6),
      confirm: seconds ?? size.throughput.confirm,
    },
    lineSeconds: { short: seconds ?? size.lineSeconds.short, long: seconds ?? size.lineSeconds.long },
    phaseSeconds: seconds ?? size.phaseSeconds,
    flows: { ...size.flows, seconds: seconds ?? size.flows.seconds },
    slow: { ...size.slow, seconds: seconds ?? size.slow.seconds },
    sessions: { ...size.sessions, idle: sessions ?? size.sessions.idle },
    floods: {
      ...size.floods,
      kinds:
        floods.length === 0 ? size.floods.kinds : KINDS.filter((kind) => floods.some((one) => kind.startsWith(one))),
    },
    lines: lines.length === 0 ? size.lines : LINES.filter(({ name }) => lines.includes(name)),
  };
}

export class Bench {
  readonly #lab: Lab;
  readonly #options: BenchOptions;
  readonly #size: typeof FULL;
  readonly #results: Results;
  readonly #ours: Vpn;
  readonly #plain: Vpn[];
  readonly #others: Vpn[];

  constructor(lab: Lab, options: BenchOptions) {
    const { isQuick, tunOffload, against, withPeers } = options;
    this.#lab = lab;
    this.#options = options;
    this.#size = sizeOf(options);
    const programs = {
      [OURS]: 'npm pack',
      ...(against === undefined ? {} : { against: relative(process.cwd(), against) }),
    };
    this.#results = emptyResults({ quick: isQuick, tunOffload, programs, seconds: options.seconds });
    this.#ours = sstpd(lab, { name: OURS, program: lab.program, tunOffload });
    const plain = { name: OURS_PLAIN, program: lab.program, tunOffload: 'off', isServerOnly: true } as const;
    this.#plain = tunOffload === undefined ? [sstpd(lab, plain)] : [];
    const other = against === undefined ? [] : [sstpd(lab, { name: 'against', program: against, tunOffload })];
    this.#others = [...other, ...(withPeers ? makePeers(lab) : [])];
  }

  /** Never rejects: what fails is told in `left`. */
  async run(): Promise<Results> {
    const before = await busyShare(BUSY_SAMPLE_MS);
    this.#results.machine.busyBefore = before;
    if (before > QUIET)
      console.error(`the machine is not idle: ${Math.round(before * 100)} % busy before the first run`);
    const waiting = [...this.#options.scenarios];
    const lane = async (): Promise<void> => {
      for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) {
        const start = performance.now();
        await this.#scenario(scenario);
        this.#results.took[scenario] = Math.round((performance.now() - start) / 1e3);
      }
    };
    // Where figures mean nothing, scenarios may disturb each other: most of their time is waiting.
    const { isQuick, withPeers } = this.#options;
    await Promise.all(Array.from({ length: isQuick && !withPeers ? 2 : 1 }, lane));
    return this.#results;
  }

  async #scenario(scenario: Scenario): Promise<void> {
    const { single, floor, small, many, connect } = this.#results;
    const [lab, { throughput, connects }] = [this.#lab, this.#size];
    const all = [this.#ours, ...this.#plain, ...this.#others];
    switch (scenario) {
      case 'single':
        return this.#each(scenario, all, single, (vpn) => measureSingle(lab, vpn, throughput));
      case 'floor':
        await this.#attempt(scenario, 'node:tls', async () => {
          const figures = await measureTlsAlone(lab, throughput.tcp);
          assertPlausible(figures);
          floor['node:tls'] = figures;
        });
        return this.#each(scenario, [bareTunnel(lab)], floor, (vpn) => measureStream(lab, vpn, throughput));
      case 'small':
        return this.#each(scenario, [noTunnel, ...all], small, (vpn) => measureSmall(lab, vpn, throughput));
      case 'many':
        return this.#each(scenario, [this.#ours, ...this.#others], many, (vpn) => measureMany(lab, vpn, throughput));
      case 'connect':
        return this.#each(scenario, [this.#ours, ...this.#others], connect, (vpn) =>
          measureConnect(lab, vpn, { runs: connects, congestion: 'cubic' }),
        );
      case 'lines':
        return this.#lines();
      case 'changes':
        return this.#changes();
      case 'flows':
        return this.#each(scenario, [noTunnel, this.#ours, ...this.#rivals()], this.#results.flows, (vpn) =>
          measureFlows(lab, vpn, this.#size.flows),
        );
      case 'slow':
        return this.#each(scenario, [this.#ours, ...this.#rivals()], this.#results.slow, (vpn) =>
          measureSlow(lab, vpn, this.#size.slow),
        );
      case 'sessions':
        return this.#attempt(scenario, OURS, async () => {
          const figures = await measureSessions(lab, lab.program, this.#options.against, this.#size.sessions);
          assertPlausible(figures);
          this.#results.sessions = figures;
        });
      case 'floods':
        return this.#floods();
      default:
        scenario satisfies never;
    }
  }

  /** Beside ours another VPN of TLS, and a web server: in one run, whether or not peers were asked for. */
  async #floods(): Promise<void> {
    const scenario = 'floods';
    const servers: { [name: string]: FloodCells } = {};
    const wanted = this.#options.vpns;
    const isWanted = ({ name }: FloodedServer): boolean =>
      wanted.length === 0 || wanted.some((one) => name.startsWith(one));
    for (const server of floodedServers(this.#lab).filter(isWanted)) {
      const { name: vpn, missing: why } = server;
      if (why !== undefined) {
        this.#results.left.push({ scenario, vpn, why, isFailure: false });
        continue;
      }
      await this.#attempt(scenario, vpn, async () => {
        const cells = await measureFloods(this.#lab, server, this.#size.floods);
        assertPlausible(cells);
        servers[vpn] = cells;
      });
    }
    if (Object.keys(servers).length === 0) return;
    this.#results.floods = { date: this.#results.date.slice(0, 10), rate: this.#size.floods.rate, servers };
  }

  /** Another build, and the peer that is most like us: where more peers would take time and say nothing new. */
  #rivals(): Vpn[] {
    return this.#others.filter(({ name }) => name === 'against' || name === 'openvpn-tcp');
  }

  async #changes(): Promise<void> {
    for (const change of this.#size.changes) {
      const figures: Results['changes'][string] = {};
      this.#results.changes[change.name] = figures;
      const size = { phaseSeconds: this.#size.phaseSeconds, congestion: 'cubic' };
      await this.#each(`change of the ${change.name}`, [this.#ours, ...this.#rivals()], figures, (vpn) =>
        measureChange(this.#lab, vpn, change, size),
      );
    }
  }

  /** On the line with loss the TCP tunnels also run over BBR, as it is then what they live by. */
  async #lines(): Promise<void> {
    for (const line of this.#size.lines) {
      const figures: Results['lines'][string] = {};
      this.#results.lines[line.name] = figures;
      const { lineSeconds, lineAttempts: attempts } = this.#size;
      const seconds = line.queueMs > 50 ? lineSeconds.long : lineSeconds.short;
      const size = { seconds, attempts, congestion: 'cubic' };
      const all = [noTunnel, this.#ours, ...this.#others];
      await this.#each(`line ${line.name}`, all, figures, (vpn) => measureLine(this.#lab, vpn, line, size));
      if (line.loss === 0 || !hasBbr()) continue;
      const overBbr = this.#others
        .filter(({ over }) => over === 'tcp')
        .map((vpn) => ({ ...vpn, name: `${vpn.name} over BBR` }));
      const bbr = { ...size, congestion: 'bbr' };
      await this.#each(`line ${line.name}`, overBbr, figures, (vpn) => measureLine(this.#lab, vpn, line, bbr));
    }
  }

  async #each<T>(
    scenario: string,
    vpns: readonly Vpn[],
    into: ByVpn<T>,
    measure: (vpn: Vpn) => Promise<T>,
  ): Promise<void> {
    const wanted = this.#options.vpns;
    const isWanted = ({ name }: Vpn): boolean => wanted.length === 0 || wanted.some((one) => name.startsWith(one));
    for (const vpn of vpns.filter(isWanted)) {
      const { name, missing: why } = vpn;
      if (why !== undefined) this.#results.left.push({ scenario, vpn: name, why, isFailure: false });
      else
        await this.#attempt(scenario, name, async () => {
          const figures = await measure(vpn);
          assertPlausible(figures);
          into[name] = figures;
        });
    }
  }

  /** One that fails does not cost the figures of the others. */
  async #attempt(scenario: string, vpn: string, measure: () => Promise<void>): Promise<void> {
    const start = performance.now();
    let note = '';
    try {
      await measure();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#results.left.push({ scenario, vpn, why, isFailure: true });
      note = `: FAILED: ${why}`;
    }
    console.error(`${scenario}, ${vpn}: ${Math.round((performance.now() - start) / 1e3)} s${note}`);
  }
}

function emptyResults(options: Results['options']): Results {
  const cpu = cpus();
  const machine = {
    node: process.version,
    kernel: release(),
    cpu: cpu[0]?.model ?? 'unknown',
    cores: cpu.length,
    busyBefore: 0,
  };
  const date = new Date().toISOString();
  const byVpn = {
    single: {},
    floor: {},
    many: {},
    small: {},
    connect: {},
    lines: {},
    changes: {},
    flows: {},
    slow: {},
  };
  return { date, machine, options, took: {}, ...byVpn, left: [] };
}

function hasBbr(): boolean {
  return /\bbbr\b/.test(readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8'));
}
