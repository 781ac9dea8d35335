/**
 * Server and client of this tree in two namespaces: what goes through the offloaded path arrives as it was sent, over
 * TCP and UDP, both ways, over IPv4 and IPv6, with and without offload on either side.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, Netns, tunMissing } from '../support/netns.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/sstpd.js');
const PEER = join(import.meta.dirname, 'datapath-peer.ts');
const SERVER = '198.18.7.1';
const INSIDE = '10.87.0.1';
const INSIDE6 = 'fd87::1';
const skip = tunMissing() ?? false;

interface Lab {
  readonly server: Netns;
  readonly client: Netns;
  /** The client's addresses, the IPv6 one from a Router Advertisement. */
  readonly ipv4: string;
  readonly ipv6: string;
}

async function makeTunnel(t: TestContext, offload: { server: 'auto' | 'off'; client: 'auto' | 'off' }): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-e2e-'));
  const [server, client] = [await Netns.create('dps'), await Netns.create('dpc')];
  t.after(async () => {
    await Promise.all([server, client].map((netns) => netns.destroy()));
    rmSync(folder, { recursive: true });
  });
  await connect(server, client, { addressA: `${SERVER}/30`, addressB: '198.18.7.2/30' });
  const data = join(folder, 'data');
  const env = { ...process.env, SSTPD_LOG_FORMAT: 'json', SSTPD_RUN_USER: 'root' };
  const serve = server.spawn(
    process.execPath,
    [
      ...[PROGRAM, 'serve', '--data', data, '--host', SERVER, '--listen', `${SERVER}:443`, '--pool', '10.87.0.0/24'],
      ...['--pool6', 'fd87::/48', '--dns', INSIDE, '--host-access', 'all', '--tun-offload', offload.server],
    ],
    { env },
  );
  await line(serve.stdout, /server\.started/);
  const [user = '', password = ''] = readFileSync(join(data, 'first-user.txt'), 'utf8').split('\n');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password);
  const dial = client.spawn(process.execPath, [
    ...[PROGRAM, 'connect', SERVER, '--user', user, '--password-file', passwordFile, '--ca', join(data, 'ca.pem')],
    ...['--json', '--tun-offload', offload.client],
  ]);
  const up = await line(dial.stdout, /"event":"up".*"ipv4":"/);
  const { device } = JSON.parse(up) as { device: string };
  const ipv4 = await addressOf(client, device, /inet (10\.87\.0\.\d+)/);
  const ipv6 = await addressOf(client, device, /inet6 (fd87:[0-9a-f:]+)\/64/);
  return { server, client, ipv4, ipv6 };
}

/** The address, as soon as the kernel has it. */
async function addressOf(netns: Netns, device: string, fits: RegExp): Promise<string> {
  for (let i = 0; i < 100; i++) {
    const found = fits.exec(await netns.run('ip', ['address', 'show', device]))?.[1];
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error(`no address like ${fits}`);
}

/** The first line that fits; the others are read on, so that no pipe fills up. */
async function line(stream: NodeJS.ReadableStream | null, fits: RegExp): Promise<string> {
  assert.ok(stream);
  const lines = createInterface({ input: stream });
  return new Promise((resolve, reject) => {
    lines.on('line', (text) => fits.test(text) && resolve(text));
    lines.on('close', () => reject(new Error(`ended without a line like ${fits}`)));
  });
}

/** Moves `bytes` pseudo-random ones and compares digests at the other end; the peers' own lines say what arrived. */
async function transfer(from: Netns, to: Netns, kind: 'tcp' | 'udp', address: string, bytes: number): Promise<void> {
  const receiver = to.spawn(process.execPath, [PEER, `${kind}-receive`, address, String(bytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const received: Promise<string> = line(receiver.stdout, /^digest /);
  const listening = await line(receiver.stdout, /^port \d+/);
  const sent = await from.run(process.execPath, [PEER, `${kind}-send`, address, String(bytes), listening.slice(5)]);
  assert.equal(await received, sent.trim());
}

for (const server of ['auto', 'off'] as const) {
  for (const client of ['auto', 'off'] as const) {
    test(`TCP and UDP both ways, offload ${server} on the server, ${client} on the client`, { skip }, async (t) => {
      const lab = await makeTunnel(t, { server, client });
      await transfer(lab.client, lab.server, 'tcp', INSIDE, 20_000_000);
      await transfer(lab.server, lab.client, 'tcp', lab.ipv4, 20_000_000);
      await transfer(lab.client, lab.server, 'tcp', INSIDE6, 10_000_000);
      await transfer(lab.server, lab.client, 'tcp', lab.ipv6, 10_000_000);
      await transfer(lab.client, lab.server, 'udp', INSIDE, 200_000);
      await transfer(lab.server, lab.client, 'udp', lab.ipv4, 200_000);
      await transfer(lab.client, lab.server, 'udp', INSIDE6, 200_000);
      await transfer(lab.server, lab.client, 'udp', lab.ipv6, 200_000);
      // Echo requests above the MTU are fragments inside the tunnel.
      const ping = await lab.client.run('ping', ['-n', '-c', '2', '-i', '0.2', '-s', '5000', INSIDE]);
      assert.match(ping, /2 received/);
      const ping6 = await lab.client.run('ping', ['-n', '-c', '2', '-i', '0.2', '-s', '5000', INSIDE6]);
      assert.match(ping6, /2 received/);
      // The kernel's own counters: a checksum that we got wrong would stand there.
      for (const netns of [lab.server, lab.client]) {
        const counters = await netns.run('nstat', ['-asz']);
        for (const name of [
          'TcpInCsumErrors',
          'UdpInCsumErrors',
          'IpInHdrErrors',
          'IcmpInCsumErrors',
          'Udp6InCsumErrors',
        ]) {
          assert.match(counters, new RegExp(`^${name} +0 `, 'm'), name);
        }
      }
    });
  }
}
