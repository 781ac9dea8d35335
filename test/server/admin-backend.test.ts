import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AdminBackend } from '../../admin/index.ts';
import type { ProfileFacts } from '../../profile/index.ts';
import { adminBackend } from '../../server/admin-backend.ts';
import { sessionView } from '../../server/connections/session-view.ts';
import { usersOf } from '../../store/sqlite/sqlite-store.ts';
import { FakeBackend } from '../admin/fake-backend.ts';
import { PLAIN } from '../profile/facts.ts';
import { PASSWORD } from './connections/mschapv2-peer.ts';
import { accepted, challenged, connected, RESPONSE } from './connections/session.ts';
import { settle, World } from './support.ts';

const USERS = [
  { name: 'alice', password: PASSWORD },
  { name: 'bobby', password: PASSWORD },
];

function newBackend(
  t: TestContext,
  { prefixLength = 24, webhooks = [] }: { readonly prefixLength?: number; readonly webhooks?: readonly string[] } = {},
): { world: World; backend: AdminBackend } {
  const world = new World(t, { users: USERS, prefixLength });
  const { hooks, ...rest } = world.context.config;
  const config = { ...rest, hooks: { ...hooks, webhooks } };
  const { store, table, leases, control, attempts } = world;
  const plane = { sessions: async () => table.tunnels().map(sessionView) };
  const origins = new Map([['network.mtu', 'flag --mtu']]);
  const facts = (user: string, host = 'vpn.example.com'): ProfileFacts => ({ ...PLAIN, user, host });
  const listening = () => ['[::]:443'];
  const devices = ['sstp0'];
  const metrics = async () => '';
  // What is not this process' own comes from others, whose tests look at it.
  const { certificates, health, accounts, tokens } = new FakeBackend();
  const others = { certificates, health, accounts, tokens };
  return {
    world,
    backend: adminBackend({
      config,
      origins,
      users: usersOf(store),
      leases,
      control,
      plane,
      workers: undefined,
      attempts,
      facts,
      metrics,
      listening,
      devices,
      reach: { inbound: false, hostAccess: 'icmp', hostAccessFrom: 'new', deny: [] },
      flood: () => undefined,
      logins: world.logins,
      clock: world.context.clock,
      ...others,
    }),
  };
}

const code = (expected: string) => (error: Error) => 'code' in error && error.code === expected;

test('status and configuration are those of this process', async (t) => {
  const { world, backend } = newBackend(t);
  const { pid, startedAt, listening, sessions } = backend.status();
  assert.deepEqual(
    { pid, startedAt, listening, sessions },
    { pid: process.pid, startedAt: '2024-03-01T12:00:00.000Z', listening: ['[::]:443'], sessions: 0 },
  );
  await connected(world);
  assert.equal(backend.status().sessions, 1);
  assert.deepEqual(
    backend.config().find(({ key }) => key === 'network.mtu'),
    { key: 'network.mtu', value: 1400, origin: 'flag --mtu' },
  );
});

test('who may read the configuration does not learn where webhooks can be posted to', (t) => {
  const { backend } = newBackend(t, { webhooks: ['https://chat.example/hooks/T0K3N'] });
  assert.doesNotMatch(JSON.stringify(backend.config()), /T0K3N/);
});

test('sessions are the tunnels, oldest first, from the HTTP answer on; other connections are none', async (t) => {
  const { world, backend } = newBackend(t);
  world.connect();
  await accepted(world);
  const { connection } = await connected(world);
  const [first, second, ...more] = await backend.sessions();
  assert.deepEqual(more, []);
  assert.equal(first?.stage, 'sstp');
  assert.equal(first?.user, undefined);
  assert.deepEqual(second, {
    id: connection.id,
    user: 'alice',
    peer: '192.0.2.7:50123',
    stage: 'up',
    ipv4: '10.9.0.2',
    ipv6: undefined,
    method: 'mschapv2',
    tls: 'TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384',
    connectedAt: '2024-03-01T12:00:00.000Z',
    bytesIn: 0,
    bytesOut: 0,
    policy: { revision: 0 },
    correlationId: '{11111111-2222-3333-4444-555555555555}',
  });
});

