import { setTimeout } from 'node:timers/promises';
import { formatIpv4, formatIpv6, systemClock } from '../core/index.ts';
// Single files: see sstp-client.ts.
import { NativePath } from '../datapath/native-path.ts';
import { congestionControlFor } from '../datapath/socket-options.ts';
import type { AuthMethod } from '../ppp/index.ts';
import { openTunPath, type TunError, type TunPath } from '../tun/index.ts';
import type { Dial, DialSettings } from './dial.ts';
import { HostSetup } from './host-setup.ts';
import { LastLease } from './last-lease.ts';
import { type ClientAddresses, type ClientEnd, SstpClient } from './sstp-client.ts';

export interface ConnectOptions extends DialSettings {
  /** To the server, with the same settings. */
  readonly dial: Dial;
  readonly user: string;
  readonly password: string;
  readonly methods: readonly AuthMethod[];
  /** Name of the TUN device; `%d` becomes a free number. */
  readonly tun: string;
  /** `off`: packet by packet, whatever the kernel can do. */
  readonly tunOffload: 'auto' | 'off';
  /** Networks to reach through the tunnel. */
  readonly routes: readonly string[];
  readonly defaultRoute: boolean;
  /** Where the last address is kept, a folder that nobody else can write to; undefined: nowhere. */
  readonly cacheFolder: string | undefined;
  /** JSON lines instead of text. */
  readonly json: boolean;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A TLS handshake that takes longer is not waited for. */
const HANDSHAKE_MS = 100;

/** What every SSTP link carries without fragments: see MS-SSTP 3.1.5.2. */
const MTU_BYTES = 1400;
/** One tunnel has one queue; what is being written comes on top. */
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Connects until SIGINT, SIGTERM or SIGHUP.
 *
 * @returns the exit status: 0 after a signal; 1 if the connection could not be made, with one line on stderr, or was lost
 * @throws {TunError} if there can be no TUN device
 */
export async function connect(options: ConnectOptions): Promise<number> {
  const { dial } = options;
  // Making a device and a process takes as long as half a round trip: better while the HTTP request is under way.
  await Promise.race([dial.done, setTimeout(HANDSHAKE_MS)]);
  const report = options.json ? jsonReport(options) : textReport(options);
  const tun = openTun(options, (error) => {
    failure = error.message;
    client.disconnect('the TUN device is gone');
  });
  const setup = new HostSetup({ ...options, device: tun.name });
  const path = new NativePath(tun);
  const lastLease = options.cacheFolder === undefined ? undefined : new LastLease(options.cacheFolder, options);
  let latest: ClientAddresses;
  let settingUp: Promise<void> = Promise.resolve();
  let wasStopped = false;
  let failure: string | undefined;
  const client: SstpClient = new SstpClient({
    ...options,
    path,
    ...lastLease?.read(),
    congestionControl: congestionControlFor('auto'),
    clock: systemClock,
    onUp: (addresses) => {
      latest = addresses;
      settingUp = settingUp.then(() => setUp(addresses));
    },
  });
  const setUp = async (addresses: ClientAddresses): Promise<void> => {
    if (failure !== undefined) return;
    try {
      // What came up in the same turn is set up together.
      await setup.apply(latest, client.serverAddress ?? options.host);
      report.up(addresses, tun.name, client);
      lastLease?.write(addresses);
    } catch (error) {
      failure = (error as Error).message;
      client.disconnect('the tunnel could not be set up');
    }
  };
  path.sendAllTo(client.link);
  const stop = (): void => {
    wasStopped = true;
    client.disconnect('user');
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    client.start(dial);
    const end = await client.ended;
    await settingUp;
    await setup.undo();
    const told = failure === undefined ? end : { ...end, reason: 'set-up-failed', detail: failure };
    const hasFailed = !wasStopped && (failure !== undefined || !end.wasUp);
    if (hasFailed) options.stderr.write(`sstpd: the connection to ${options.host} failed: ${cause(told)}\n`);
    if (!hasFailed || options.json) report.ended(told, client);
    return wasStopped ? 0 : 1;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    tun.close();
  }
}

function openTun({ dial, tun, tunOffload }: ConnectOptions, onFailure: (error: TunError) => void): TunPath {
  try {
    const device = { name: tun, mtu: MTU_BYTES, offload: tunOffload };
    return openTunPath({ ...device, isolate: false, mostBytes: MOST_BYTES, onFailure }).path;
  } catch (error) {
    dial.destroy();
    throw error;
  }
}

interface Report {
  up(addresses: ClientAddresses, device: string, client: SstpClient): void;
  ended(end: ClientEnd, client: SstpClient): void;
}

function textReport({ host, user, stdout }: ConnectOptions): Report {
  return {
    up: ({ ipv4, linkLocal }, device, client) => {
      if (ipv4 !== undefined) {
        const dns = ipv4.dns.map(formatIpv4).join(', ') || 'none';
        stdout.write(`Connected to ${host} as ${user}: ${formatIpv4(ipv4.address)} on ${device}, DNS ${dns}\n`);
        stdout.write(`  ms: ${timelineText(client)}\n`);
      }
      if (linkLocal !== undefined && ipv4 === undefined)
        stdout.write(`IPv6 is up: ${formatIpv6(linkLocal)} on ${device}\n`);
    },
    ended: (end, { counters }) => {
      const data = `${counters.bytesIn} bytes received, ${counters.bytesOut} sent`;
      stdout.write(`Connection over: ${cause(end)}; ${data}\n`);
    },
  };
}

/** On one line; what a server chose to say may not move the cursor. */
function cause({ reason, detail }: ClientEnd): string {
  const words = detail
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}]/gu, '?');
  return words === '' ? reason : `${reason} (${words})`;
}

function timelineText(client: SstpClient): string {
  return Object.entries(client.timeline)
    .map(([step, ms]) => `${step} ${Math.round(ms)}`)
    .join(', ');
}

function jsonReport({ host, user, stdout }: ConnectOptions): Report {
  const print = (line: Record<string, unknown>): void => void stdout.write(`${JSON.stringify(line)}\n`);
  return {
    up: ({ ipv4, linkLocal }, device, client) =>
      print({
        event: 'up',
        host,
        user,
        device,
        ipv4: ipv4 === undefined ? undefined : formatIpv4(ipv4.address),
        server: ipv4?.serverAddress === undefined ? undefined : formatIpv4(ipv4.serverAddress),
        dns: ipv4?.dns.map(formatIpv4),
        linkLocal: linkLocal === undefined ? undefined : formatIpv6(linkLocal),
        timelineMs: client.timeline,
      }),
    ended: ({ reason, detail, wasUp }, { counters }) => print({ event: 'ended', reason, detail, wasUp, ...counters }),
  };
}
