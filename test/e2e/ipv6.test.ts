import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around } from '../support/around.ts';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import { hex, IPV6, IPV6CP, RawPeer } from '../support/raw-peer.ts';
import type { SstpdClient, UpLine } from '../support/sstpd-client.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { FAR6, PASSWORD, TRAFFIC, TRAFFIC_PORT, UPLINK6, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

const INSIDE6 = 'fd00:86::1';

let lab: VpnLab;
let server: SstpdServer;
let client: SstpdClient;
let up: UpLine;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create({ far: true, clients: 2 });
    const args = ['--pool6', 'fd00:86::/56', '--auth', 'pap,mschapv2'];
    server = await lab.serveAnn({ args, env: { SSTPD_DNS6: '2001:db8::53,2001:db8::54' } });
    client = lab.connect();
    up = await client.up();
  },
  () => lab?.destroy(),
);

/** What the kernel of the client has made of the Router Advertisement. */
function globalAddress(): Promise<string> {
  return eventually('a global IPv6 address on the client', async () => {
    const said = await client.netns.run('ip', ['-6', '-o', 'address', 'show', 'dev', up.device, 'scope', 'global']);
    return /inet6 (fd00:86:[0-9a-f:]+)\/64/.exec(said)?.[1];
  });
}

test('the client gets a global address and a default route by Router Advertisement', { skip }, async () => {
  await client.process.line({ event: 'up', linkLocal: /^fe80::/ });
  const address = await globalAddress();
  const [session] = await server.sessions();
  const prefix = session?.ipv6?.replace(/::\/64$/, '') ?? 'none';
  assert.ok(address.startsWith(`${prefix}:`), `${address} in ${session?.ipv6}`);
  const routes = await client.netns.run('ip', ['-6', 'route', 'show', 'default']);
  assert.match(routes, /^default via fe80::1 dev sstpc0 proto ra /m);
});

test('the client pings the server, and a host behind it that sees the server’s address (NAT66)', { skip }, async () => {
  await globalAddress();
  await client.netns.run('ping', ['-6', '-c', '3', '-i', '0.2', INSIDE6]);
  await client.netns.run('ping', ['-6', '-c', '3', '-i', '0.2', FAR6]);
  await lab.serveTraffic(lab.far, FAR6);
  const udp = await client.netns.run(process.execPath, [TRAFFIC, 'udp', FAR6, TRAFFIC_PORT, '4096']);
  assert.deepEqual(JSON.parse(udp), { from: UPLINK6, bytes: 4096, same: true });
  const tcp = await client.netns.run(process.execPath, [TRAFFIC, 'upload', FAR6, TRAFFIC_PORT, '5000000']);
  assert.equal((JSON.parse(tcp) as { bytes: number }).bytes, 5_000_000);
});

test('the Router Advertisement: /64 with A and L, MTU, RDNSS; again when solicited (RFC 4861, RFC 8106)', {
  skip,
}, async () => {
  const { peer } = await RawPeer.up(await lab.door(1), USER, PASSWORD);
  const interfaceId = (await peer.negotiate(IPV6CP, '010a 0000000000000000')).subarray(2);
  const first = (await peer.ppp(IPV6)).payload;
  // Link-local source fe80::1, all nodes, hop limit 255 (RFC 4861 4.2, 6.1.2).
  assert.equal(
    first.toString('hex', 6, 40),
    `3aff${'fe800000000000000000000000000001'}${'ff020000000000000000000000000001'}`,
  );
  const options = new Map<number, string>();
  for (let at = 56; at < first.length; at += (first[at + 1] ?? 1) * 8) {
    options.set(first[at] ?? 0, first.toString('hex', at, at + (first[at + 1] ?? 1) * 8));
  }
  assert.match(options.get(3) ?? '', /^030440c0.{24}fd000086[0-9a-f]{8}0{16}$/, 'prefix, on-link and autonomous');
  assert.equal(options.get(5), '0501000000000578', 'MTU 1400');
  assert.match(
    options.get(25) ?? '',
    /^1905.{12}20010db8000000000000000000000053(?=20010db8000000000000000000000054$)/,
  );

  // Router Solicitation to all routers, without options (RFC 4861 4.1).
  const source = `fe80000000000000${interfaceId.toString('hex')}`;
  const pseudo = hex(`${source} ff020000000000000000000000000002 00000008 0000003a 8500000000000000`);
  let sum = 0;
  for (let i = 0; i < pseudo.length; i += 2) sum += pseudo.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  const checksum = (~sum & 0xffff).toString(16).padStart(4, '0');
  peer.sendPpp(IPV6, hex(`60000000 0008 3aff ${source} ff020000000000000000000000000002 8500${checksum}00000000`));
  assert.deepEqual((await peer.ppp(IPV6)).payload, first);
  peer.destroy();
});

test('--default-route prefers the tunnel to an IPv6 of the machine; --route leaves the default alone', {
  skip,
}, async () => {
  const netns = lab.client(1);
  await netns.run('ip', ['address', 'add', '2001:db8:2::2/64', 'dev', 'cable', 'nodad']);
  await netns.run('ip', ['-6', 'route', 'add', 'default', 'via', '2001:db8:2::1', 'metric', '100']);
  await netns.run('ip', ['route', 'add', 'default', 'via', '198.18.2.1']);
  const way = async (): Promise<string> => (await netns.exec('ip', ['route', 'get', '2600::1'])).stdout;
  const all = lab.connect({ from: 1, args: ['--default-route'] });
  const { device } = await all.up();
  await eventually('a way through the tunnel', async () => (await way()).includes(`dev ${device}`) || undefined);
  await all.stop();
  assert.match(await way(), /dev cable/);
  await netns.run('ip', ['-6', 'route', 'delete', 'default']);
  const split = lab.connect({ from: 1, args: ['--route', '10.0.0.0/8'] });
  const up = await split.up();
  await eventually('an address by the same advertisement', async () => {
    const { stdout } = await netns.exec('ip', ['-6', '-o', 'address', 'show', 'dev', up.device, 'scope', 'global']);
    return stdout.includes('inet6') || undefined;
  });
  assert.equal((await netns.run('ip', ['-6', 'route', 'show', 'default'])).trim(), '');
  await split.stop();
});

test('without an IPv6 pool the link-local address is all there is: no advertisement, no route', { skip }, async () => {
  assert.equal((await server.stop()).status, 0);
  await client.ended();
  await lab.serve();
  const again = lab.connect();
  await again.process.line({ event: 'up', linkLocal: /^fe80::/ });
  await again.netns.run('ping', ['-6', '-c', '3', '-i', '0.2', '-W', '5', `fe80::1%${up.device}`]);
  assert.equal((await again.netns.run('ip', ['-6', 'route', 'show', 'default'])).trim(), '');
});
