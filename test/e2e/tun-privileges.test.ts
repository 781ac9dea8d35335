/** What a server that starts as root gives up. Each case is a process of its own: there is no way back. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { tunMissing } from '../support/netns.ts';
import { openly } from '../support/other-user.ts';

const skip = tunMissing() ?? false;
const tunModule = new URL('../../tun/index.ts', import.meta.url).href;
const NET_BIND_AND_ADMIN = '0000000000001400'; // 1 << 10 | 1 << 12

function run(body: string, wrapper: readonly string[] = []): Record<string, string> {
  const script = `
    import { execFileSync } from 'node:child_process';
    import { readFileSync } from 'node:fs';
    import { Capability, dropPrivileges, hasCapability, openTun } from ${JSON.stringify(tunModule)};
    const keepCapabilities = [Capability.NetBindService, Capability.NetAdmin];
    const result = {};
    const status = (text) => Object.fromEntries(text.split('\\n').map((line) => line.split(/:\\s*/)));
    const attempt = (action) => { try { return action() } catch (error) { return error.code ?? String(error.status) } };
    ${body}
    console.log(JSON.stringify(result));`;
  const [command = '', ...args] = [...wrapper, process.execPath, '--input-type=module', '-e', script];
  const ended = spawnSync(command, args, { encoding: 'utf8' });
  assert.equal(ended.status, 0, ended.stderr);
  return JSON.parse(ended.stdout) as Record<string, string>;
}

const STATUS = `
  for (const [who, text] of [['own', readFileSync('/proc/thread-self/status', 'utf8')], ['child', execFileSync('cat', ['/proc/self/status'], { encoding: 'utf8' })]]) {
    const { CapEff, CapPrm, CapInh, CapAmb, CapBnd, NoNewPrivs, Uid, Gid, Groups } = status(text);
    result[who] = [CapEff, CapPrm, CapInh, CapAmb, CapBnd, NoNewPrivs, Uid, Gid, Groups.trim()].join(' ');
  }`;

test('root becomes a user with two capabilities, and so do its children (capabilities(7))', { skip }, () => {
  const result = run(`
    result.effective = dropPrivileges({ uid: 65534, gid: 65533, keepCapabilities }).toString(16);
    ${STATUS}`);
  const caps = Array.from({ length: 5 }, () => NET_BIND_AND_ADMIN).join(' ');
  const expected = `${caps} 1 65534\t65534\t65534\t65534 65533\t65533\t65533\t65533 `;
  assert.deepEqual(result, { effective: '1400', own: expected, child: expected });
});

test('who stays root keeps no other capability either, nor do its children', { skip }, () => {
  const result = run(`
    result.effective = dropPrivileges({ uid: 0, gid: 0, keepCapabilities }).toString(16);
    ${STATUS}
    result.chown = attempt(() => execFileSync('chown', ['1', '/tmp'], { stdio: 'pipe' }) && 'changed');`);
  assert.equal(result.effective, '1400');
  assert.match(result.own ?? '', /^0000000000001400 0000000000001400 0000000000001400 /);
  assert.match(result.child ?? '', /^0000000000001400 0000000000001400 0000000000001400 /);
  assert.equal(result.chown, '1');
});

test('other threads are that user too, and have no capability left', { skip }, () => {
  const result = run(`
    import { readdirSync } from 'node:fs';
    await import('node:fs/promises').then(({ readFile }) => readFile('/proc/self/status')); // the pool has a thread now
    dropPrivileges({ uid: 65534, gid: 65534, keepCapabilities });
    const threads = readdirSync('/proc/self/task').map((id) => ({ id, ...status(readFileSync('/proc/self/task/' + id + '/status', 'utf8')) }));
    const others = threads.filter(({ id }) => id !== String(process.pid));
    result.isMany = String(others.length > 1);
    result.uids = [...new Set(threads.map(({ Uid }) => Uid))].join();
    result.capabilities = [...new Set(others.flatMap(({ CapEff, CapPrm, CapAmb }) => [CapEff, CapPrm, CapAmb]))].join();`);
  assert.deepEqual(result, {
    isMany: 'true',
    uids: '65534\t65534\t65534\t65534',
    capabilities: '0000000000000000',
  });
});

test('there is no way back to root, and no core dump (PR_SET_DUMPABLE 0: /proc/PID belongs to root)', { skip }, () => {
  const result = run(`
    import { statSync } from 'node:fs';
    dropPrivileges({ uid: 65534, gid: 65534, keepCapabilities });
    result.setuid = attempt(() => process.setuid(0));
    result.setgroups = attempt(() => process.setgroups([0]));
    result.shadow = attempt(() => readFileSync('/etc/shadow'));
    result.owner = String(statSync('/proc/self/environ').uid);
    result.setpcap = String(hasCapability(8));`);
  assert.deepEqual(result, { setuid: 'EPERM', setgroups: 'EPERM', shadow: 'EACCES', owner: '0', setpcap: 'false' });
});

test('ip in a child process, and a port below 1024, still work afterwards', { skip }, () => {
  const result = run(
    `
    import { createServer } from 'node:net';
    import { once } from 'node:events';
    const tun = openTun({ name: 'kept', mtu: 1400 });
    dropPrivileges({ uid: 65534, gid: 65534, keepCapabilities });
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    execFileSync('ip', ['link', 'set', 'kept', 'mtu', '1300']);
    result.mtu = /mtu \\d+/.exec(execFileSync('ip', ['link', 'show', 'kept'], { encoding: 'utf8' }))[0];
    const server = createServer().listen(443);
    await once(server, 'listening');
    result.port = String(server.address().port);
    server.close();
    tun.close();`,
    ['unshare', '--net'],
  );
  assert.deepEqual(result, { mtu: 'mtu 1300', port: '443' });
});

test('a capability that the process never had is left out', { skip }, () => {
  const result = run(`result.effective = dropPrivileges({ uid: 65534, gid: 65534, keepCapabilities }).toString(16);`, [
    'setpriv',
    '--bounding-set=-net_admin',
  ]);
  assert.deepEqual(result, { effective: '400' });
});

test('a process that already is that user narrows its capabilities without changing its groups', { skip }, () => {
  const caps = '+net_admin,+net_bind_service,+net_raw';
  const result = run(
    `
    dropPrivileges({ uid: 65534, gid: 65534, keepCapabilities });
    ${STATUS}`,
    openly([
      ...['setpriv', '--reuid=65534', '--regid=65534', '--groups=12'],
      ...[`--inh-caps=${caps}`, `--ambient-caps=${caps}`],
    ]),
  );
  const four = Array.from({ length: 4 }, () => NET_BIND_AND_ADMIN).join(' ');
  assert.match(result.own ?? '', new RegExp(`^${four} [0-9a-f]+ 1 65534\\t.* 12$`));
  assert.equal(result.child, result.own);
});
