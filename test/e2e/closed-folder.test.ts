/**
 * A clone where nobody but root can go, as in /root: commands that become the owner of the data directory, and the server
 * after it gave root up, find all that they need.
 */
// Needs: curl
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageFolder } from '../../core/index.ts';
import { around } from '../support/around.ts';
import { tunMissing } from '../support/netns.ts';
import { SstpdServer } from '../support/sstpd-server.ts';
import { PASSWORD, SERVE_ARGS, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

let lab: VpnLab;
let closed: string;
let program: readonly string[];

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create();
    closed = join(lab.folder, 'closed');
    mkdirSync(closed);
    // `ip netns exec` gives each command a mount namespace of its own, so that nothing of this is left.
    const script = lab.file(
      'from-closed-folder',
      `set -e
    mount -t tmpfs -o mode=0700 closed ${closed}
    mkdir ${closed}/clone
    mount --bind ${packageFolder} ${closed}/clone
    cd ${closed}/clone
    exec node_modules/.bin/node bin/sstpd.js "$@"`,
    );
    program = ['sh', script];
  },
  () => lab?.destroy(),
);

/** Runs a command that must succeed. @returns standard output */
async function must(words: readonly string[], input = '', data: string = lab.data): Promise<string> {
  const [command = '', ...args] = [...program, ...words, '--data', data];
  const { code, stdout, stderr } = await lab.server.exec(command, args, { input });
  assert.equal(code, 0, `sstpd ${words.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

/** What is served at an address of the server. */
async function get(url: string): Promise<{ status: string; body: string }> {
  const { stdout } = await lab.server.exec('curl', ['-sk', '-w', '\n%{http_code}', url]);
  const at = stdout.lastIndexOf('\n');
  return { status: stdout.slice(at + 1), body: stdout.slice(0, at) };
}

test('the server serves all it has, and starts a worker anew', { skip }, async () => {
  const args = [...SERVE_ARGS, '--workers', '2', '--admin', '127.0.0.1:8443'];
  const server = await SstpdServer.start({ netns: lab.server, data: lab.data, args, program });
  try {
    assert.notEqual(server.status('Uid').split('\t')[0], '0');
    await must(['user', 'add', USER, '--password-stdin'], PASSWORD);
    const connected = lab.connect();
    await connected.up();
    await connected.stop();

    const admin = 'https://127.0.0.1:8443';
    const page = await get(`${admin}/`);
    assert.equal(page.status, '200');
    const assets = [...page.body.matchAll(/(?:src|href)="([^"]*assets[^"]*)"/g)].map(([, url = '']) => url);
    assert.ok(assets.length > 1, page.body);
    for (const url of assets) assert.equal((await get(new URL(url, admin).href)).status, '200', url);
    assert.equal((await get(`${admin}/v1/openapi.json`)).status, '200');
    assert.match((await get('https://198.18.0.1/portal')).body, /<form/);

    const [worker = 0] = server.pids.slice(1);
    const from = server.mark;
    process.kill(worker, 'SIGKILL');
    await server.logged('worker.ready', {}, from);
    const again = lab.connect();
    await again.up();
    await again.stop();

    for (const words of [
      ['sessions'],
      ['explain'],
      ['explain', '--json'],
      ['metrics'],
      ['config'],
      ['user', 'list'],
      ['profile', USER, '--format', 'ps1'],
      ['admin', 'list'],
      ['token', 'list'],
    ]) {
      await must(words);
    }
  } finally {
    await server.stop();
  }
});

test('commands work in the data directory of the user that a server became', { skip }, async () => {
  const data = join(lab.folder, 'owned');
  const run = (words: readonly string[], input = ''): Promise<string> => must(words, input, data);
  await run(['user', 'add', 'old']);
  await run(['admin', 'add', 'old']);
  await lab.server.run('chown', ['-R', '88443:88443', data]);

  await run(['user', 'add', 'bob', '--password-stdin'], 'correct horse battery');
  assert.match(await run(['user', 'add', 'eve']), /^Password: \S+$/m);
  assert.match(await run(['user', 'passwd', 'bob']), /^Password: \S+$/m);
  await run(['user', 'set', 'bob', '--ip', '10.86.0.50', '--group', 'staff']);
  await run(['user', 'disable', 'bob']);
  await run(['user', 'remove', 'eve']);
  assert.match(await run(['user', 'list']), /^bob +disabled/m);
  assert.match(await run(['admin', 'add', 'boss']), /^Password: \S+$/m);
  await run(['admin', 'passwd', 'boss', '--password-stdin'], 'correct horse battery');
  assert.match(await run(['admin', 'list']), /^boss /m);
  await run(['admin', 'remove', 'boss']);
  await run(['token', 'add', 'backup', '--scope', 'read']);
  assert.match(await run(['token', 'list']), /backup/);
  // Also what they refuse is said, with the mend.
  for (const words of [
    ['user', 'add', 'bob'],
    ['admin', 'remove', 'nobody'],
    ['token', 'remove', 'nobody'],
  ]) {
    const [command = '', ...args] = [...program, ...words, '--data', data];
    const { code, stderr } = await lab.server.exec(command, args);
    assert.notEqual(code, 0);
    assert.match(stderr, /^sstpd: .*\b(?:bob|nobody)\b/, words.join(' '));
    assert.doesNotMatch(stderr, /not installed|Cannot find/);
  }
  // What root had made would be closed to the next server.
  assert.equal(await lab.server.run('find', [data, '-uid', '0']), '');
});
