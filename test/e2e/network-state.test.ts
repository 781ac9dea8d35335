import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4Cidr, type Ipv4Cidr } from '../../core/index.ts';
import { asUser, scriptOf } from '../support/other-user.ts';
import { labMissing, lines, makeLab, OPTIONS, runChild, TUN, warnings } from './network-lab.ts';

const skip = labMissing() ?? false;
const WITH_IPV6 = { ...OPTIONS, pool6: 'fd00:1::/48' };

/** A sysctl of the server. */
const setting = async (server: { run(command: string, args: string[]): Promise<string> }, name: string) =>
  (await server.run('sysctl', ['-n', name])).trim();

test('up again changes nothing', { skip }, async (t) => {
  const { call, state } = await makeLab(t);
  await call(WITH_IPV6, 'up');
  const first = await state();
  const said = await call(WITH_IPV6, 'up', 'up');
  assert.equal(await state(), first);
  assert.ok(said.includes('IPv4 forwarding is on') && said.includes('IPv6 forwarding is on'), said.join('\n'));
});

test('the device has the MTU, the addresses and only our link-local address', { skip }, async (t) => {
  const { server, call } = await makeLab(t);
  await call(WITH_IPV6, 'up');
  const device = await server.run('ip', ['address', 'show', 'dev', TUN]);
  assert.match(device, / mtu 1400 /);
  assert.match(device, /inet 192\.168\.217\.1\/24 /);
  assert.match(device, /inet6 fd00:1::1\/48 /);
  assert.deepEqual(device.match(/inet6 fe80\S+/g), ['inet6 fe80::a:b:c:1/64']);
});

test('down leaves addresses, routes and ruleset as before, says what stays on, and may be called again', {
  skip,
}, async (t) => {
  const { server, call, state } = await makeLab(t);
  await server.run('nft', ['-f', '-'], { input: 'table ip mine { set s { type ipv4_addr; }; }' });
  await server.run('sysctl', ['-q', '-w', 'net.ipv6.conf.all.forwarding=1']); // it brings anycast routes with it
  const before = await state();
  const said = await call(WITH_IPV6, 'up', 'addHostRoute=198.51.100.7', 'down', 'down');
  // The MTU stays as set: the device is about to go.
  assert.equal((await state()).replaceAll('mtu 1400', 'mtu 1500'), before);
  assert.ok(said.includes('removed the nftables table sstpd_e2e'), said.join('\n'));
  assert.ok(
    said.some((line) => /^stays as it is.*: net\.ipv4\.ip_forward$/.test(line)),
    said.join('\n'),
  );
  assert.equal(await setting(server, 'net.ipv4.ip_forward'), '1');
});

test('down with the device gone already is no failure', { skip }, async (t) => {
  const { server, call } = await makeLab(t);
  await call(OPTIONS, 'up');
  await server.run('ip', ['link', 'delete', TUN]);
  assert.deepEqual(warnings(await call(OPTIONS, 'down')), []);
});

test('cleanStale removes the table of a killed run of this instance and no other', { skip }, async (t) => {
  const { server, call } = await makeLab(t);
  await call(OPTIONS, 'up');
  await call({ ...OPTIONS, instance: 'e2e2' }, 'up');
  const said = await call(OPTIONS, 'cleanStale', 'cleanStale');
  assert.deepEqual(said, ['removed the nftables table sstpd_e2e of an earlier run that did not end in order']);
  assert.equal((await server.run('nft', ['list', 'tables'])).trim(), 'table inet sstpd_e2e2');
});

test('devices of the VPN take neither redirects nor advertisements nor source routes, and send nobody elsewhere', {
  skip,
}, async (t) => {
  const { server, call } = await makeLab(t);
  const turnedOn = ['ipv4.conf.%.accept_source_route', 'ipv6.conf.%.accept_redirects', 'ipv6.conf.%.seg6_enabled'];
  for (const name of turnedOn) {
    await server.run('sysctl', ['-q', '-w', `net.${name.replace('%', TUN)}=1`]);
  }
  await call(WITH_IPV6, 'up');
  for (const [family, names] of [
    ['ipv4', ['accept_redirects', 'send_redirects', 'accept_source_route']],
    ['ipv6', ['accept_ra', 'autoconf', 'accept_redirects', 'accept_source_route', 'seg6_enabled', 'rpl_seg_enabled']],
  ] as const) {
    for (const name of names) assert.equal(await setting(server, `net.${family}.conf.${TUN}.${name}`), '0', name);
  }
  assert.equal(await setting(server, 'net.ipv6.conf.uplink.accept_ra'), '1', 'others are left alone');
});

