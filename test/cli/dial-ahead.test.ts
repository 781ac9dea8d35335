import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { dialAhead } from '../../cli/dial-ahead.ts';
import { around } from '../support/around.ts';
import { eventually } from '../support/eventually.ts';
import { authority } from '../tls/support.ts';
import { inProcess, sstpd } from './support.ts';

const PASSWORD = { SSTPD_PASSWORD: 'x' };

const connections: Socket[] = [];
const server = createServer((socket) => {
  connections.push(socket.on('error', () => undefined));
});
let target: string;
const folder = mkdtempSync(join(tmpdir(), 'sstpd-ahead-'));
const CA = join(folder, 'ca.pem');
const passwordFile = join(folder, 'password');
around(
  async () => {
    writeFileSync(CA, authority.certificatePem);
    writeFileSync(passwordFile, 'a password\n');
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  () => {
    for (const socket of connections) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  },
);

test('the ClientHello leaves before the command is loaded', async () => {
  const all = [
    '--default-route',
    '--route',
    '10.0.0.0/8',
    '--route',
    'fd00::/8',
    '--tun',
    'a',
    '--user',
    'b',
    '--ca',
    CA,
  ];
  for (const [words, env] of [
    [['--user', 'ann'], PASSWORD],
    [['--user', 'ann', '--password-file', passwordFile, '--insecure', '--json'], {}],
    [all, PASSWORD],
  ] as const) {
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const ahead = await dialAhead(['connect', target, ...words], env);
    assert.ok(ahead, words.join(' '));
    const [socket] = await connected;
    const [hello] = (await once(socket, 'data')) as [Buffer];
    assert.equal(hello[0], 22); // a handshake record, RFC 8446 5.1
    ahead.destroy();
  }
});

test('nothing is sent for a line that may be wrong, or while a password must be typed', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  connections.length = 0;
  for (const [words, env] of [
    [['serve', target, '--user', 'ann'], PASSWORD],
    [['connect', `${target}:1`, '--user', 'ann'], PASSWORD],
    [['connect', '--user', 'ann', target], PASSWORD],
    [['connect', target], PASSWORD],
    [['connect', target, '--user'], PASSWORD],
    [['connect', target, '--user', '--json'], PASSWORD],
    [['connect', target, '--user', 'ann', '--help'], PASSWORD],
    [['connect', target, '--user', 'ann', '--auth', 'eap'], PASSWORD],
    [['connect', target, '--user', 'ann', '--route', '10.0.0.1/8'], PASSWORD],
    [['connect', target, '--user', 'ann', '--ca', '/nowhere'], PASSWORD],
    [['connect', target, '--user', 'ann', '--ca', '/dev/null'], PASSWORD],
    [['connect', target, '--user', 'ann', '--password-file', '/dev/null'], {}],
    [['connect', target, '--user', 'ann', '--ca', CA, '--insecure'], PASSWORD],
    [['connect', target, '--user', 'ann', 'other'], PASSWORD],
    [['connect', target, '--user', 'ann', 'constructor', 'x'], PASSWORD],
    [['connect', target, '--user', 'ann'], {}],
    [['connect', target, '--user', 'ann', '--password-file', '-'], {}],
    [['connect', target, '--user', 'ann', '--password-file', pipe], {}],
  ] as const) {
    assert.equal(await dialAhead(words, env), undefined, words.join(' '));
  }
  await setTimeout(50);
  assert.equal(connections.length, 0);
});

test('a command that fails all the same leaves no connection behind', async () => {
  connections.length = 0;
  const args = ['connect', target, '--user', 'ann', '--tun', 'a name that is too long'];
  const outcome = await inProcess(args, { env: PASSWORD });
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /^sstpd: [^\n]+\n$/);
  await eventually('a connection that is closed', () => connections[0]?.resume().readableEnded === true);
});

test('a password that comes through a pipe is read once, by the command', async () => {
  const args = ['connect', '127.0.0.1:9', '--user', 'ann', '--password-file', '/dev/stdin'];
  const { code, stderr } = await sstpd(args, { stdin: 'a password' });
  assert.equal(code, 1);
  assert.doesNotMatch(stderr, /password/);
});
