/** The command line, with and without a running server: what it changes is so at once, on live sessions too. */
import assert from 'node:assert/strict';
import { lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { around } from '../support/around.ts';
import { tunMissing } from '../support/netns.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { runSstpd, type SstpdServer } from '../support/sstpd-server.ts';
import { PASSWORD, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

interface UserRow {
  readonly name: string;
  readonly enabled: boolean;
  readonly ipv4?: string;
  readonly sessions: number;
}

let lab: VpnLab;
let server: SstpdServer;
let door: string;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create();
    server = await lab.serveAnn({ args: ['--auth', 'pap'], env: { SSTPD_USERS_MAX_PER_USER: '2' } });
    door = await lab.door();
  },
  () => lab?.destroy(),
);

const connect = (user = USER, password = PASSWORD) => lab.connect({ user, password, args: ['--auth', 'pap'] });
const users = async () => JSON.parse(await server.must(['user', 'list', '--json'])) as UserRow[];
const row = async (name: string) => (await users()).find((user) => user.name === name);

test('without a server: users can be made, changed, listed and removed; the data directory is made', {
  skip,
}, async () => {
  const data = join(lab.folder, 'offline');
  const must = async (words: readonly string[], input = '') => {
    const { code, stdout, stderr } = await runSstpd(lab.server, data, words, input);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const list = async () => JSON.parse(await must(['user', 'list', '--json'])) as UserRow[];
  assert.match(
    await must(['user', 'add', 'bob', '--password-stdin', '--ip', '10.99.0.50'], 'secret of bob'),
    /bob added/,
  );
  assert.equal(lstatSync(data).mode & 0o777, 0o700);
  assert.match(await must(['user', 'add', 'eve']), /^Password: \S{16,}$/m);
  assert.deepEqual(
    (await list()).map(({ name, ipv4, enabled }) => ({ name, ipv4, enabled })),
    [
      { name: 'bob', ipv4: '10.99.0.50', enabled: true },
      { name: 'eve', ipv4: undefined, enabled: true },
    ],
  );
  await must(['user', 'set', 'bob', '--no-ip']);
  await must(['user', 'disable', 'bob']);
  assert.deepEqual((await list()).map(({ name, ipv4, enabled }) => ({ name, ipv4, enabled }))[0], {
    ...{ name: 'bob', ipv4: undefined, enabled: false },
  });
  await must(['user', 'enable', 'bob']);
  await must(['user', 'passwd', 'bob', '--password-stdin'], 'other of bob');
  await must(['user', 'remove', 'eve']);
  assert.deepEqual(
    (await list()).map(({ name, enabled }) => ({ name, enabled })),
    [{ name: 'bob', enabled: true }],
  );
  const again = await runSstpd(lab.server, data, ['user', 'add', 'BOB', '--password-stdin'], 'secret of bob');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^sstpd: .*bob/i);
});

test('without a server: sessions says so, config shows file, environment and default', { skip }, async () => {
  const data = join(lab.folder, 'nobody');
  const { code, stderr } = await runSstpd(lab.server, data, ['sessions']);
  assert.deepEqual({ code, lines: stderr.trim().split('\n').length }, { code: 1, lines: 1 });
  const file = join(lab.folder, 'some.yaml');
  writeFileSync(file, 'network: { mtu: 1300 }\n');
  const shown = await runSstpd(lab.server, data, ['config', '--json', '--config', file]);
  const rows = JSON.parse(shown.stdout) as { key: string; value: unknown; origin: string }[];
  const origin = (key: string) => rows.find((each) => each.key === key);
  assert.deepEqual(origin('network.mtu'), { key: 'network.mtu', value: 1300, origin: `file ${file}` });
  assert.equal(origin('data')?.origin, 'flag --data');
  assert.equal(origin('tls.handshakeMs')?.origin, 'default');
});

test('config: what the running server uses, and where it came from', { skip }, async () => {
  const rows = JSON.parse(await server.must(['config', '--json'])) as { key: string; value: unknown; origin: string }[];
  const find = (key: string) => rows.find((each) => each.key === key);
  assert.deepEqual(find('auth.methods'), { key: 'auth.methods', value: ['pap'], origin: 'flag --auth' });
  assert.deepEqual(find('users.maxPerUser'), {
    ...{ key: 'users.maxPerUser', value: 2, origin: 'environment SSTPD_USERS_MAX_PER_USER' },
  });
  assert.match(await server.must(['config']), /auth\.methods .*pap.*flag --auth/);
});

test('user add: may connect at once; passwd: the session ends, the old password is worth nothing', {
  skip,
}, async () => {
  await server.addUser('bob', 'first');
  const client = connect('bob', 'first');
  await client.up();
  assert.equal((await row('bob'))?.sessions, 1);
  await server.must(['user', 'passwd', 'bob', '--keep-sessions', '--password-stdin'], 'first of bob');
  assert.equal((await row('bob'))?.sessions, 1);
  await server.must(['user', 'passwd', 'bob', '--password-stdin'], 'second of bob');
  assert.equal((await client.ended()).reason, 'terminated-by-peer');
  assert.equal((await connect('bob', 'first').ended()).reason, 'authentication-failed');
  const changed = connect('bob', 'second of bob');
  await changed.up();
  await changed.stop();
});

test('sessions lists who is on, sessions kill ends one of them in order', { skip }, async () => {
  const { peer } = await RawPeer.up(door, USER, PASSWORD);
  const sessions = await server.sessions();
  assert.deepEqual(
    sessions.map(({ user, stage, method }) => ({ user, stage, method })),
    [{ user: USER, stage: 'up', method: 'pap' }],
  );
  const id = sessions[0]?.id ?? '';
  assert.match(await server.must(['sessions']), new RegExp(`^${id} +ann +10\\.86\\.0\\.`, 'm'));
  await Promise.all([server.must(['sessions', 'kill', id]), peer.endedInOrder()]);
  const { correlationId } = peer;
  assert.equal((await server.logged('connection.closed', { correlationId })).reason, 'killed-by-admin');
  const { code, stderr } = await server.run(['sessions', 'kill', id]);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`^sstpd: .*${id}`));
});

test('user disable ends the live session and lets nobody in until user enable', { skip }, async () => {
  const { peer } = await RawPeer.up(door, USER, PASSWORD);
  await Promise.all([server.must(['user', 'disable', USER]), peer.endedInOrder()]);
  const { correlationId } = peer;
  assert.equal((await server.logged('connection.closed', { correlationId })).reason, 'user-disabled');
  assert.equal((await row(USER))?.enabled, false);
  assert.equal((await connect().ended()).reason, 'authentication-failed');
  await server.must(['user', 'enable', USER]);
  const client = connect();
  await client.up();
  await client.stop();
});

test('user remove ends the live session', { skip }, async () => {
  await server.addUser('eve', PASSWORD);
  const { peer } = await RawPeer.up(door, 'eve', PASSWORD);
  await Promise.all([server.must(['user', 'remove', 'eve']), peer.endedInOrder()]);
  assert.equal(await row('eve'), undefined);
});