test('killSession ends a session in order, and says whether there was one', async (t) => {
  const { world, backend } = newBackend(t);
  const peer = await connected(world);
  assert.equal(await backend.killSession('00000000'), false);
  assert.equal(await backend.killSession(peer.connection.id), true);
  await peer.play('< 1000 000c ff03 c021 05 <id:1> 0004');
  assert.equal(peer.connection.view.reason, 'killed-by-admin');
});

test('killSession ends nothing that is no session', async (t) => {
  const { world, backend } = newBackend(t);
  const { connection } = world.connect();
  assert.equal(await backend.killSession(connection.id), false);
  assert.equal(world.table.get(connection.id), connection);
});

test("an address of this host is nobody's fixed address", async (t) => {
  const { backend } = newBackend(t);
  await assert.rejects(async () => await backend.users.set('alice', { ipv4: '127.0.0.1' }), code('ERR_USER_ADDRESS'));
});

test("the server's own address and the ends of the pool are nobody's fixed address", async (t) => {
  const { backend } = newBackend(t);
  const { users } = backend;
  for (const address of ['10.9.0.0', '10.9.0.1', '10.9.0.255']) {
    await assert.rejects(
      async () => await users.add({ name: 'carol', password: 'secret', ipv4: address }),
      code('ERR_USER_ADDRESS'),
      address,
    );
    await assert.rejects(async () => await users.set('alice', { ipv4: address }), code('ERR_USER_ADDRESS'), address);
  }
  assert.equal((await users.set('alice', { ipv4: '10.9.0.254' })).ipv4, '10.9.0.254');
  assert.equal((await users.list()).length, USERS.length);
});

test('users.list shows who is there, with the number of sessions and the last login', async (t) => {
  const { world, backend } = newBackend(t);
  await backend.users.set('bobby', { ipv4: '10.9.0.99', enabled: false });
  await connected(world);
  await connected(world);
  const at = '2024-03-01T12:00:00.000Z';
  assert.deepEqual(await backend.users.list(), [
    {
      name: 'alice',
      enabled: true,
      ipv4: undefined,
      ipv4Fault: undefined,
      secretKind: 'password',
      weak: true,
      createdAt: at,
      lastLoginAt: at,
      groups: [],
      sessions: 2,
    },
    {
      name: 'bobby',
      enabled: false,
      ipv4: '10.9.0.99',
      ipv4Fault: undefined,
      secretKind: 'password',
      weak: true,
      createdAt: at,
      lastLoginAt: undefined,
      groups: [],
      sessions: 0,
    },
  ]);
});

test('a new user can connect at once, at its fixed address, which nobody else gets', async (t) => {
  const { world, backend } = newBackend(t);
  await backend.users.add({ name: 'carol', password: PASSWORD, weak: true, ipv4: '10.9.0.2' });
  const other = await connected(world);
  assert.equal(other.value('address').toString('hex'), '0a090003');
  const peer = await connected(world, 'carol');
  assert.equal(peer.value('address').toString('hex'), '0a090002');
});

for (const [what, change] of [
  ['disabled', (backend: AdminBackend) => backend.users.set('ALICE', { enabled: false })],
  ['removed', (backend: AdminBackend) => backend.users.remove('ALICE')],
] as const) {
  test(`a user that is ${what} loses all sessions at once, and nobody else does`, async (t) => {
    const { world, backend } = newBackend(t);
    const mine = [await connected(world), await connected(world)];
    const other = await connected(world, 'bobby');
    await change(backend);
    for (const peer of mine) {
      await peer.play('< 1000 000c ff03 c021 05 <id:1> 0004');
      assert.equal(peer.connection.view.reason, `user-${what}`);
    }
    await other.expectSilence();
    assert.equal(other.connection.view.stage, 'up');
  });

  test(`a user that is ${what} while a login waits does not get in`, async (t) => {
    const { world, backend } = newBackend(t);
    world.failLogin('192.0.2.7', 'somebody');
    const peer = await challenged(world);
    await peer.play(RESPONSE); // right; it is judged in 500 ms
    await change(backend);
    await world.advance(600, 100);
    assert.ok(!peer.socket.takeWritten().toString('latin1').includes('S='));
    assert.deepEqual(world.log.of('auth.accepted'), []);
    assert.equal(world.log.of('auth.refused')[0]?.fields.reason, what === 'disabled' ? 'disabled' : 'unknown-user');
  });
}

