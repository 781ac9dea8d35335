import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAR, FAR6, labMissing, makeLab, OPTIONS, reaches, TUN, warnings } from './network-lab.ts';

const skip = labMissing() ?? false;

test('up: a client reaches the network behind the server, which sees the server’s address', { skip }, async (t) => {
  const { client, server, far, call } = await makeLab(t);
  assert.equal(await reaches(client, FAR), false, 'before');
  const said = await call(OPTIONS, 'up');
  assert.deepEqual(warnings(said), []);
  assert.ok(said.includes('IPv4 forwarding turned on (net.ipv4.ip_forward=1)'), said.join('\n'));
  // The far side has no route to the pool: only a translated packet can be answered.
  assert.equal(await reaches(client, FAR), true);
  assert.equal((await far.run('ip', ['neighbour', 'show', '192.168.217.2'])).trim(), '');
  await server.run('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=0']);
  assert.equal(await reaches(client, FAR), false, 'it was forwarding that let it through');
});

test('--no-nat: nothing is translated; with a route on the network behind it works', { skip }, async (t) => {
  const { client, far, call } = await makeLab(t);
  const said = await call({ ...OPTIONS, nat: false }, 'up');
  assert.deepEqual(warnings(said), []);
  assert.ok(
    said.some((line) => /^no NAT: 192\.168\.217\.0\/24 must be routed/.test(line)),
    said.join('\n'),
  );
  assert.equal(await reaches(client, FAR), false);
  await far.run('ip', ['route', 'add', '192.168.217.0/24', 'via', '203.0.113.1']);
  assert.equal(await reaches(client, FAR), true);
});

test('an IPv6 pool of unique local addresses is translated (NAT66)', { skip }, async (t) => {
  const { client, call } = await makeLab(t);
  await client.run('ip', ['route', 'add', 'default', 'via', 'fd00:1::1']);
  const said = await call({ ...OPTIONS, pool6: 'fd00:1::/48' }, 'up');
  assert.deepEqual(warnings(said), []);
  assert.equal(await reaches(client, FAR6, 'fd00:1:0:1::2'), true);
});

test('an IPv6 pool of global addresses is routed, not translated', { skip }, async (t) => {
  const { client, far, call } = await makeLab(t);
  await client.run('ip', ['route', 'add', 'default', 'via', '2001:db8:c::1']);
  const said = await call({ ...OPTIONS, pool6: '2001:db8:c::/48' }, 'up');
  assert.ok(
    said.some((line) => line.startsWith('no NAT for 2001:db8:c::/48')),
    said.join('\n'),
  );
  assert.equal(await reaches(client, FAR6, '2001:db8:c::2'), false);
  await far.run('ip', ['route', 'add', '2001:db8:c::/48', 'via', '2001:db8:f::1']);
  assert.equal(await reaches(client, FAR6, '2001:db8:c::2'), true);
});

test('a fixed address outside the pool is routed to the device and translated, until it is removed', {
  skip,
}, async (t) => {
  const { client, server, call } = await makeLab(t);
  await client.run('ip', ['address', 'replace', '198.51.100.7/32', 'dev', 'lo']);
  const fromFixed = () => reaches(client, FAR, '198.51.100.7');
  await call(OPTIONS, 'up');
  assert.equal(await fromFixed(), false);
  await call(OPTIONS, 'up', 'addHostRoute=198.51.100.7', 'addHostRoute=192.168.217.9', 'up');
  assert.equal(await fromFixed(), true);
  const routes = await server.run('ip', ['route', 'show', 'dev', TUN]);
  assert.match(routes, /^198\.51\.100\.7 /m);
  assert.doesNotMatch(routes, /192\.168\.217\.9/, 'the pool has its route');
  await call(
    OPTIONS,
    'up',
    'addHostRoute=198.51.100.7',
    'removeHostRoute=198.51.100.7',
    'removeHostRoute=198.51.100.7',
  );
  assert.doesNotMatch(await server.run('ip', ['route', 'show', 'dev', TUN]), /198\.51\.100\.7/);
  assert.doesNotMatch(await server.run('nft', ['list', 'ruleset']), /198\.51\.100\.7/);
});

test('a fixed address that moves to another session keeps its route, whatever order the calls come in', {
  skip,
}, async (t) => {
  const { server, call } = await makeLab(t);
  const address = '198.51.100.7';
  const [add, remove] = [`addHostRoute=${address}`, `removeHostRoute=${address}`];
  const hasRoute = async () => (await server.run('ip', ['route', 'show', 'dev', TUN])).includes(address);
  await call(OPTIONS, 'up', `${add}&${add}&${remove}`);
  assert.equal(await hasRoute(), true);
  await call(OPTIONS, 'up', `${add}&${remove}&${add}`);
  assert.equal(await hasRoute(), true);
  await call(OPTIONS, 'up', `${add}&${add}&${remove}&${remove}`);
  assert.equal(await hasRoute(), false);
});

test('a forward chain of somebody else that drops is named, and its remedy works', { skip }, async (t) => {
  const { client, server, call } = await makeLab(t);
  const chain = 'table inet other { chain forwarding { type filter hook forward priority 0; policy drop; }; }';
  await server.run('nft', ['-f', '-'], { input: chain });
  const [warning = assert.fail('no warning'), ...more] = warnings(await call(OPTIONS, 'up'));
  assert.deepEqual(more, []);
  assert.match(warning, /^WARNING: chain forwarding of table inet other drops what sstp0 forwards; run: nft insert/);
  assert.equal(await reaches(client, FAR), false, 'it does drop');
  await server.run('sh', ['-c', warning.slice(warning.indexOf('run: ') + 5)]);
  assert.equal(await reaches(client, FAR), true);
  assert.deepEqual(warnings(await call(OPTIONS, 'up')), [], 'and then there is nothing to warn of');
});

test('nothing from the tunnel reaches the loopback addresses, even with route_localnet', { skip }, async (t) => {
  const { client, server, call } = await makeLab(t);
  await call(OPTIONS, 'up');
  for (const netns of [client, server]) await netns.run('sysctl', ['-q', '-w', 'net.ipv4.conf.all.route_localnet=1']);
  await client.run('ip', ['route', 'delete', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local']);
  await client.run('ip', ['route', 'delete', 'local', '127.0.0.1', 'dev', 'lo', 'table', 'local']);
  await client.run('ip', ['route', 'add', '127.0.0.1/32', 'via', '192.168.217.1']);
  // The answer would not get back into the client; what counts is whether the server took the question.
  const arrivesFromClient = async () => {
    await client.exec('ping', ['-c', '1', '-W', '0.2', '-I', '192.168.217.2', '127.0.0.1']);
    return /^IcmpInEchos +[1-9]/m.test(await server.run('nstat', ['-asz', 'IcmpInEchos']));
  };
  assert.equal(await arrivesFromClient(), false);
  await server.run('nft', ['delete', 'table', 'inet', 'sstpd_e2e']);
  assert.equal(await arrivesFromClient(), true, 'without the table this kernel lets it in');
});
