/** An administrator's slip, or a taken-over account of one: a user with an address that is somebody else's. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { parseIpv4 } from '../../../core/index.ts';
import { writeOldStore } from '../../store/sqlite/old-store.ts';
import { tunMissing } from '../../support/netns.ts';
import { runSstpd } from '../../support/sstpd-server.ts';
import { FAR, INSIDE, PASSWORD, USER } from '../../support/vpn-lab.ts';
import { makeLab, pings } from './reach-lab.ts';

const skip = tunMissing() ?? false;

const OUTSIDE = '172.31.9.9';

test('nobody gets the address of a resolver, a neighbour or anybody outside; pool.fixed has room for others', {
  skip,
}, async (t) => {
  const lab = await makeLab(t, { far: true });
  const server = await lab.serveAnn({ args: ['--pool-fixed', '172.31.9.0/24', '--pool-fixed', '192.0.2.0/24'] });
  const set = (address: string) => server.run(['user', 'set', USER, '--ip', address]);
  for (const [address, why] of [
    ['8.8.8.8', /lies neither in the pool 10\.86\.0\.0\/24 nor in a network of pool\.fixed: start with --pool-fixed/],
    ['192.0.2.53', /is told to clients as a DNS server/],
    [FAR, /lies in 203\.0\.113\.0\/24, where this host has neighbours/],
    ['203.0.113.1', /belongs to this host/],
    [INSIDE, /is the server's own/],
    ['169.254.169.254', /is a link-local address/],
    ['127.0.0.1', /loopback|cannot be used|no address/],
    ['224.0.0.9', /no address|cannot be/],
  ] as const) {
    const { code, stderr } = await set(address);
    assert.equal(code, 1, address);
    assert.match(stderr, why, address);
  }
  assert.equal((await set(OUTSIDE)).code, 0);
  const client = lab.connect({ args: ['--route', '203.0.113.0/24'] });
  assert.equal((await client.up()).ipv4, OUTSIDE);
  assert.equal(await pings(client.netns, FAR), true, 'and it is translated');
});

test('no client chooses the address of a resolver in the pool', { skip }, async (t) => {
  const lab = await makeLab(t, {});
  const server = await lab.serveAnn({ dns: '10.86.0.2' });
  const client = lab.connect();
  assert.equal((await client.up()).ipv4, '10.86.0.3', 'the first one is told as DNS');
  assert.match(
    (await server.run(['user', 'set', USER, '--ip', '10.86.0.2'])).stderr,
    /is told to clients as a DNS server/,
  );
});

test('a user whose address was taken before is told of, everywhere, with what mends it', { skip }, async (t) => {
  const lab = await makeLab(t, {});
  mkdirSync(lab.data, { mode: 0o700 });
  writeOldStore(lab.data, 5, { [USER]: PASSWORD });
  const database = new DatabaseSync(join(lab.data, 'users.db'));
  database.prepare('UPDATE users SET ipv4 = ?').run(parseIpv4('8.8.8.8') ?? assert.fail());
  database.close();

  const server = await lab.serve();
  const fix =
    /sstpd user set --data \S+ ann --ip ADDR, or sstpd user set --data \S+ ann --no-ip, or a start with --pool-fixed 8\.8\.8\.8\/32/;
  await server.process.printed(/WARNING: ann can not connect, for the fixed address 8\.8\.8\.8 lies neither/);
  const { fix: logged } = await server.logged('user.address-unusable', { user: USER, address: '8.8.8.8' });
  assert.match(String(logged), fix);
  const client = lab.connect();
  await client.process.end();
  const explained = await server.must(['explain', '--user', USER]);
  assert.match(explained, /The fixed address 8\.8\.8\.8 of this user lies neither in the pool/);
  assert.match(explained, fix);
  assert.match(
    await server.must(['user', 'list']),
    /8\.8\.8\.8, unusable[\s\S]*ann can not connect, for 8\.8\.8\.8 lies neither/,
  );
  const doctor = await server.run(['doctor']);
  assert.match(doctor.stdout, /PROBLEM +fixed addresses +ann can not connect: 8\.8\.8\.8 lies neither/);

  await server.must(['user', 'set', USER, '--no-ip']);
  assert.match((await lab.connect().up()).ipv4, /^10\.86\.0\./);
  await server.stop();
  const listed = await runSstpd(lab.server, lab.data, ['user', 'set', USER, '--ip', '169.254.7.7']);
  assert.match(listed.stderr, /169\.254\.7\.7 is a link-local address/, 'without a server as well');
});
