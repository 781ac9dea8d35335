/**
 * Three machines for network-*.test.ts: client - server - far. The link between client and server stands for the tunnel:
 * a veth whose end in the server is named like the TUN device, because nothing here is about what fills a TUN.
 */
// Needs: setpriv
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connect, Netns, netnsMissing } from '../support/netns.ts';

const CHILD = join(import.meta.dirname, 'network-child.ts');

export interface ChildOptions {
  readonly tun: string;
  readonly mtu: number;
  readonly pool: string;
  readonly pool6?: string;
  readonly nat: boolean;
  readonly flowsPerClient?: number;
  readonly inbound?: boolean;
  readonly hostAccess?: string;
  readonly deny?: readonly string[];
  readonly instance: string;
}

export const TUN = 'sstp0';
export const FAR = '203.0.113.2';
export const FAR6 = '2001:db8:f::2';
export const OPTIONS: ChildOptions = { tun: TUN, mtu: 1400, pool: '192.168.217.0/24', nat: true, instance: 'e2e' };

/** What `HostNetwork`'s methods returned, in order; or the NetworkError that one threw. */
export interface ChildResult {
  readonly results?: readonly unknown[];
  readonly error?: string;
}

export interface Lab {
  readonly client: Netns;
  readonly server: Netns;
  readonly far: Netns;
  /** Calls methods of a HostNetwork in a process of its own in the server; returns the lines of all together. */
  call(options: ChildOptions, ...calls: string[]): Promise<string[]>;
  /** Routes, addresses and firewall of the server, as text. */
  state(): Promise<string>;
}

/** Why these tests can't run here, or undefined. */
export function labMissing(): string | undefined {
  const missing = netnsMissing();
  if (missing !== undefined) return missing;
  for (const [command, flag, remedy] of COMMANDS) {
    try {
      execFileSync(command, [flag], { stdio: 'pipe' });
    } catch {
      return `needs the command ${command}: apt install ${remedy}`;
    }
  }
  return undefined;
}

const COMMANDS = [
  ['nft', '--version', 'nftables'],
  ['ping', '-V', 'iputils-ping'],
  ['sysctl', '--version', 'procps'],
  ['setpriv', '--version', 'util-linux'],
] as const;

export async function makeLab(t: TestContext): Promise<Lab> {
  const [client, server, far] = [await Netns.create('netc'), await Netns.create('nets'), await Netns.create('netf')];
  t.after(() => Promise.all([client, server, far].map((netns) => netns.destroy())));
  await connect(client, server, {
    ifB: TUN,
    addressA: ['192.168.217.2/24', 'fd00:1:0:1::2/48', '2001:db8:c::2/48'],
    addressB: [],
  });
  await connect(server, far, {
    ifA: 'uplink',
    addressA: ['203.0.113.1/24', '2001:db8:f::1/64'],
    addressB: ['203.0.113.2/24', '2001:db8:f::2/64'],
  });
  await server.run('ip', ['link', 'set', TUN, 'down']);
  await client.run('ip', ['route', 'add', 'default', 'via', '192.168.217.1']);
  return {
    client,
    server,
    far,
    call: async (options, ...calls) => lines(await runChild(server, options, calls)),
    state: () =>
      server.run('sh', ['-c', 'ip address; ip route show table all; ip -6 route show table all; nft list ruleset']),
  };
}

/** @param wrap a shell script that ends in running its arguments, for a host that lacks something */
export async function runChild(
  netns: Netns,
  options: ChildOptions,
  calls: readonly string[],
  wrap = 'exec "$@"',
): Promise<ChildResult> {
  const command = [process.execPath, CHILD, JSON.stringify(options), ...calls];
  return JSON.parse(await netns.run('sh', ['-c', wrap, 'sh', ...command])) as ChildResult;
}

export function lines(result: ChildResult): string[] {
  assert.equal(result.error, undefined);
  return (result.results ?? []).flat().filter((line) => typeof line === 'string');
}

/** Whether `from` gets one answer to four pings: the first one may be lost to the resolution of an address. */
export async function reaches(from: Netns, address: string, source?: string): Promise<boolean> {
  const sender = source === undefined ? [] : ['-I', source];
  const { code } = await from.exec('ping', ['-n', '-c', '4', '-i', '0.2', '-W', '1', ...sender, address]);
  return code === 0;
}

export function warnings(said: readonly string[]): string[] {
  return said.filter((line) => line.startsWith('WARNING: '));
}
