/** A client tries the services of the server's machine, by whatever address and port that machine has. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { writeOldStore } from '../../store/sqlite/old-store.ts';
import { eventually } from '../../support/eventually.ts';
import { tunMissing } from '../../support/netns.ts';
import { FAR, INSIDE, PASSWORD, SERVER, UPLINK, USER } from '../../support/vpn-lab.ts';
import { echo, makeLab, PORT, pings, probe, probes, refused } from './reach-lab.ts';

const skip = tunMissing() ?? false;

const BEHIND = ['--route', '10.86.0.0/24', '--route', '203.0.113.0/24'];

test('a new server lets clients ping it and use its port, and nothing else of the machine', { skip }, async (t) => {
  const lab = await makeLab(t, { far: true });
  const server = await lab.serveAnn({ args: ['--listen', `${UPLINK}:443`] });
  await server.process.printed(
    /on this host clients reach ping and the VPN port alone; ssh as well: --host-access icmp,tcp\/22/,
  );
  await echo(lab.server, '0.0.0.0');
  const client = lab.connect({ args: BEHIND });
  const { ipv4 } = await client.up();
  for (const address of [INSIDE, UPLINK]) assert.equal(await probes(client.netns, address), 'silent silent', address);
  assert.ok((await refused(lab, 'refused_host')) >= 4);
  assert.equal(await pings(client.netns, INSIDE), true);
  assert.equal(await probe(client.netns, 'tcp', UPLINK, '443'), 'open', 'the portal is there');

  // As a container engine publishes a port of the host.
  await echo(lab.far ?? assert.fail(), FAR);
  await lab.server.run('nft', ['-f', '-'], {
    input: `table ip engine { chain published { type nat hook prerouting priority dstnat; fib daddr type local tcp dport 8080 dnat to ${FAR}:${PORT}; }; }`,
  });
  for (const address of [INSIDE, UPLINK]) assert.equal(await probe(client.netns, 'tcp', address, '8080'), 'silent');
  assert.equal(await probe(client.netns, 'tcp', FAR), 'open', 'what is behind the machine is another matter');

  // The machine itself may speak to its clients.
  await echo(client.netns, ipv4);
  assert.equal(await probes(lab.server, ipv4), 'open open');
  const doctor = await server.run(['doctor']);
  assert.match(doctor.stdout, /ok +clients to this host +they reach icmp and the VPN port/);
});

test('what the list has passes, by IPv6 and by the link-local address as well', { skip }, async (t) => {
  const lab = await makeLab(t, {});
  await lab.serveAnn({ args: ['--pool6', 'fd00:86::/56', '--host-access', `tcp/${PORT}`] });
  for (const address of ['0.0.0.0', '::']) await echo(lab.server, address, address === '::' ? '7008' : PORT);
  await lab.server.run('nft', ['-f', '-'], {
    input: `table ip6 alias { chain in { type nat hook prerouting priority dstnat; tcp dport 9999 redirect to :7008; }; }`,
  });
  const client = lab.connect({ args: [...BEHIND, '--route', 'fd00:86::/56'] });
  await client.up();
  assert.equal(await probes(client.netns, INSIDE), 'open silent');
  assert.equal(await pings(client.netns, INSIDE), false, 'icmp is not in the list');
  await eventually('an address by Router Advertisement', async () => {
    const said = await client.netns.run('ip', ['-6', '-o', 'address', 'show', 'dev', 'sstpc0', 'scope', 'global']);
    return said.includes('fd00:86:') || undefined;
  });
  for (const address of ['fd00:86::1', 'fe80::1%sstpc0']) {
    assert.equal(await probes(client.netns, address, '7008'), 'silent silent', address);
    assert.equal(await pings(client.netns, address), false, address);
  }
});

test('--host-access all: everything, but never the admin page on another address', { skip }, async (t) => {
  const lab = await makeLab(t, {});
  await lab.serveAnn({ args: ['--host-access', 'all', '--admin', '0.0.0.0:8443'] });
  await echo(lab.server, '0.0.0.0');
  const client = lab.connect({ args: BEHIND });
  await client.up();
  assert.equal(await probes(client.netns, INSIDE), 'open open');
  assert.equal(await probe(client.netns, 'tcp', INSIDE, '8443'), 'silent');
  assert.equal(await probe(lab.client(), 'tcp', SERVER, '8443'), 'open', 'from elsewhere it is as it was set up');
});

test('--no-nat: the same list, without a flow being tracked', { skip }, async (t) => {
  const lab = await makeLab(t, { far: true });
  await lab.serveAnn({ args: ['--no-nat', '--host-access', `icmp,tcp/${PORT}`], dns: INSIDE });
  for (const port of [PORT, '7008', '53']) await echo(lab.server, '0.0.0.0', port);
  const client = lab.connect({ args: BEHIND });
  const { ipv4 } = await client.up();
  assert.equal(await probes(client.netns, INSIDE), 'open silent');
  assert.equal(await probes(client.netns, INSIDE, '7008'), 'silent silent');
  assert.equal(await probes(client.netns, INSIDE, '53'), 'open open', 'told as DNS');
  assert.equal(await pings(client.netns, INSIDE), true);
  await echo(client.netns, ipv4);
  assert.equal(await probe(lab.server, 'tcp', ipv4), 'open', 'answers to what the machine began');
  assert.doesNotMatch(await lab.server.run('nft', ['list', 'ruleset']), /\bct /);
});

test('a data directory from before goes on with all, and start and doctor ask', { skip }, async (t) => {
  const lab = await makeLab(t, {});
  mkdirSync(lab.data, { mode: 0o700 });
  writeOldStore(lab.data, 5, { [USER]: PASSWORD });
  const server = await lab.serve();
  await server.process.printed(
    /WARNING: clients reach each service of this host, as before; choose: --host-access icmp,tcp\/22/,
  );
  await server.process.printed(/new: others can not begin connections to clients any more.*--inbound/);
  await echo(lab.server, '0.0.0.0');
  const client = lab.connect({ args: BEHIND });
  await client.up();
  assert.equal(await probes(client.netns, INSIDE), 'open open');
  assert.match((await server.run(['doctor'])).stdout, /warning +clients to this host .*--host-access all/);
  await server.stop();

  const again = await lab.serve();
  await again.process.printed(/WARNING: clients reach each service/);
  assert.doesNotMatch(again.process.text, /new: others can not/, 'that was said');
  await again.stop();
  const chosen = await lab.serve({ args: ['--host-access', 'icmp'] });
  assert.doesNotMatch(chosen.process.text, /WARNING: clients reach/);
});

test('what clouds tell machines about themselves is out of reach, their resolver is not', { skip }, async (t) => {
  const METADATA = '169.254.169.254';
  const lab = await makeLab(t, { far: true });
  const far = lab.far ?? assert.fail();
  for (const address of [METADATA, '168.63.129.16', '198.51.100.7']) {
    await far.run('ip', ['address', 'add', `${address}/32`, 'dev', 'lo']);
    await lab.server.run('ip', ['route', 'add', address, 'via', FAR]);
  }
  await far.run('ip', ['address', 'add', 'fd00:ec2::254/128', 'dev', 'lo']);
  await lab.server.run('ip', ['route', 'add', 'fd00:ec2::254', 'via', '2001:db8:f::2']);
  await lab.serveAnn({ args: ['--pool6', 'fd00:86::/56'], dns: METADATA });
  for (const port of ['53', '80']) {
    for (const address of [METADATA, '168.63.129.16', '198.51.100.7', 'fd00:ec2::254']) await echo(far, address, port);
  }
  const client = lab.connect({ args: ['--default-route'] });
  await client.up();
  assert.equal(await probes(client.netns, METADATA, '80'), 'silent silent');
  assert.equal(await probes(client.netns, METADATA, '53'), 'open open', 'clients are told to ask it');
  assert.equal(await probes(client.netns, '168.63.129.16', '80'), 'silent silent');
  assert.equal(await probes(client.netns, '168.63.129.16', '53'), 'silent silent', 'they are not told of that one');
  assert.equal(await probes(client.netns, '198.51.100.7', '80'), 'open open');
  const before = await refused(lab, 'refused_networks');
  await eventually('an address by Router Advertisement', async () => {
    const said = await client.netns.run('ip', ['-6', '-o', 'address', 'show', 'dev', 'sstpc0', 'scope', 'global']);
    return said.includes('fd00:86:') || undefined;
  });
  assert.equal(await probes(client.netns, 'fd00:ec2::254', '80'), 'silent silent');
  assert.ok((await refused(lab, 'refused_networks')) > before, 'it was sent');
  // Somebody's translation does not lead there either.
  await lab.server.run('nft', ['-f', '-'], {
    input: `table ip alias { chain in { type nat hook prerouting priority dstnat; ip daddr 198.51.100.9 dnat to ${METADATA}; }; }`,
  });
  assert.equal(await probe(client.netns, 'tcp', '198.51.100.9', '80'), 'silent');
});
