/** Runs the scenarios that were asked for, each with every VPN that it is about. */
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { LINES, measureConnect, measureLine } from './home-line.ts';
import type { Lab } from './lab.ts';
import type { BenchOptions, Scenario } from './options.ts';
import { makePeers } from './peers.ts';
import { busyShare } from './processes.ts';
import { type ByVpn, OURS, OURS_PLAIN, type Results } from './results.ts';
import { measureSessions } from './sessions.ts';
import { measureMany, measureSingle, measureSmall } from './throughput.ts';
import { noTunnel, PROGRAM, sstpd, type Vpn } from './vpn.ts';

/** On a machine that does other things, ratios wander too. */
const QUIET = 0.1;
const BUSY_SAMPLE_MS = 2_000;

const FULL = {
  throughput: { tcp: 10, probe: 2, confirm: 10, tunnels: 16, closeEnough: 1.05, mostPps: 2_000_000 },
  lineSeconds: 20,
  lineAttempts: 3,
  lines: LINES,
  connects: 5,
  sessions: { warmUp: 200, connects: 1_000, idle: 2_000, idleSeconds: 30 },
};
const QUICK: typeof FULL = {
  throughput: { tcp: 2, probe: 0.5, confirm: 1, tunnels: 2, closeEnough: 2, mostPps: 12_000 },
  lineSeconds: 2,
  lineAttempts: 1,
  lines: LINES.filter(({ loss }) => loss > 0),
  connects: 1,
  sessions: { warmUp: 8, connects: 24, idle: 16, idleSeconds: 1 },
};

function sizeOf({ isQuick, seconds, lines }: BenchOptions): typeof FULL {
  const size = isQuick ? QUICK : FULL;
  return {
    ...size,
    throughput: {
      ...size.throughput,
      tcp: seconds ?? size.throughput.tcp,
      confirm: seconds ?? size.throughput.confirm,
    },
    lineSeconds: seconds ?? size.lineSeconds,
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
    const programs = { [OURS]: PROGRAM, ...(against === undefined ? {} : { against }) };
    this.#results = emptyResults({ quick: isQuick, tunOffload, programs });
    this.#ours = sstpd(lab, { name: OURS, program: PROGRAM, tunOffload });
    this.#plain =
      tunOffload === undefined ? [sstpd(lab, { name: OURS_PLAIN, program: PROGRAM, tunOffload: 'off' })] : [];
    const other = against === undefined ? [] : [sstpd(lab, { name: 'against', program: against, tunOffload })];
    this.#others = [...other, ...(withPeers ? makePeers(lab) : [])];
  }

  /** Never rejects: what fails is told in `left`. */
  async run(): Promise<Results> {
    const before = await busyShare(BUSY_SAMPLE_MS);
    this.#results.machine.busyBefore = before;
    if (before > QUIET)
      console.error(`the machine is not idle: ${Math.round(before * 100)} % busy before the first run`);
    for (const scenario of this.#options.scenarios) await this.#scenario(scenario);
    return this.#results;
  }

  async #scenario(scenario: Scenario): Promise<void> {
    const { single, small, many, connect } = this.#results;
    const [lab, { throughput, connects }] = [this.#lab, this.#size];
    const all = [this.#ours, ...this.#plain, ...this.#others];
    switch (scenario) {
      case 'single':
        return this.#each(scenario, all, single, (vpn) => measureSingle(lab, vpn, throughput));
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
      case 'sessions':
        return this.#attempt(scenario, OURS, async () => {
          this.#results.sessions = await measureSessions(lab, PROGRAM, this.#size.sessions);
        });
      default:
        scenario satisfies never;
    }
  }

  /** On the line with loss the TCP tunnels also run over BBR, as it is then what they live by. */
  async #lines(): Promise<void> {
    for (const line of this.#size.lines) {
      const figures: Results['lines'][string] = {};
      this.#results.lines[line.name] = figures;
      const { lineSeconds: seconds, lineAttempts: attempts } = this.#size;
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
          into[name] = await measure(vpn);
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
  return { date, machine, options, single: {}, many: {}, small: {}, connect: {}, lines: {}, left: [] };
}

function hasBbr(): boolean {
  return /\bbbr\b/.test(readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8'));
}
