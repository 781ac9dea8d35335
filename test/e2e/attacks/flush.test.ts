/** Another program on the server's machine takes the firewall or forwarding away while clients send. */
// Needs: setpriv
import assert from 'node:assert/strict';
import { release } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { Netns, tunMissing } from '../../support/netns.ts';
import { SstpdProcess } from '../../support/sstpd-process.ts';
import { FAR, INSIDE, POOL, UPLINK } from '../../support/vpn-lab.ts';
import { echo, makeLab, pings, probes } from './reach-lab.ts';

const skip = tunMissing() ?? false;

const [major = 0, minor = 0] = release().split('.').map(Number);
/** Before it flush-unowned.test.ts says what holds. */
const cannotOwn = major < 5 || (major === 5 && minor < 12) ? 'needs Linux 5.12' : false;

const FLUSHES = 20;

test('nft flush ruleset, and the table deleted: nothing leaves untranslated, and no packet is lost', {
  skip: skip || cannotOwn,
}, async (t) => {
  const lab = await makeLab(t, { far: true });
  const server = await lab.serveAnn({ args: ['--pool-fixed', '172.31.9.0/24'] });
  await server.addUser('fay', 'correct horse', '--ip', '172.31.9.9');
  const far = lab.far ?? assert.fail();
  await far.run('ip', ['route', 'add', POOL, 'via', UPLINK]);
  await far.run('nft', ['-f', '-'], {
    input: `table ip seen { chain look { type filter hook prerouting priority raw;
      ip saddr { ${POOL}, 172.31.9.0/24 } counter comment "leaked"; }; }`,
  });
  await echo(lab.server, '0.0.0.0');
  const client = lab.connect({ args: ['--route', '203.0.113.0/24', '--route', '10.86.0.0/24'] });
  const { ipv4 } = await client.up();
  await echo(client.netns, ipv4);
  const ping = new SstpdProcess(client.netns, ['ping', '-n', '-i', '0.01', '-c', '400', FAR]);
  await ping.printed(/icmp_seq=5 /);
  for (let i = 0; i < FLUSHES; i++) await lab.server.run('nft', ['flush', 'ruleset']);
  const [, table = ''] = /table inet (sstpd_\w+)/.exec(await lab.server.run('nft', ['list', 'tables'])) ?? [];
  const { code, stderr } = await lab.server.exec('nft', ['delete', 'table', 'inet', table]);
  assert.equal(code, 1);
  assert.match(stderr, /Operation not permitted/);
  await ping.end();
  const [, received = '0'] = /400 packets transmitted, (\d+) received/.exec(ping.text) ?? [];
  // As long as a connection outlasts: one in ten milliseconds.
  t.diagnostic(`${400 - Number(received)} of 400 pings at 10 ms lost`);
  assert.ok(Number(received) >= 380, ping.text.slice(-200));
  assert.match(await far.run('nft', ['list', 'table', 'ip', 'seen']), /packets 0 bytes 0 comment "leaked"/);
  assert.equal(await probes(far, ipv4), 'silent silent', 'the wall stands');
  assert.equal(await probes(client.netns, INSIDE), 'silent silent');

  // A session that begins behind it is translated like the others, and the table goes with the server.
  await client.stop();
  const fay = lab.connect({ user: 'fay', args: ['--route', '203.0.113.0/24'] });
  await fay.up();
  assert.equal(await pings(fay.netns, FAR), true);
  assert.match(await far.run('nft', ['list', 'table', 'ip', 'seen']), /packets 0 bytes 0 comment "leaked"/);
  await server.stop('SIGKILL');
  await eventually(
    'the table is gone',
    async () => !(await lab.server.run('nft', ['list', 'tables'])).includes('sstpd'),
  );
});

test('forwarding that somebody turns off is on again within 200 ms, until he insists', { skip }, async (t) => {
  const lab = await makeLab(t, { far: true });
  const server = await lab.serveAnn();
  const off = `sysctl -qw net.ipv4.ip_forward=0; s=$(date +%s%N); while [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ]; do :; done; echo $(( ($(date +%s%N) - s) / 1000000 ))`;
  const ms = Number(await lab.server.run('sh', ['-c', off]));
  t.diagnostic(`${ms} ms`);
  assert.ok(ms < 200, `${ms} ms`);
  await server.logged('network.forwarding-restored', { setting: 'net.ipv4.ip_forward' });
  for (let i = 0; i < 30 && server.log('network.fight').length === 0; i++) {
    await lab.server.run('sysctl', ['-qw', 'net.ipv4.ip_forward=0']);
  }
  const { fix } = await server.logged('network.fight');
  assert.match(String(fix), /find what sets it/);
  assert.equal(server.log('network.fight').length, 1);
  assert.equal((await server.run(['doctor'])).stdout.includes('it was turned off'), true);
});

test('where the kernel has no owned tables, a table that was removed or changed is put back', { skip }, async (t) => {
  const netns = await Netns.create('keeper');
  t.after(() => netns.destroy());
  const keeper = new SstpdProcess(netns, [process.execPath, join(import.meta.dirname, 'keeper-child.ts')]);
  await keeper.printed(/^ready$/);
  const before = await netns.run('nft', ['list', 'table', 'inet', 'kept']);
  for (const change of [
    ['flush', 'ruleset'],
    ['delete', 'table', 'inet', 'kept'],
    ['flush', 'chain', 'inet', 'kept', 'guard'],
    ['insert', 'rule', 'inet', 'kept', 'guard', 'accept'],
    ['delete', 'element', 'inet', 'kept', 'names', '{ "two" }'],
  ]) {
    const { mark } = keeper;
    await netns.run('nft', change);
    const { ms } = await keeper.line({ msg: 'network.table-restored', by: 'nft' }, mark);
    assert.ok(ms === undefined || Number(ms) < 200);
    assert.equal(await netns.run('nft', ['list', 'table', 'inet', 'kept']), before, change.join(' '));
  }
  await netns.run('nft', ['add', 'table', 'inet', 'other']);
  assert.equal(keeper.lines({ msg: 'network.table-restored' }).length, 5, 'what others have is theirs');
});
