/**
 * Debian's real sstp-client with pppd, in User-Mode Linux, against `sstpd serve`. One server for all cases, which run in
 * order; each boots a guest of its own, 8 to 15 s. README.md says how to run one by hand.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Netns } from '../support/netns.ts';
import { Output } from '../support/output.ts';
import type { LabRun } from './lab-run.ts';
import { type LinuxClientOptions, startLinuxClient } from './linux-client.ts';
import { interopMissing } from './prerequisites.ts';
import { SstpdServer } from './sstpd-server.ts';
import { BURST_RECEIVER, sendBursts } from './udp-burst.ts';

const PORT = 4443;
const FILE_PORT = 8080;
const HOST = 'vpn.example.test';
/** The server's address in the tunnel: the first of the pool. */
const SERVER_ADDRESS = '10.99.0.1';
const DNS = '198.18.77.1';
const FILE_BYTES = 20 * 1024 * 1024;
const FILE_SERVER = fileURLToPath(new URL('./file-server.ts', import.meta.url));

/** A client that waits for a repetition of ours anywhere on its way needs longer. */
const MOST_CONNECT_SECONDS = 2;
/** A guest whose machine is busy gets so many tries to keep that: one that a server holds up fails them all. */
const TRIES = 3;
const MOST_SPREAD_MS = 100;

const PING = 'ping -q -c 3 -i 0.2 -w 10 $PEER';

const missing = interopMissing();
if (missing !== undefined) console.error(`interop tests ${process.env.CI ? 'FAIL' : 'SKIPPED'}: ${missing}`);

test('this machine has what the interop tests need', { skip: process.env.CI ? false : missing }, () => {
  assert.equal(missing, undefined);
});

