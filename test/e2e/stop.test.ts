/** Every way a server ends: in order within 7 s, or killed; what was made is gone, or is cleaned by the next start. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { SstpdProcess } from '../support/sstpd-process.ts';
import { INSIDE, PASSWORD, SERVE_ARGS, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

const CLONE = join(import.meta.dirname, '../..');
/** All of a stop, clients that don't answer included. */
const MOST_MS = 7_000;

async function makeLab(t: TestContext): Promise<VpnLab> {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  return lab;
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal}: Terminate-Request, after its Ack a Call Disconnect, all gone, status 0 (MS-SSTP 3.3.4)`, {
    skip,
  }, async (t) => {
    const lab = await makeLab(t);
    const before = await lab.state();
    const server = await lab.serveAnn({ args: ['--auth', 'pap'] });
    const client = lab.connect({ args: ['--auth', 'pap'] });
    await client.up();
    const { peer } = await RawPeer.up(await lab.door(), USER, PASSWORD);
    const stopped = server.stop(signal);
    const disconnect = await peer.endedInOrder();
    // One attribute: Status Info, No Error (MS-SSTP 2.2.8 and 2.2.13).
    assert.equal(disconnect.bytes.toString('hex'), '10010014000600010002000c000000000000000' + '0');

    const { status, ms } = await stopped;
    assert.equal(status, 0);
    assert.ok(ms < MOST_MS, `${ms} ms`);
    const { wasUp, exit } = await client.ended();
    assert.deepEqual({ wasUp, status: exit.status }, { wasUp: true, status: 1 });
    assert.equal(await lab.state(), before);
    assert.equal(existsSync(join(lab.data, 'admin.sock')), false);
    assert.deepEqual(
      server.log('connection.closed').map(({ reason }) => reason),
      ['server-shutdown', 'server-shutdown'],
    );
    assert.equal(server.log('server.stopped').length, 1);
  });
}

test('a client that answers nothing does not hold the stop up: at most 7 s', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serveAnn({ args: ['--auth', 'pap'] });
  const { peer } = await RawPeer.up(await lab.door(), USER, PASSWORD);
  const { status, ms } = await server.stop();
  assert.equal(status, 0);
  assert.ok(ms < MOST_MS, `${ms} ms`);
  await peer.ended();
});

test('npm start: SIGTERM to npm’s own process ends the server in order', { skip }, async (t) => {
  const lab = await makeLab(t);
  const before = await lab.state();
  const script = 'cd "$1" && shift && exec npm start -- --data "$@"';
  const command = ['sh', '-c', script, 'sh', CLONE, lab.data, ...SERVE_ARGS];
  const npm = new SstpdProcess(lab.server, command, { SSTPD_LOG_FORMAT: 'json' });
  await npm.line({ msg: 'server.started' });
  await npm.printed(/^More users: /);
  const [user = '', password = ''] = readFileSync(join(lab.data, 'first-user.txt'), 'utf8').split('\n');
  const client = lab.connect({ user, password });
  await client.up();
  assert.notEqual(await lab.state(), before);
  npm.child.kill('SIGTERM');
  await npm.end(MOST_MS + 3_000);
  await npm.line({ msg: 'server.stopped' });
  await client.ended();
  await eventually('the last process of the namespace ends', async () => (await lab.serverPids()).length === 0);
  assert.equal(await lab.state(), before);
});

test('kill -9: the next start cleans up, and the client gets its address again', { skip }, async (t) => {
  const lab = await makeLab(t);
  const before = await lab.state();
  const killed = await lab.serveAnn();
  await killed.addUser('bob', PASSWORD);
  await lab.connect({ user: 'bob' }).up();
  const orphan = lab.connect();
  const { ipv4 } = await orphan.up();
  assert.equal(ipv4, '10.86.0.3', 'not the first of the pool, so that it says something');
  assert.equal((await killed.stop('SIGKILL')).signal, 'SIGKILL');
  const { wasUp, exit } = await orphan.ended();
  assert.deepEqual({ wasUp, status: exit.status }, { wasUp: true, status: 1 });
  const nothing = async () => !/table inet sstpd/.test(await lab.state());
  await eventually('the table goes with the server that owns it', nothing);

  const again = await lab.serve();
  const tables = (await lab.state()).match(/^table .*/gm);
  assert.equal(tables?.length, 1, String(tables));
  const client = lab.connect();
  assert.equal((await client.up()).ipv4, ipv4);
  await client.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', INSIDE]);
  await client.stop();
  assert.equal((await again.stop()).status, 0);
  assert.equal(await lab.state(), before);
});

test('a signal during the start leaves nothing behind', { skip }, async (t) => {
  const lab = await makeLab(t);
  const before = await lab.state();
  const server = lab.launch('exec "$@"');
  await server.line({ msg: 'certificate.made' });
  server.child.kill('SIGTERM');
  assert.equal((await server.end()).status, 0);
  assert.equal(await lab.state(), before);
});
