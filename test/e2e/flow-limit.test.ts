/** What one client can do to the table in which the kernel remembers everybody's flows: take its part of it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { ping4, TCP_ACK, TCP_SYN, tcp4 } from '../support/ip-packets.ts';
import { tunMissing } from '../support/netns.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { SstpdProcess } from '../support/sstpd-process.ts';
import { FAR, INSIDE, PASSWORD, POOL, UPLINK, USER, VpnLab } from '../support/vpn-lab.ts';
import { labMissing, makeLab as makeNetworkLab, OPTIONS, reaches } from './network-lab.ts';

const skip = tunMissing() ?? false;

const IP = 0x0021;
const LIMIT = 64;
const FLOWS = 5_000;
/** Behind the far host, and answered without state. */
const OUTSIDE = '198.51.100.0/24';
const TARGET = '198.51.100.9';

async function makeLab(t: TestContext): Promise<VpnLab> {
  const lab = await VpnLab.create({ clients: 2, far: true });
  t.after(() => lab.destroy());
  return lab;
}

async function tracked(lab: VpnLab): Promise<number> {
  return Number(await lab.server.run('sysctl', ['-n', 'net.netfilter.nf_conntrack_count']));
}

test('a client that opens flows without end gets as many as limits.flowsPerClient; others notice nothing', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const env = { SSTPD_LIMITS_FLOWS_PER_CLIENT: String(LIMIT) };
  const server = await lab.serveAnn({ args: ['--auth', 'pap', '--workers', '2', '--host-access', 'all'], env });
  await server.addUser('bob', PASSWORD);
  await lab.server.run('ip', ['route', 'add', OUTSIDE, 'via', FAR]);
  const far = lab.far ?? assert.fail();
  await far.run('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
  const responder = [process.execPath, join(import.meta.dirname, '../support/syn-ack.ts'), 'answers', OUTSIDE];
  await new SstpdProcess(far, responder).printed(/^ready$/);
  const before = await tracked(lab);

  const { peer, address } = await RawPeer.up(await lab.door(0), USER, PASSWORD);
  const mine = address.join('.');
  const send = (port: number, flags: number): void =>
    peer.sendPpp(IP, tcp4([mine, 10_000 + port], [TARGET, 80], flags));
  for (let port = 0; port < LIMIT; port++) send(port, TCP_SYN);
  for (let port = 0; port < LIMIT; port++) {
    const { payload } = await peer.ppp(IP);
    assert.equal(payload[33], TCP_SYN | TCP_ACK);
    send(payload.readUInt16BE(22) - 10_000, TCP_ACK);
  }
  for (let port = LIMIT; port < FLOWS; port++) send(port, TCP_SYN);
  // Flows to the server itself fill the same table.
  for (let i = 0; i < LIMIT; i++) peer.sendPpp(IP, tcp4([mine, 10_000 + i], [INSIDE, 9], TCP_SYN));
  const refused = FLOWS - LIMIT + LIMIT;
  await eventually('the counter', async () => {
    const text = await lab.server.run('nft', ['list', 'ruleset']);
    return Number(/counter refused_flows \{\s+packets (\d+)/.exec(text)?.[1]) >= refused;
  });
  assert.ok((await tracked(lab)) <= before + LIMIT + 10, String(await tracked(lab)));

  const other = lab.connect({ from: 1, user: 'bob', args: ['--auth', 'pap', '--route', `${FAR}/32`] });
  await other.up();
  await other.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', FAR]);
  const { address: who } = await server.logged('network.flows-refused', { user: USER, limit: LIMIT });
  assert.equal(who, mine);
  assert.match(await server.must(['metrics']), new RegExp(`^sstp_flows_refused_total ${refused}$`, 'm'));
  const doctor = await server.run(['doctor']);
  assert.match(doctor.stdout, new RegExp(`flows per client +${refused} packets .*${mine.replaceAll('.', '\\.')}`));
  assert.equal(server.log('network.flows-refused').length, 1);
  peer.destroy();
});

test('what belongs to no flow does not leave with the address of the client', { skip }, async (t) => {
  const lab = await makeLab(t);
  await lab.serveAnn({ args: ['--auth', 'pap'] });
  const far = lab.far ?? assert.fail();
  await far.run('nft', ['-f', '-'], {
    input: `table ip seen { chain look { type filter hook prerouting priority raw;
      ip saddr ${POOL} counter comment "leaked"; ip saddr ${UPLINK} icmp type echo-request counter comment "pings"; }; }`,
  });
  const { peer, address } = await RawPeer.up(await lab.door(0), USER, PASSWORD);
  const mine = address.join('.');
  for (const flags of [TCP_SYN | TCP_ACK, 0, TCP_ACK | 0x04, 0x3f]) {
    peer.sendPpp(IP, tcp4([mine, 4_000 + flags], [FAR, 80], flags));
  }
  peer.sendPpp(IP, ping4(mine, FAR));
  const seen = await eventually('the ping, which was sent last', async () => {
    const text = await far.run('nft', ['list', 'table', 'ip', 'seen']);
    return /packets [1-9]\d* bytes \d+ comment "pings"/.test(text) && text;
  });
  assert.match(seen, /packets 0 bytes 0 comment "leaked"/);
  peer.destroy();
});

test('IPv6 flows are counted by /64, whatever addresses a client takes in it', {
  skip: skip || (labMissing() ?? false),
}, async (t) => {
  const { client, server, call } = await makeNetworkLab(t);
  const warned = await call({ ...OPTIONS, pool6: 'fd00:1::/48', flowsPerClient: 8 }, 'up');
  assert.deepEqual(
    warned.filter((line) => line.startsWith('WARNING')),
    [],
  );
  await client.run('ip', ['-6', 'route', 'replace', 'default', 'via', 'fd00:1::1']);
  for (const address of ['fd00:1:0:1::3/48', 'fd00:1:0:2::2/48']) {
    await client.run('ip', ['address', 'add', address, 'dev', 'va1', 'nodad']).catch(async () => {
      const [device = ''] = /(?<=^\d+: )v[a-z0-9]+/m.exec(await client.run('ip', ['link'])) ?? [];
      await client.run('ip', ['address', 'add', address, 'dev', device, 'nodad']);
    });
  }
  const far = '2001:db8:f::2';
  // Each ping is a flow of its own.
  const results: boolean[] = [];
  for (let i = 0; i < 6; i++) {
    for (const source of ['fd00:1:0:1::2', 'fd00:1:0:1::3']) {
      results.push((await client.exec('ping', ['-c', '1', '-W', '1', '-I', source, far])).code === 0);
    }
  }
  assert.equal(results.filter(Boolean).length, 8, results.join());
  assert.equal(await reaches(client, far, 'fd00:1:0:2::2'), true, 'another /64 is another client');
  assert.match(await server.run('nft', ['list', 'ruleset']), /elements = \{ fd00:1:0:1:: expires/);
});