describe('sstp-client with pppd', { skip: missing }, () => {
  let directory: string;
  let netns: Netns;
  let server: SstpdServer;
  let client: LabRun | undefined;
  let runs = 0;
  /** What alice was given first. */
  let aliceAddress: string | undefined;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sstpd-interop-'));
    chmodSync(directory, 0o755); // the server, no longer root, must get to its data below
    netns = await Netns.create('interop');
    server = new SstpdServer(netns, join(directory, 'data'));
    await server.addUser('alice', 'wonder land "1"');
    const auth = ['--auth', 'mschapv2,chap,pap'];
    // The files and bursts of the tests come from this very host.
    const reach = ['--host-access', 'all'];
    await server.serve(PORT, ['--host', HOST, '--pool', '10.99.0.0/24', '--dns', DNS, ...reach, ...auth]);
    await server.addUser('bob', 'builder'); // known at once, with the server running
  });

  afterEach(async (context) => {
    const end = await client?.stop();
    client = undefined;
    if (!('passed' in context) || context.passed) return;
    console.error(`--- the server printed:\n${server.output}\n--- the client:\n${end?.output}\n${end?.log}`);
  });

  after(async () => {
    await netns?.destroy();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });

  function connect(options: Partial<LinuxClientOptions> & Pick<LinuxClientOptions, 'auth'>): LabRun {
    runs += 1;
    client = startLinuxClient({
      ...{ netns: netns.name, server: `${HOST}:${PORT}`, caFile: server.caFile },
      ...{ logFile: join(directory, `client-${runs}.log`), user: 'bob', password: 'builder' },
      ...options,
    });
    return client;
  }

  /** Runs a client whose guest command must succeed, to its end, and returns its LAB result=up line. */
  async function comesUp(options: Parameters<typeof connect>[0]) {
    const took: string[] = [];
    for (;;) {
      const run = connect(options);
      const { status, output, log } = await run.ended();
      assert.equal(status, 0, output);
      const up = await run.line('result=up');
      assert.equal(up.peer, SERVER_ADDRESS);
      await server.logged('connection.closed', { user: options.user ?? 'bob' });
      took.push(up.seconds_connect ?? 'nothing');
      if (Number(up.seconds_connect) < MOST_CONNECT_SECONDS) return { up, output, log };
      assert.ok(took.length < TRIES, `from the start of sstpc to ppp0 it took ${took.join(', ')} s`);
    }
  }

  test('sstpc.sh as the profile has it: all traffic takes the tunnel, IPv6 goes nowhere, and all is as before', async () => {
    const { stdout, stderr } = await server.command(['profile', 'bob', '--format', 'sstpc']);
    const script = join(directory, 'sstpc.sh');
    writeFileSync(script, stdout);
    assert.match(stdout, new RegExp(`^server=${HOST}:${PORT}$`, 'm'), stderr);
    const run = connect({
      ...{ via: 'script', script, auth: 'mschapv2' },
      guestCommand: [
        'set -e',
        PING,
        'ip route get 203.0.113.9 | grep "dev $IFACE"',
        'ip route get $HOST_IP | grep "dev vec0"',
        'ip -6 address add 2001:db8:1::2/64 dev vec0',
        'ip -6 route add default via 2001:db8:1::1 dev vec0',
        'ip -6 route get 2600::1 2>&1 | grep "No route to host"',
        `test "$DNS" = ${DNS}`,
        'if cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep "[b]uilder"; then exit 1; fi',
      ].join('\n'),
    });
    const { status, output, log } = await run.ended();
    assert.equal(status, 0, `${output}\n${log}`);
    assert.equal((await run.line('result=up')).auth, 'chap-MS-v2');
    assert.match(log, /Connected: 10\.99\.0\.\d+ on ppp0\./);
    const { routes, left } = await run.line('after');
    assert.equal(left, '');
    assert.match(routes ?? '', /^198\.18\.77\.0\/30 dev vec0 [^;]*;default via 2001:db8:1::1 dev vec0 [^;]*;$/);
  });

  test('MS-CHAPv2: ping, bursts of UDP, 20 MB each way with checksum, listed, and ended by sessions kill', async () => {
    const content = randomBytes(FILE_BYTES);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const file = join(directory, 'file');
    writeFileSync(file, content);
    const fileServer = netns.spawn(process.execPath, [FILE_SERVER, file, String(FILE_PORT)]);
    const fileServerOutput = new Output();
    fileServerOutput.collect(fileServer);
    await fileServerOutput.find((line) => line === 'listening' || undefined, { what: 'listening', timeoutMs: 10_000 });

    const url = `http://$PEER:${FILE_PORT}/`;
    const curl = 'curl -sS --fail --interface $IFACE --max-time 60';
    const run = connect({
      ...{ user: 'alice', password: 'wonder land "1"', auth: 'mschapv2', holdSeconds: 60 },
      guestCommand: `${PING} && ${BURST_RECEIVER} && ${curl} -o /tmp/file ${url} && sha256sum </tmp/file && ${curl} -T /tmp/file ${url}`,
    });
    const up = await run.line('result=up');
    assert.equal(up.auth, 'chap-MS-v2');
    assert.equal(up.peer, SERVER_ADDRESS);
    assert.equal(up.dns?.split(',')[0], DNS);
    for (const [size, spreadMs] of await sendBursts(netns, run, up.ip ?? '')) {
      assert.ok(spreadMs < MOST_SPREAD_MS, `${size} packets arrive within ${spreadMs} ms`);
    }
    assert.equal((await run.line('guest_rc=', 130_000)).guest_rc, '0');
    fileServer.kill();

    const [session, ...others] = await server.sessions();
    assert.deepEqual(others, []);
    assert.ok(session);
    assert.equal(session.user, 'alice');
    assert.equal(session.ipv4, up.ip);
    assert.equal(session.method, 'mschapv2');
    assert.ok(session.bytesOut > FILE_BYTES, `the download did not go through the tunnel: ${session.bytesOut} bytes`);
    assert.ok(session.bytesIn > FILE_BYTES, `the upload did not go through the tunnel: ${session.bytesIn} bytes`);

    const killed = await server.command(['sessions', 'kill', session.id]);
    assert.equal(killed.code, 0, killed.stderr);
    await run.line('result=dropped', 10_000);
    const { status, output, log } = await run.ended();
    assert.equal(status, 4, output);
    assert.equal(output.split(sha256).length - 1, 2, `checksum ${sha256} once for each way in:\n${output}`);
    assert.match(log, /rcvd \[LCP TermReq/, 'pppd was told, not cut off');
    await server.logged('connection.closed', { user: 'alice' });
    assert.deepEqual(await server.sessions(), []);
    aliceAddress = up.ip;
  });

  test('MS-CHAPv2, sstpc started by pppd: the same address again, and IPv6 by link-local addresses', async () => {
    const { up, output } = await comesUp({
      ...{ user: 'alice', password: 'wonder land "1"', auth: 'mschapv2', via: 'pppd', hangUp: 'pppd' },
      pppdOption: '+ipv6',
      guestCommand: `${PING}; until [ -e up6 ]; do sleep 0.1; done; read -r _ peer <up6; ping -q -c 2 -w 10 $peer%$IFACE`,
    });
    assert.equal(up.ip, aliceAddress);
    assert.match(output, /ipv6="fe80::\S+ fe80::\S+"/);
  });

  test('MS-CHAPv2, keys derived by sstpc itself: the Crypto Binding holds, packets of 1500 bytes pass', async () => {
    await comesUp({ auth: 'mschapv2', via: 'sniff', sstpcOption: '--tls-ext', guestCommand: `${PING} -s 1472` });
  });

  // pppd prints a message that stands behind the header, an empty one too: these have 4 bytes.
  test('PAP: comes up by an Authenticate-Ack of 4 bytes, ping', async () => {
    const { up, log } = await comesUp({ auth: 'pap', guestCommand: PING });
    assert.equal(up.auth, 'pap');
    assert.match(log, /rcvd \[PAP AuthAck id=0x[0-9a-f]+\]\n/);
    assert.match(log, /PAP authentication succeeded/);
  });

  for (const [auth, heard] of [
    ['mschapv2', /rcvd \[CHAP Failure id=0x[0-9a-f]+ "E=691 /],
    ['pap', /rcvd \[PAP AuthNak id=0x[0-9a-f]+\]\n[\s\S]*PAP authentication failed/],
  ] as const) {
    test(`${auth}: a wrong password is refused, and pppd says so`, async () => {
      const run = connect({ auth, password: 'destroyer' });
      const { status, output, log } = await run.ended();
      assert.equal((await run.line('result=')).reason, 'auth', output);
      assert.equal(status, 1);
      assert.match(log, heard);
      await server.logged('connection.closed');
      assert.deepEqual(await server.sessions(), []);
    });
  }

  test('a client that trusts another certificate authority goes away', async () => {
    const [otherCa] = rootCertificates;
    assert.ok(otherCa);
    const caFile = join(directory, 'other-ca.pem');
    writeFileSync(caFile, otherCa);
    const run = connect({ auth: 'mschapv2', caFile });
    const { status, output } = await run.ended();
    assert.equal((await run.line('result=')).reason, 'certificate', output);
    assert.equal(status, 1);
    assert.deepEqual(await server.sessions(), []);
  });

  test('CHAP: comes up, ping; SIGTERM to the server ends it cleanly within 7 s and leaves nothing behind', async () => {
    const run = connect({ auth: 'chap', guestCommand: PING, holdSeconds: 60 });
    assert.equal((await run.line('result=up')).auth, 'chap-MD5');
    assert.equal((await run.line('guest_rc=')).guest_rc, '0');

    const { status, tookMs } = await server.terminate();
    assert.equal(status, 0, server.output);
    assert.ok(tookMs < 7000, `${tookMs} ms`);
    await run.line('result=dropped', 10_000);
    const { log } = await run.ended();
    assert.match(log, /rcvd \[LCP TermReq/, 'pppd was told, not cut off');

    const devices = JSON.parse(await netns.run('ip', ['-json', 'link'])) as { ifname: string }[];
    assert.deepEqual(
      devices.map((device) => device.ifname),
      ['lo'],
    );
    assert.equal((await netns.run('ip', ['route', 'show', 'table', 'main'])).trim(), '');
    assert.equal((await netns.run('nft', ['list', 'ruleset'])).trim(), '');
  });
});
