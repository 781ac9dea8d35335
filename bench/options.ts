/** The command line of the bench. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { KINDS } from './floods/shapes.ts';
import { LINES } from './home-line.ts';

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  'single',
  'floor',
  'small',
  'many',
  'connect',
  'lines',
  'changes',
  'flows',
  'slow',
  'sessions',
  'floods',
];
export type Scenario =
  | 'single'
  | 'floor'
  | 'small'
  | 'many'
  | 'connect'
  | 'lines'
  | 'changes'
  | 'flows'
  | 'slow'
  | 'sessions'
  | 'floods';

export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  readonly isQuick: boolean;
  readonly withPeers: boolean;
  readonly tunOffload: 'auto' | 'off' | undefined;
  /** bin/sstpd.js of another build, measured in the same run. */
  readonly against: string | undefined;
  /** Names of the lines to measure; all if empty. */
  readonly lines: readonly string[];
  /** Beginnings of what floods do; all if empty. */
  readonly floods: readonly string[];
  /** Beginnings of the names of the VPNs to measure; all if empty. */
  readonly vpns: readonly string[];
  /** Idle sessions of the scenario of that name instead of its own number. */
  readonly sessions: number | undefined;
  /** Length of each measurement under load instead of the scenario's own. */
  readonly seconds: number | undefined;
  /** Whether this run replaces the kept summary, and what the documentation shows of it. */
  readonly isKept: boolean;
  readonly onlyRenders: boolean;
}

export const USAGE: string = `usage: npm run bench -- [options]

Measures sstpd between network namespaces, its server on the first core, everything else on the last. Needs root,
iperf3, tcpdump and g++.

  --quick             about a minute, to see that all of it works: its figures mean nothing
  --peers             also OpenVPN, ocserv with openconnect and wireguard-go, where they are installed
  --only NAME         one scenario, may be repeated: ${SCENARIOS.join(', ')}
  --vpn NAME          only VPNs whose names begin so, such as sstpd or openvpn-tcp, may be repeated
  --line NAME         one line, may be repeated: ${LINES.map(({ name }) => name).join(', ')}
  --flood NAME        one kind of flood, by how its name begins, may be repeated: ${KINDS.join(', ')}
  --seconds N         length of each measurement under load instead of 10 to 20
  --sessions N        how many sessions are idle in the scenario of that name, at most 10000, instead of 2000
  --tun-offload V     auto or off, passed to sstpd (else both are measured where it matters)
  --against FILE      bin/sstpd.js of another build, to compare with in the same run
  --keep              also of an incomplete run replace what it measured in bench/results/summary.json, docs/plots and
                      docs/performance.md, as a complete one (--peers, all scenarios) does
  --render            measure nothing: make plots and tables of the documentation from bench/results/summary.json

  single    one tunnel: TCP and UDP both ways, round trips, server CPU
  floor     what no tunnel here can undercut: node:tls without a VPN, and packets over TCP without TLS
  small     64-byte UDP: the highest steady rate with at most 0.1 % loss
  many      16 tunnels at once
  connect   time from starting the client to the first answered ping, and round trips in a capture
  lines     home lines of 100 and 20 Mbit/s: rate, and round trips under load
  changes   a line whose rate or round trip changes in the middle of a download
  flows     four TCP streams of one client: who gets how much, and round trips
  slow      a client on a home line beside 20 that are sent more than they take
  sessions  server CPU per connect, alone and among idle sessions, and memory per idle one, beside bare node:tls
  floods    500 new connections a second that never log in: who gets in all the same, and what that costs the server,
            beside ocserv and nginx where they are installed`;

/** @returns undefined if the words make no sense */
export function readOptions(words: readonly string[]): BenchOptions | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        peers: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        vpn: { type: 'string', multiple: true, default: [] },
        line: { type: 'string', multiple: true, default: [] },
        flood: { type: 'string', multiple: true, default: [] },
        seconds: { type: 'string' },
        sessions: { type: 'string' },
        'tun-offload': { type: 'string' },
        against: { type: 'string' },
        keep: { type: 'boolean', default: false },
        render: { type: 'boolean', default: false },
      },
    });
    const names = [...values.only, ...positionals];
    const scenarios = names.length === 0 ? SCENARIOS : SCENARIOS.filter((name) => names.includes(name));
    const offload = values['tun-offload'];
    if (names.some((name) => !SCENARIOS.some((known) => known === name))) return undefined;
    if (offload !== undefined && offload !== 'auto' && offload !== 'off') return undefined;
    if (values.line.some((name) => !LINES.some((known) => known.name === name))) return undefined;
    if (values.flood.some((name) => !KINDS.some((kind) => kind.startsWith(name)))) return undefined;
    const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
    if (seconds !== undefined && !(seconds >= 2)) return undefined;
    const sessions = values.sessions === undefined ? undefined : Number(values.sessions);
    if (sessions !== undefined && !(Number.isInteger(sessions) && sessions >= 1 && sessions <= 10_000))
      return undefined;
    // Ratios within a table must be of one run.
    if (values.keep && (values.quick || values.vpn.length + values.flood.length > 0)) return undefined;
    const isRestricted =
      [names, values.vpn, values.line, values.flood].some((list) => list.length > 0) ||
      (seconds ?? sessions) !== undefined;
    return {
      scenarios,
      lines: values.line,
      floods: values.flood,
      vpns: values.vpn,
      seconds,
      sessions,
      isQuick: values.quick,
      withPeers: values.peers,
      tunOffload: offload,
      against: values.against === undefined ? undefined : resolve(values.against),
      isKept: values.keep || (!isRestricted && !values.quick && values.peers && offload === undefined),
      onlyRenders: values.render,
    };
  } catch {
    return undefined;
  }
}