test('accept_ra becomes 2 where the default route came by Router Advertisement, before forwarding', {
  skip,
}, async (t) => {
  const { server, call } = await makeLab(t);
  await server.run('ip', ['route', 'add', 'default', 'via', '2001:db8:f::2', 'dev', 'uplink', 'proto', 'ra']);
  const said = await call(WITH_IPV6, 'up');
  const kept = said.indexOf('uplink keeps its IPv6 default route (net.ipv6.conf.uplink.accept_ra=2)');
  const forwarding = said.indexOf('IPv6 forwarding turned on (net.ipv6.conf.all.forwarding=1)');
  assert.ok(kept >= 0 && forwarding > kept, said.join('\n'));
  assert.equal(await setting(server, 'net.ipv6.conf.uplink.accept_ra'), '2');
  assert.equal(await setting(server, `net.ipv6.conf.${TUN}.accept_ra`), '0');
});

test('accept_ra stays as it is where something else handles advertisements, or without an IPv6 pool', {
  skip,
}, async (t) => {
  const { server, call } = await makeLab(t);
  await server.run('ip', ['route', 'add', 'default', 'via', '2001:db8:f::2', 'dev', 'uplink', 'proto', 'ra']);
  await call(OPTIONS, 'up');
  assert.equal(await setting(server, 'net.ipv6.conf.uplink.accept_ra'), '1');
  assert.equal(await setting(server, 'net.ipv6.conf.all.forwarding'), '0');
  await server.run('sysctl', ['-q', '-w', 'net.ipv6.conf.uplink.accept_ra=0']);
  await call(WITH_IPV6, 'up');
  assert.equal(await setting(server, 'net.ipv6.conf.uplink.accept_ra'), '0');
  assert.equal(await setting(server, 'net.ipv6.conf.all.forwarding'), '1');
});

test('IPv6 turned off for new interfaces, as in containers, is turned on for ours', { skip }, async (t) => {
  const { server, call } = await makeLab(t);
  await server.run('sysctl', ['-q', '-w', `net.ipv6.conf.${TUN}.disable_ipv6=1`]);
  assert.deepEqual(warnings(await call(WITH_IPV6, 'up')), []);
  assert.match(await server.run('ip', ['address', 'show', 'dev', TUN]), /inet6 fd00:1::1\/48/);
});

test('where /proc/sys is read-only, as in containers, the lines say what to set outside', { skip }, async (t) => {
  const { server } = await makeLab(t);
  await server.run('ip', ['route', 'add', 'default', 'via', '2001:db8:f::2', 'dev', 'uplink', 'proto', 'ra']);
  const readOnly = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"';
  const said = warnings(lines(await runChild(server, WITH_IPV6, ['up'], readOnly)));
  assert.equal(said.length, 2, said.join('\n'));
  assert.match(
    said[0] ?? '',
    /IPv4 forwarding is off.*sysctl -w net\.ipv4\.ip_forward=1.*docker run --sysctl net\.ipv4\.ip_forward=1$/,
  );
  assert.match(
    said[1] ?? '',
    /uplink would lose its default route; outside: sysctl -w net\.ipv6\.conf\.uplink\.accept_ra=2 net\.ipv6\.conf\.all\.forwarding=1$/,
  );
  assert.equal(await setting(server, 'net.ipv4.ip_forward'), '0');
});

test('where IPv6 stays off no line says where its packets go', { skip }, async (t) => {
  const { server } = await makeLab(t);
  await server.run('sysctl', ['-q', '-w', `net.ipv6.conf.${TUN}.disable_ipv6=1`]);
  const readOnly = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"';
  for (const [pool6, nat] of [
    ['fd00:1::/48', true],
    ['2001:db8:c::/48', true],
    ['2001:db8:c::/48', false],
  ] as const) {
    const said = lines(await runChild(server, { ...OPTIONS, pool6, nat }, ['up'], readOnly));
    assert.ok(
      said.some((line) => line.startsWith('WARNING: IPv6 is off for sstp0, so clients get no IPv6')),
      said.join('\n'),
    );
    assert.deepEqual(
      said.filter((line) => line.includes(pool6)),
      [],
    );
    assert.ok(
      said.some((line) => /^(no )?NAT.* 192\.168\.217\.0\/24/.test(line.replace(':', ''))),
      said.join('\n'),
    );
  }
});

/** Hides all of the folder where ip and nft are, except what the test names; only for the child. */
const withOnly = (commands: string) =>
  `d=$(mktemp -d); for c in ${commands}; do cp "$(command -v $c)" "$d"; done
   for f in /usr/local/sbin /usr/sbin /sbin; do [ -d $f ] && mount --bind "$d" $f; done
   for f in /usr/bin/ip /bin/ip /usr/bin/nft /bin/nft; do [ -L $f ] || [ ! -e $f ] || mount --bind /dev/null $f; done
   "$@"; s=$?; umount /usr/local/sbin /usr/sbin 2>/dev/null; rm -rf "$d"; exit $s`;

