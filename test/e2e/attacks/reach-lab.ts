/** What the tests of what clients reach, and of who reaches them, have in common. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Netns } from '../../support/netns.ts';
import { SstpdProcess } from '../../support/sstpd-process.ts';
import { VpnLab } from '../../support/vpn-lab.ts';

const PROBE = join(import.meta.dirname, '../../support/probe.ts');
/** Of what listens for the tests. */
export const PORT = '7007';

export async function makeLab(t: TestContext, options: Parameters<typeof VpnLab.create>[0]): Promise<VpnLab> {
  const lab = await VpnLab.create(options);
  t.after(() => lab.destroy());
  return lab;
}

/** Something on an address of a machine that answers TCP and UDP. */
export async function echo(netns: Netns, address: string, port: string = PORT): Promise<void> {
  await new SstpdProcess(netns, [process.execPath, PROBE, 'echo', address, port]).printed(/^ready$/);
}

export async function probe(
  netns: Netns,
  protocol: 'tcp' | 'udp',
  address: string,
  port: string = PORT,
): Promise<string> {
  return (await netns.run(process.execPath, [PROBE, protocol, address, port])).trim();
}

/** Both at once, the answer of TCP first. */
export async function probes(netns: Netns, address: string, port: string = PORT): Promise<string> {
  const words = await Promise.all([probe(netns, 'tcp', address, port), probe(netns, 'udp', address, port)]);
  return words.join(' ');
}

export async function pings(netns: Netns, address: string): Promise<boolean> {
  return (await netns.exec('ping', ['-n', '-c', '2', '-i', '0.2', '-W', '2', address])).code === 0;
}

/** Packets that a named counter of the server's table has seen. */
export async function refused(lab: VpnLab, counter: string): Promise<number> {
  const text = await lab.server.run('nft', ['list', 'ruleset']);
  return Number(new RegExp(`counter ${counter} \\{\\s+packets (\\d+)`).exec(text)?.[1]);
}
