/**
 * Debian's real NetworkManager with network-manager-sstp, in User-Mode Linux, from the files that `sstpd profile` makes:
 * exactly those, and the lines of docs/clients.md that store the password. One guest for all connections.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { storePasswordCommand } from '../../profile/index.ts';
import { Netns } from '../support/netns.ts';
import { Output } from '../support/output.ts';
import { type LabEnd, LabRun } from './lab-run.ts';
import { NM_PACKAGES, networkManagerMissing } from './prerequisites.ts';
import { SstpdServer } from './sstpd-server.ts';
import { BURST_RECEIVER, sendBursts } from './udp-burst.ts';

const PORT = 4443;
const HOST = 'vpn.example.test';
const PASSWORD = `a b\\c "d" 'e' `;
/** The server's address in the tunnel, where a DNS server answers; a host behind it, with the name that this one knows. */
const SERVER_ADDRESS = '10.99.0.1';
const SERVER_ADDRESS6 = 'fd00:99::1';
const BEHIND = '10.50.0.9';
const DNS_SUFFIX = 'corp.example.test';
const DNS_SERVER = fileURLToPath(new URL('./dns-server.ts', import.meta.url));
const POOLS = ['--pool', '10.99.0.0/24', '--pool6', 'fd00:99::/56', '--dns', SERVER_ADDRESS];
const SERVE = ['--host', HOST, ...POOLS, '--no-nat'];
const SPLIT = ['--profile-name', 'Corp VPN', '--profile-route', '10.50.0.0/16', '--profile-dns-suffix', DNS_SUFFIX];

/** The first connection waits for bursts; both for the address that the kernel makes of the Router Advertisement. */
const GUEST_COMMAND = `set -e
ping -q -c 3 -i 0.2 -w 10 $PEER
if [ $N = 1 ]; then ${BURST_RECEIVER}; fi
for i in {1..100}; do ip -6 -o addr show dev $IFACE scope global | grep -q . && break; sleep 0.1; done
ping -q -c 1 -w 10 ${SERVER_ADDRESS6}
ping -q -c 1 -w 10 ${BEHIND}
[ $N = 1 ] && name=files.${DNS_SUFFIX} || name=files
echo "LAB looked_up=$N address=$(getent ahostsv4 $name | sed 's/ .*//;q')"`;

const missing = networkManagerMissing();
if (missing !== undefined) console.error(`NetworkManager's tests ${process.env.CI ? 'FAIL' : 'SKIPPED'}: ${missing}`);

test("this machine has what NetworkManager's tests need", { skip: process.env.CI ? false : missing }, () => {
  assert.equal(missing, undefined);
});

describe('NetworkManager', { skip: missing }, () => {
  let directory: string;
  let netns: Netns;
  let server: SstpdServer;
  let lab: LabRun;
  let end: LabEnd;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sstpd-nm-'));
    chmodSync(directory, 0o755);
    netns = await Netns.create('interop-nm');
    await netns.run('ip', ['address', 'add', `${BEHIND}/32`, 'dev', 'lo']);
    server = new SstpdServer(netns, join(directory, 'data'));
    await server.addUser('ann', PASSWORD);
    await server.serve(PORT, SERVE);
    const full = await profile('full');
    await server.terminate();
    await server.serve(PORT, [...SERVE, ...SPLIT]);
    const split = await profile('split');
    const dns = netns.spawn(process.execPath, [DNS_SERVER, SERVER_ADDRESS, `files.${DNS_SUFFIX}`, BEHIND]);
    const dnsOutput = new Output();
    dnsOutput.collect(dns);
    await dnsOutput.find((line) => line === 'listening' || undefined, { what: 'listening', timeoutMs: 20_000 });

    const args = ['--profile', full, '--profile', split, '--ca', server.caFile, '--packages', NM_PACKAGES];
    lab = new LabRun(
      'nm-lab',
      [
        ...['--netns', netns.name, '--password', PASSWORD, '--store', storePasswordCommand()],
        ...['--guest-cmd', GUEST_COMMAND, ...args],
      ],
      join(directory, 'nm.log'),
    );
  });

  after(async () => {
    await lab?.stop();
    await netns?.destroy();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });

  /** The file of ann, as the server makes it. @returns its path */
  async function profile(name: string): Promise<string> {
    const { code, stdout, stderr } = await server.command(['profile', 'ann', '--format', 'nm', '--host', HOST]);
    assert.equal(code, 0, stderr);
    const file = join(directory, `${name}.nmconnection`);
    writeFileSync(file, stdout, { mode: 0o600 });
    return file;
  }

  /** The lines of the guest's network that begin with `kind`, before, while or after connection N is up. */
  const network = (when: string, kind = ''): string[] =>
    end.output.split('\n').flatMap((line) => line.match(`^NET ${when} (${kind}.*)$`)?.[1] ?? []);

  test('comes up from the file as it is, and gets bursts of UDP whole', async () => {
    const up = await lab.line('profile=1 result=', 120_000);
    assert.equal(up.result, 'up', `${up.detail}`);
    assert.equal(up.peer, SERVER_ADDRESS);
    for (const [size, spreadMs] of await sendBursts(netns, lab, up.ip ?? '')) {
      assert.ok(spreadMs < 100, `${size} packets arrive within ${spreadMs} ms`);
    }
    end = await lab.ended();
    assert.equal(end.status, 0, `${end.output}\n${end.log}`);
  });

  test('without routes in the profile: the default route, and the DNS server', async () => {
    const { iface = '', ip } = await lab.line('profile=1 result=up');
    assert.ok(
      network('1.up', 'route ').some((line) => line.startsWith(`route default dev ${iface}`)),
      end.output,
    );
    assert.ok(network('1.up', 'addr ').some((line) => line.includes(`${iface} inet ${ip} peer ${SERVER_ADDRESS}`)));
    assert.deepEqual(network('1.up', 'resolv.conf nameserver')[0], `resolv.conf nameserver ${SERVER_ADDRESS}`);
    assert.equal((await lab.line('looked_up=1')).address, BEHIND);
  });

  test('with routes and a DNS suffix in the profile: only those, and names without the suffix', async () => {
    const { iface = '' } = await lab.line('profile=2 result=up');
    const routes = network('2.up', 'route ');
    assert.ok(
      routes.some((line) => line.startsWith('route 10.50.0.0/16 ') && line.includes(`dev ${iface}`)),
      end.output,
    );
    assert.deepEqual(
      routes.filter((line) => line.startsWith('route default')),
      network('2.before', 'route default'),
    );
    assert.ok(network('2.up', 'resolv.conf search').some((line) => line.includes(DNS_SUFFIX)));
    assert.equal((await lab.line('looked_up=2')).address, BEHIND);
  });

  test('IPv6 by Router Advertisement, with a pool for it', async () => {
    for (const n of [1, 2]) {
      const { iface = '' } = await lab.line(`profile=${n} result=up`);
      const addresses = network(`${n}.up`, `addr ${iface} inet6 fd00:99:`);
      assert.equal(addresses.length, 1, end.output);
      assert.ok(network(`${n}.up`, 'route6 default via fe80::1').some((line) => line.includes(`dev ${iface}`)));
    }
  });

  test('down: nothing is left behind, and the network is as before', async () => {
    for (const n of [1, 2]) {
      assert.equal((await lab.line(`profile=${n} result=down`)).left, '');
      assert.deepEqual(network(`${n}.after`), network(`${n}.before`));
    }
    await server.logged('connection.closed', { user: 'ann' });
    assert.deepEqual(await server.sessions(), []);
  });
});