const UNGUARDED =
  'WARNING: without nft clients reach all of this host, the firewalls of others that may drop what clients send are not found, and the second guard of the loopback addresses is off: apt install nftables';

test('without nft the device works, and the lines say what does not and how to mend it', { skip }, async (t) => {
  const { server } = await makeLab(t);
  const said = lines(
    await runChild(server, OPTIONS, ['cleanStale', 'up', 'addHostRoute=198.51.100.7', 'down'], withOnly('ip')),
  );
  assert.deepEqual(warnings(said), [
    'WARNING: nft is not installed, so there is no NAT and clients get no further than this server: apt install nftables and start again, or start with --no-nat and route 192.168.217.0/24 to this host',
    UNGUARDED,
  ]);
  const noNat = lines(await runChild(server, { ...OPTIONS, nat: false }, ['up', 'down'], withOnly('ip')));
  assert.deepEqual(warnings(noNat), [UNGUARDED]);
  assert.ok(
    noNat.includes('no NAT: 192.168.217.0/24 must be routed to this host by the network behind it'),
    noNat.join('\n'),
  );
});

test('without ip nothing can be done: the error names the package', { skip }, async (t) => {
  const { server } = await makeLab(t);
  const { error } = await runChild(server, OPTIONS, ['up'], withOnly(''));
  assert.equal(error, 'the command ip is missing: apt install iproute2');
});

test('a device that does not exist is an error of one line', { skip }, async (t) => {
  const { server } = await makeLab(t);
  const { error } = await runChild(server, { ...OPTIONS, tun: 'nodevice0' }, ['up']);
  assert.match(error ?? '', /^ip -batch -: Cannot find device "nodevice0"$/);
});

test('an unprivileged user with ambient CAP_NET_ADMIN can do all that happens after start', { skip }, async (t) => {
  const { server, call, state } = await makeLab(t);
  await server.run('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
  const before = await state();
  const caps = '+net_admin';
  const asNobody = scriptOf(asUser(65534, `--inh-caps=${caps}`, `--ambient-caps=${caps}`, '--no-new-privs'));
  const calls = ['cleanStale', 'up', 'addHostRoute=198.51.100.7', 'removeHostRoute=198.51.100.7', 'down'];
  assert.deepEqual(warnings(lines(await runChild(server, OPTIONS, calls, asNobody))), []);
  assert.equal((await state()).replaceAll('mtu 1400', 'mtu 1500'), before);
  assert.deepEqual(warnings(await call(OPTIONS, 'up')), []);
});

test('a user without any right is told which one is missing', { skip }, async (t) => {
  const { server } = await makeLab(t);
  const { error } = await runChild(server, OPTIONS, ['up'], scriptOf(asUser(65534, '--inh-caps=-all')));
  assert.match(error ?? '', /run as root or with CAP_NET_ADMIN$/);
});

test('packets for clients that a routing rule takes elsewhere are warned of, strict rp_filter too', {
  skip,
}, async (t) => {
  const { server, call } = await makeLab(t);
  await server.run('ip', ['route', 'add', 'default', 'via', '203.0.113.2', 'table', '77']);
  await server.run('ip', ['rule', 'add', 'to', '192.168.0.0/16', 'table', '77']);
  assert.match(
    warnings(await call(OPTIONS, 'up')).join('\n'),
    /^WARNING: the kernel sends packets for clients to uplink, not sstp0; see: ip rule show/,
  );
  await server.run('sysctl', ['-q', '-w', 'net.ipv4.conf.all.rp_filter=1']);
  assert.match(warnings(await call(OPTIONS, 'up')).join('\n'), /strict rp_filter drops what clients send/);
});

test('localNetworks has addresses and routes of all tables, without default routes', { skip }, async (t) => {
  const { server } = await makeLab(t);
  await server.run('ip', ['route', 'add', 'default', 'via', '203.0.113.2']);
  await server.run('ip', ['route', 'add', '10.7.0.0/16', 'via', '203.0.113.2', 'table', '77']);
  await server.run('ip', ['route', 'add', 'unreachable', '10.8.0.0/16']);
  const { results = [] } = await runChild(server, OPTIONS, ['localNetworks']);
  const networks = (results[0] as Ipv4Cidr[]).map(formatIpv4Cidr);
  for (const expected of ['203.0.113.0/24', '203.0.113.1/32', '10.7.0.0/16', '10.8.0.0/16']) {
    assert.ok(networks.includes(expected), `${expected} in ${networks}`);
  }
  assert.ok(!networks.some((network) => network.endsWith('/0')));
  assert.equal(new Set(networks).size, networks.length);
});
