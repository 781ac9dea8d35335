// Needs: /dev/net/tun
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around } from '../support/around.ts';
import { tunMissing } from '../support/netns.ts';
import { SSTPD } from '../support/sstpd-process.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { PASSWORD, SERVER, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

let lab: VpnLab;
let server: SstpdServer;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create();
    server = await lab.serveAnn();
  },
  () => lab?.destroy(),
);

/** Runs `sstpd connect` to its end in the client's namespace. */
function connect(target: string, password: string, ...args: string[]) {
  const words = [SSTPD, 'connect', target, '--user', USER, '--ca', `${lab.data}/ca.pem`, ...args];
  return lab.client().exec(process.execPath, words, { env: { ...process.env, SSTPD_PASSWORD: password } });
}

const REFUSED =
  'sstpd: the connection to 127.0.0.1 failed: connection-failed ' +
  '(ECONNREFUSED: nothing listens there; is the server started, and is this its port?)\n';

test('a tunnel that never came up is one line on standard error and status 1', { skip }, async () => {
  assert.deepEqual(await connect('127.0.0.1:1', 'any'), { code: 1, stdout: '', stderr: REFUSED });
  const { code, stdout, stderr } = await connect(SERVER, 'wrong');
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
  assert.match(stderr, /^sstpd: the connection to 198\.18\.0\.1 failed: authentication-failed \([^\n]+\)\n$/);
});

test('a certificate of an authority that is not known here: what mends it stands in the line', { skip }, async () => {
  const words = [SSTPD, 'connect', SERVER, '--user', USER];
  const env = { ...process.env, SSTPD_PASSWORD: PASSWORD };
  const { code, stderr } = await lab.client().exec(process.execPath, words, { env });
  assert.equal(code, 1);
  assert.match(stderr, /failed: connection-failed \(the server's certificate [^\n]*; .* in its ca\.pem: --ca\)\n$/);
});

test('a tunnel that can not be set up is one line on standard error', { skip }, async () => {
  const words = [SSTPD, 'connect', SERVER, '--user', USER, '--ca', `${lab.data}/ca.pem`];
  const env = { ...process.env, SSTPD_PASSWORD: PASSWORD };
  const withoutIp = 'mount --bind /dev/null "$(readlink -f "$(command -v ip)")" && exec "$@"';
  const stderr =
    "sstpd: the connection to 198.18.0.1 failed: set-up-failed (the command 'ip' is missing: apt install iproute2)\n";
  assert.deepEqual(await lab.client().exec('sh', ['-c', withoutIp, 'sh', process.execPath, ...words], { env }), {
    code: 1,
    stdout: '',
    stderr,
  });
});

test('with --json the last event is on standard output as well', { skip }, async () => {
  const { code, stdout, stderr } = await connect('127.0.0.1:1', 'any', '--json');
  assert.deepEqual({ code, stderr }, { code: 1, stderr: REFUSED });
  const { event, reason, wasUp } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual({ event, reason, wasUp }, { event: 'ended', reason: 'connection-failed', wasUp: false });
});

test('SIGHUP, the end of the terminal, ends the connection in order', { skip }, async () => {
  const client = lab.connect();
  await client.up();
  const { exit, wasUp } = await client.stop('SIGHUP');
  assert.deepEqual({ exit, wasUp }, { exit: { status: 0, signal: null }, wasUp: true });
});

test('a tunnel that was up and is lost ends with status 1', { skip }, async () => {
  const from = server.mark;
  const ending = connect(SERVER, PASSWORD);
  const sessionUp = await server.logged('connection.up', { protocol: 'ipv4' }, from);
  assert.equal(sessionUp.user, USER);
  await server.stop();
  const { code, stdout, stderr } = await ending;
  assert.deepEqual({ code, stderr }, { code: 1, stderr: '' });
  assert.match(stdout, /^Connected to 198\.18\.0\.1 as ann: .*^Connection over: [^\n]+\n$/ms);
});
