/** The same as in flush.test.ts on a machine whose kernel lets nobody own a table (before Linux 5.12). */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { Netns, tunMissing } from '../../support/netns.ts';
import { SSTPD, SstpdProcess } from '../../support/sstpd-process.ts';
import { SstpdServer } from '../../support/sstpd-server.ts';
import { FAR, INSIDE, PASSWORD, POOL, SERVE_ARGS, UPLINK, USER } from '../../support/vpn-lab.ts';
import { echo, makeLab, pings, probes } from './reach-lab.ts';

const skip = tunMissing() ?? false;

const OLDER_KERNEL = join(import.meta.dirname, '../../support/older-nftables.ts');
const KEEPER = join(import.meta.dirname, 'keeper-child.ts');

test('without owned tables: made, watched, put back after each change by others, and removed at the stop', {
  skip,
}, async (t) => {
  const lab = await makeLab(t, { far: true });
  const server = await SstpdServer.start({
    ...{ netns: lab.server, data: lab.data, args: [...SERVE_ARGS, '--pool-fixed', '172.31.9.0/24'] },
    program: [process.execPath, '--import', OLDER_KERNEL, SSTPD],
  });
  await server.addUser(USER, PASSWORD);
  await server.addUser('fay', PASSWORD, '--ip', '172.31.9.9');
  assert.equal(server.log('network.remark', { remark: /before Linux 5\.12.*put back at once/ }).length, 1);
  const far = lab.far ?? assert.fail();
  await far.run('ip', ['route', 'add', POOL, 'via', UPLINK]);
  await echo(lab.server, '0.0.0.0');
  const client = lab.connect({ args: ['--route', '203.0.113.0/24', '--route', '10.86.0.0/24'] });
  const { ipv4 } = await client.up();
  await echo(client.netns, ipv4);

  // Without the clients that have flows right now, which the kernel counts in sets of the table.
  const ruleset = async (): Promise<string> =>
    (await lab.server.run('nft', ['-s', 'list', 'ruleset'])).replace(
      /^\s+elements = \{[^}]*\bct count\b[^}]*\}\n/gm,
      '',
    );
  const before = await ruleset();
  const [, table = ''] = /table inet (sstpd_\w+)/.exec(before) ?? [];
  assert.doesNotMatch(before, /flags owner/);
  const chain = /chain (\w+) \{\s+type filter hook forward/.exec(before)?.[1] ?? assert.fail(before);
  for (const change of [
    ['flush', 'ruleset'],
    ['delete', 'table', 'inet', table],
    ['flush', 'table', 'inet', table],
    ['insert', 'rule', 'inet', table, chain, 'accept'],
  ]) {
    const { mark } = server;
    await lab.server.run('nft', change);
    await server.logged('network.table-restored', { table, by: 'nft' }, mark);
    assert.equal(await ruleset(), before, change.join(' '));
    assert.equal(await pings(client.netns, FAR), true, `NAT after ${change.join(' ')}`);
    assert.equal(await probes(far, ipv4), 'silent silent', `the wall after ${change.join(' ')}`);
    assert.equal(await probes(client.netns, INSIDE), 'silent silent');
  }

  // A session with an address of its own changes the table, and that is kept, too.
  await client.stop();
  const fay = lab.connect({ user: 'fay', args: ['--route', '203.0.113.0/24'] });
  await fay.up();
  const withFay = await ruleset();
  assert.match(withFay, /172\.31\.9\.9/);
  const { mark } = server;
  await lab.server.run('nft', ['flush', 'ruleset']);
  await server.logged('network.table-restored', { table, by: 'nft' }, mark);
  assert.equal(await ruleset(), withFay);
  assert.equal(await pings(fay.netns, FAR), true);
  await fay.stop();
  await eventually('the address has left the table', async () => !(await ruleset()).includes('172.31.9.9'));

  const restored = server.log('network.table-restored').length;
  assert.equal((await server.stop()).status, 0);
  assert.equal(await ruleset(), '', 'nothing is left');
  assert.equal(server.log('network.table-restored').length, restored, 'nor put back');
});

test('without owned tables: a table of a server that was killed is removed by the next one', { skip }, async (t) => {
  const lab = await makeLab(t, {});
  const program = [process.execPath, '--import', OLDER_KERNEL, SSTPD];
  const options = { netns: lab.server, data: lab.data, args: SERVE_ARGS, program };
  const killed = await SstpdServer.start(options);
  await killed.stop('SIGKILL');
  const left = await lab.server.run('nft', ['list', 'tables']);
  assert.match(left, /^table inet sstpd_\w+\n$/);
  const next = await SstpdServer.start(options);
  assert.match(next.process.text, /removed the nftables table sstpd_\w+ of an earlier run/);
  assert.equal(await lab.server.run('nft', ['list', 'tables']), left);
  assert.equal((await next.stop()).status, 0);
  assert.equal(await lab.server.run('nft', ['list', 'tables']), '');
});

test('without owned tables: an address that comes before the news of a change meets the table as it was', {
  skip,
}, async (t) => {
  const netns = await Netns.create('keeper');
  t.after(() => netns.destroy());
  const keeper = new SstpdProcess(netns, [process.execPath, KEEPER, 'unheard']);
  await keeper.printed(/^ready$/);
  const list = await netns.run('nft', ['list', 'table', 'inet', 'kept']);
  assert.match(list, /elements = \{ 10\.0\.0\.0\/8, 192\.0\.2\.1,\s+192\.0\.2\.2 \}/);
  assert.match(list, /counter name "seen" drop/);
  assert.doesNotMatch(list, /^\s+accept$/m);
  assert.equal(keeper.lines({ msg: 'network.table-restored' }).length, 2);
});