test('a new password ends the sessions that are open, and nobody else does lose any', async (t) => {
  const { world, backend } = newBackend(t);
  const mine = [await connected(world), await connected(world)];
  const other = await connected(world, 'bobby');
  await backend.users.set('ALICE', { password: PASSWORD, weak: true });
  for (const peer of mine) {
    await peer.play('< 1000 000c ff03 c021 05 <id:1> 0004');
    assert.equal(peer.connection.view.reason, 'password-changed');
  }
  await other.expectSilence();
  assert.equal(other.connection.view.stage, 'up');
  assert.equal((await connected(world)).connection.view.stage, 'up');
});

test('sessions outlive a new password that is to keep them, one that is refused, and any other change', async (t) => {
  const { world, backend } = newBackend(t);
  const peer = await connected(world);
  await backend.users.set('alice', { password: PASSWORD, weak: true, keepSessions: true });
  await assert.rejects(
    async () => await backend.users.set('alice', { password: 'x', groups: ['staff'] }),
    code('ERR_USER_PASSWORD_WEAK'),
  );
  assert.deepEqual(world.store.find('alice')?.groups, []);
  await backend.users.set('alice', { groups: ['staff'] });
  await backend.users.set('alice', { weak: true });
  await peer.expectSilence();
  assert.equal(peer.connection.view.stage, 'up');
});

test('a weak password is taken if that is asked for, and shown as one', async (t) => {
  const { backend } = newBackend(t);
  const weak = code('ERR_USER_PASSWORD_WEAK');
  await assert.rejects(async () => await backend.users.add({ name: 'carol', password: 'a' }), weak);
  assert.equal((await backend.users.add({ name: 'carol', password: 'a', weak: true })).weak, true);
  await assert.rejects(async () => await backend.users.set('carol', { password: 'b' }), weak);
  assert.equal((await backend.users.set('carol', { password: 'white rabbit' })).weak, false);
  assert.equal((await backend.users.set('carol', { password: 'b', weak: true })).weak, true);
});

test('a user is known by any spelling that the store knows, sessions by the name as stored', async (t) => {
  const { world, backend } = newBackend(t);
  await backend.users.add({ name: 'jos\u00e9', password: PASSWORD, weak: true });
  const ofUser = t.mock.method(world.control, 'disconnectUser');
  await backend.users.set('JOSE\u0301', { enabled: false });
  await backend.users.remove('JOSE\u0301');
  assert.deepEqual([...new Set(ofUser.mock.calls.map(({ arguments: [name] }) => name))], ['jos\u00e9']);
});

test('a disabled user that is enabled again can connect', async (t) => {
  const { world, backend } = newBackend(t);
  await backend.users.set('alice', { enabled: false });
  const refused = await challenged(world);
  refused.socket.deliver(refused.bytesOf(RESPONSE));
  await settle();
  assert.match(refused.socket.takeWritten().toString('latin1'), /E=647 R=0/);
  refused.socket.destroy();
  await backend.users.set('alice', { enabled: true });
  await world.advance(60_000, 1000);
  const peer = await connected(world);
  assert.equal(peer.connection.view.user, 'alice');
});

test('a new password counts for the next login', async (t) => {
  const { world, backend } = newBackend(t);
  await backend.users.add({ name: 'carol', password: 'old password' });
  await backend.users.set('carol', { password: PASSWORD, weak: true });
  assert.equal((await connected(world, 'carol')).connection.view.stage, 'up');
});

test('a new fixed address counts for the next connection; taken away it goes back to the pool', async (t) => {
  const { world, backend } = newBackend(t);
  assert.equal((await backend.users.set('alice', { ipv4: '10.9.0.50' })).ipv4, '10.9.0.50');
  const peer = await connected(world);
  assert.equal(peer.value('address').toString('hex'), '0a090032');
  assert.equal((await backend.users.set('alice', { ipv4: null })).ipv4, undefined);
  assert.equal((await backend.users.set('bobby', { ipv4: '10.9.0.50' })).ipv4, '10.9.0.50');
});

