/** Somebody on the network behind the server, with a route to the pool, speaks to clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { tunMissing } from '../../support/netns.ts';
import { FAR, FAR6, POOL, UPLINK, UPLINK6, type VpnLab } from '../../support/vpn-lab.ts';
import { echo, makeLab, PORT, pings, probes, refused } from './reach-lab.ts';

const skip = tunMissing() ?? false;

const POOL6 = '2001:db8:c::/48';

/** A client that answers, and a neighbour who knows the way to it. */
async function makeTarget(lab: VpnLab, args: readonly string[] = []) {
  const server = await lab.serveAnn({ args });
  const far = lab.far ?? assert.fail();
  await far.run('ip', ['route', 'add', POOL, 'via', UPLINK]);
  const client = lab.connect({ args: ['--route', '203.0.113.0/24'] });
  const { ipv4 } = await client.up();
  await echo(client.netns, ipv4);
  return { server, far, client: client.netns, ipv4 };
}

test('an uplink neighbour reaches no client, while the connections of clients work both ways', { skip }, async (t) => {
  const lab = await makeLab(t, { far: true });
  const { far, client, ipv4 } = await makeTarget(lab);
  await client.run('nft', ['-f', '-'], {
    input: `table ip seen { chain look { type filter hook prerouting priority raw; iifname sstpc0 ip saddr ${FAR} counter; }; }`,
  });
  assert.equal(await probes(far, ipv4), 'silent silent');
  assert.equal(await pings(far, ipv4), false);
  assert.ok((await refused(lab, 'refused_inbound')) >= 5);
  // Neither do packets that only look like a part of something.
  await far.exec('ping', ['-c', '1', '-W', '1', '-s', '4000', ipv4]);
  assert.match(await client.run('nft', ['list', 'table', 'ip', 'seen']), /counter packets 0 /);

  await echo(far, FAR);
  assert.equal(await probes(client, FAR), 'open open');
  assert.equal(await pings(client, FAR), true);
  assert.equal(await probes(client, FAR, '9'), 'refused refused', 'errors come back');
  assert.equal(await probes(lab.server, ipv4), 'open open', 'the server itself is no neighbour');
});

test('ICMP errors of routers far away reach the client whose packet was too big', { skip }, async (t) => {
  const lab = await makeLab(t, { far: true });
  await lab.serveAnn();
  const far = lab.far ?? assert.fail();
  await far.run('sh', [
    '-c',
    'ip tuntap add dev narrow mode tun && ip link set narrow mtu 1000 && ip address add 198.51.100.1/24 dev narrow && ip link set narrow up && sysctl -qw net.ipv4.ip_forward=1',
  ]);
  await lab.server.run('ip', ['route', 'add', '198.51.100.0/24', 'via', FAR]);
  const client = lab.connect({ args: ['--route', '198.51.100.0/24'] });
  await client.up();
  const { stdout, stderr } = await client.netns.exec('ping', [
    ...['-n', '-c', '2', '-i', '0.2', '-W', '2', '-M', 'do', '-s', '1200', '198.51.100.9'],
  ]);
  assert.match(stdout + stderr, /mtu ?= ?1000/);
});

test('--inbound lets the neighbour in; without it a port that the operator forwards', { skip }, async (t) => {
  const open = await makeLab(t, { far: true });
  const target = await makeTarget(open, ['--inbound']);
  assert.equal(await probes(target.far, target.ipv4), 'open open');

  const lab = await makeLab(t, { far: true });
  const { far, ipv4 } = await makeTarget(lab);
  await lab.server.run('nft', ['-f', '-'], {
    input: `table ip forwards { chain in { type nat hook prerouting priority dstnat; ip daddr ${UPLINK} tcp dport 8080 dnat to ${ipv4}:${PORT}; }; }`,
  });
  assert.equal(await probes(far, UPLINK, '8080'), 'open refused');
  assert.equal(await probes(far, ipv4), 'silent silent');
});

test('the same of IPv6 addresses that are routed', { skip }, async (t) => {
  const lab = await makeLab(t, { far: true });
  const far = lab.far ?? assert.fail();
  await far.run('ip', ['route', 'add', POOL6, 'via', UPLINK6]);
  await lab.serveAnn({ args: ['--pool6', POOL6] });
  const client = lab.connect({ args: ['--route', '2001:db8:f::/64'] });
  await client.up();
  const own = await eventually('an address by Router Advertisement', async () => {
    const said = await client.netns.run('ip', ['-6', '-o', 'address', 'show', 'dev', 'sstpc0', 'scope', 'global']);
    return /inet6 (2001:db8:c:\S+)\//.exec(said)?.[1];
  });
  await echo(client.netns, own);
  await echo(far, FAR6);
  assert.equal(await probes(far, own), 'silent silent');
  assert.ok((await refused(lab, 'refused_inbound')) >= 2);
  assert.equal(await probes(client.netns, FAR6), 'open open');
  assert.equal(await pings(client.netns, FAR6), true);
});

test('--no-nat: whoever is routed to the pool reaches clients, unless that is taken back', { skip }, async (t) => {
  const routed = await makeLab(t, { far: true });
  const target = await makeTarget(routed, ['--no-nat']);
  assert.equal(await probes(target.far, target.ipv4), 'open open');
  const { stdout } = await routed.server.exec('nft', ['list', 'ruleset']);
  assert.doesNotMatch(stdout, /\bct /, 'and no flow is tracked for it');

  const lab = await makeLab(t, { far: true });
  const file = lab.file('sstpd.yaml', 'network:\n  inbound: false\n');
  const { far, client, ipv4 } = await makeTarget(lab, ['--no-nat', '--config', file]);
  assert.equal(await probes(far, ipv4), 'silent silent');
  await echo(far, FAR);
  assert.equal(await probes(client, FAR), 'open open');
});
