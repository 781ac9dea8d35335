/**
 * The routes of sstpc.sh in a network namespace with routers for IPv4 and IPv6. In place of sstpc stands a program that
 * does what pppd does: makes a device, starts ip-up, and at the end takes the device away and starts ip-down. The real pair
 * is in test/interop.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ProfileFacts, profileFile } from '../../profile/index.ts';
import { PLAIN } from '../profile/facts.ts';
import { around } from '../support/around.ts';
import { Netns, tunMissing } from '../support/netns.ts';
import { Output } from '../support/output.ts';

const skip = tunMissing() ?? false;

let folder: string;
let netns: Netns;

around(
  async () => {
    if (skip) return;
    folder = mkdtempSync(join(tmpdir(), 'sstpd-script-'));
    mkdirSync(join(folder, 'tmp'));
    netns = await Netns.create('script');
    program('getent', 'echo "198.51.100.1 STREAM $2"; echo "2001:db8:a::1 STREAM"; echo "192.0.2.7 STREAM"');
    program('resolvectl', 'exit 1');
    program('pppd', 'exit 1');
    program(
      'sstpc',
      `[ "$1" = --help ] && exit
for word in "$@"; do
  case $last in ip-up-script) up=$word ;; ip-down-script) down=$word ;; esac
  last=$word
done
end() { ip link delete ppp0; [ -n "$dies" ] || "$down" ppp0 /dev/pts/1 38400 10.99.0.2 10.99.0.1 ''; exit 1; }
trap end TERM
ip link add ppp0 type veth peer name ppp1
ip link set ppp1 up
ip link set ppp0 up
DNS1=10.99.0.53 "$up" ppp0 /dev/pts/1 38400 10.99.0.2 10.99.0.1 '' || failed=1
[ -z "$failed" ] || echo failed
while :; do sleep 0.05; done`,
    );
    // The network around it: 192.0.2.0/24 and 2001:db8::/64, each with a gateway.
    for (const words of [
      'link add eth0 type veth peer name eth1',
      'link set eth1 up',
      'link set eth0 up',
      'address add 192.0.2.2/24 dev eth0',
      'route add default via 192.0.2.1',
      '-6 address add 2001:db8::2/64 dev eth0 nodad',
      '-6 route add default via 2001:db8::1 metric 100',
    ]) {
      await netns.run('ip', words.split(' '));
    }
  },
  async () => {
    await netns?.destroy();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  },
);

function program(name: string, text: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

async function routes(): Promise<string> {
  const all = [await netns.run('ip', ['route']), await netns.run('ip', ['-6', 'route'])].join('\n');
  // Link-local ones come and go with the kernel's own address of a device.
  return all.replace(/^fe80::.*\n?/gm, '').replace(/^multicast .*\n?/gm, '');
}

async function wayTo(address: string): Promise<string> {
  const { stdout, stderr } = await netns.exec('ip', ['route', 'get', address]);
  return /\bdev (\S+)/.exec(stdout)?.[1] ?? stderr.trim();
}

/** Runs the script until `meanwhile` is over, and compares the routes before and after. */
async function withScript(
  facts: ProfileFacts,
  meanwhile: () => Promise<void>,
  env: NodeJS.ProcessEnv = {},
  expected = /^Connected: 10\.99\.0\.2 on ppp0\./,
): Promise<void> {
  const earlier = await routes();
  const script = join(folder, 'sstpc.sh');
  writeFileSync(script, profileFile('sstpc', facts).text);
  const path = `${folder}:${process.env.PATH}:/usr/sbin:/sbin`;
  const child = netns.spawn('/bin/sh', [script], { env: { PATH: path, TMPDIR: join(folder, 'tmp'), ...env } });
  const output = new Output();
  output.collect(child);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stdin?.end('secret\n');
  await output.find((line) => (expected.test(line) ? line : undefined), { what: String(expected), timeoutMs: 20_000 });
  await meanwhile();
  child.kill('SIGTERM');
  await ended;
  assert.equal(await routes(), earlier);
  assert.deepEqual(readdirSync(join(folder, 'tmp')), []);
}

test('all traffic: into the tunnel but for the server, and no IPv6 goes past it; at the end all is as before', {
  skip,
}, async () => {
  await withScript(PLAIN, async () => {
    for (const address of ['8.8.8.8', '203.0.113.1']) assert.equal(await wayTo(address), 'ppp0', address);
    for (const address of ['198.51.100.1', '192.0.2.7', '2001:db8:a::1', '2001:db8::9']) {
      assert.equal(await wayTo(address), 'eth0', address);
    }
    for (const address of ['2600::1', 'fd00::1']) assert.match(await wayTo(address), /No route to host/, address);
  });
});

test('a server with IPv6: that takes the tunnel, too', { skip }, async () => {
  await withScript({ ...PLAIN, hasIpv6: true }, async () => {
    for (const address of ['8.8.8.8', '2600::1']) assert.equal(await wayTo(address), 'ppp0', address);
    assert.equal(await wayTo('2001:db8:a::1'), 'eth0');
  });
});

test('networks of the profile, and the DNS servers: these alone', { skip }, async () => {
  const facts = { ...PLAIN, hasIpv6: true, routes: ['10.0.0.0/8', '172.16.0.0/12', 'fd00:5::/32'] };
  await withScript(facts, async () => {
    for (const address of ['10.1.2.3', '172.16.5.5', '10.99.0.53', 'fd00:5::9']) {
      assert.equal(await wayTo(address), 'ppp0', address);
    }
    for (const address of ['8.8.8.8', '198.51.100.1', '2600::1']) assert.equal(await wayTo(address), 'eth0', address);
  });
});

test('a route to the server that somebody else made stays', { skip }, async () => {
  await netns.run('ip', ['route', 'add', '198.51.100.1', 'via', '192.0.2.9']);
  await withScript(PLAIN, async () => assert.equal(await wayTo('198.51.100.1'), 'eth0'));
  await netns.run('ip', ['route', 'delete', '198.51.100.1']);
});

test('a gateway of the other family', { skip }, async () => {
  await netns.run('ip', ['route', 'replace', 'default', 'via', 'inet6', '2001:db8::1', 'dev', 'eth0']);
  await withScript(PLAIN, async () => {
    assert.equal(await wayTo('198.51.100.1'), 'eth0');
    assert.equal(await wayTo('8.8.8.8'), 'ppp0');
  });
  await netns.run('ip', ['route', 'replace', 'default', 'via', '192.0.2.1']);
});

test('pppd that dies without ip-down: the script takes the routes back itself', { skip }, async () => {
  await withScript(PLAIN, async () => assert.equal(await wayTo('8.8.8.8'), 'ppp0'), { dies: '1' });
});

test('routes that can not be set: it says so and disconnects, for traffic would go past the tunnel', {
  skip,
}, async () => {
  const facts = { ...PLAIN, routes: ['10.0.0.0/33'] };
  await withScript(facts, async () => {}, {}, /^The routes could not be set: disconnecting\.$/);
});