test("somebody's fixed address is nobody else's, until it is taken away or the user is removed", async (t) => {
  const { world, backend } = newBackend(t, { prefixLength: 30 }); // .2 and nothing else
  const isFree = (): boolean => {
    const lease = world.pool.lease('bobby', 's', undefined);
    world.pool.release(0x0a090002, 's');
    return lease.kind === 'leased';
  };
  await backend.users.set('alice', { ipv4: '10.9.0.2' });
  assert.equal(isFree(), false);
  await backend.users.set('alice', { ipv4: null });
  assert.equal(isFree(), true);
  await backend.users.set('alice', { ipv4: '10.9.0.2' });
  await backend.users.remove('alice');
  assert.equal(isFree(), true);
});

test('a change with an address that is none changes nothing', async (t) => {
  const { world, backend } = newBackend(t);
  const before = world.store.lookup('alice').secret.ntHash;
  await assert.rejects(
    async () => await backend.users.set('alice', { password: 'x', ipv4: '10.9.0' }),
    code('ERR_USER_ADDRESS'),
  );
  assert.deepEqual(world.store.lookup('alice').secret.ntHash, before);
  await assert.rejects(
    async () => await backend.users.add({ name: 'carol', password: 'x', ipv4: 'ten' }),
    code('ERR_USER_ADDRESS'),
  );
  assert.equal(world.store.find('carol'), undefined);
});

test('errors are those of the user store', async (t) => {
  const { backend } = newBackend(t);
  await assert.rejects(async () => await backend.users.set('nobody', {}), code('ERR_USER_UNKNOWN'));
  await assert.rejects(async () => await backend.users.remove('nobody'), code('ERR_USER_UNKNOWN'));
  await assert.rejects(
    async () => await backend.users.add({ name: 'Alice', password: PASSWORD, weak: true }),
    code('ERR_USER_EXISTS'),
  );
  await backend.users.set('alice', { ipv4: '10.9.0.50' });
  await assert.rejects(async () => await backend.users.set('bobby', { ipv4: '10.9.0.50' }), code('ERR_USER_ADDRESS'));
});

test('a profile is that of the user as stored, and of a host that can be dialled', async (t) => {
  const { backend } = newBackend(t);
  assert.equal((await backend.profile('ALICE', undefined)).user, 'alice');
  assert.equal((await backend.profile('alice', 'VPN.Example.ORG')).host, 'vpn.example.org');
  await assert.rejects(async () => await backend.profile('nobody', undefined), code('ERR_USER_UNKNOWN'));
  for (const host of ['*.example.org', 'a b', "a'b", 'https://a', 'a:443', '']) {
    await assert.rejects(async () => await backend.profile('alice', host), code('ERR_PROFILE_HOST'), host);
  }
});

test('who is slowed is listed, and let pass by name or address', async (t) => {
  const { world, backend } = newBackend(t);
  for (let i = 0; i < 31; i += 1) world.failLogin(`198.51.100.${i}`, 'alice');
  world.failLogin('2001:db8::7', 'bobby', 5);
  const of = (kind: string) => backend.throttle.list().find((entry) => entry.kind === kind && entry.of !== 'bobby');
  assert.deepEqual([of('name')?.of, of('name')?.isAttacked], ['alice', true]);
  assert.ok(backend.throttle.list().some((entry) => entry.of === '2001:db8::/64' && (entry.delayMs ?? 0) > 4_000));
  backend.throttle.lift({ target: 'Alice', seconds: 60 });
  backend.throttle.lift({ target: '2001:db8::8', seconds: 90 });
  const lifted = new Map(backend.throttle.list().map((entry) => [entry.of, entry.liftedMs]));
  assert.deepEqual([lifted.get('alice'), lifted.get('2001:db8::/64')], [60_000, 90_000]);
  backend.throttle.lift({ target: undefined, seconds: 60 });
  assert.equal(backend.throttle.list().filter(({ failures }) => failures > 0).length, 0);
});
