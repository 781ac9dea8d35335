/** packaging/systemd: what systemd-analyze says of it, and the server with the rights that the unit gives. */
// Needs: systemd-analyze
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { tunMissing } from '../support/netns.ts';
import { asUser } from '../support/other-user.ts';
import { SSTPD, SstpdProcess } from '../support/sstpd-process.ts';
import { INSIDE, SERVE_ARGS, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const UNIT = 'packaging/systemd/sstpd.service';
const unit = readFileSync(UNIT, 'utf8');

/** All values of a setting, in one line. */
const setting = (name: string): string =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map((match) => match[1]).join(' ');

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-unit-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('systemd-analyze security: an exposure of 2.5 at most', { skip }, () => {
  const args = ['security', '--offline=true', '--no-pager', '--threshold=25', UNIT];
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  assert.equal(status, 0, `${stderr}${stdout}`);
  assert.match(stdout, /Overall exposure level for sstpd\.service: [0-2]\.\d/);
});

test('systemd-analyze verify: no unknown key, no bad value', { skip }, (t) => {
  const file = join(folderFor(t), 'sstpd.service');
  const verify = (text: string): string => {
    writeFileSync(file, text);
    const args = ['verify', '--man=no', '--recursive-errors=no', file];
    const { status, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    return `${status} ${stderr}`;
  };
  // The command has to exist; it is where npm install --global puts it.
  const here = unit.replaceAll('/usr/local/bin/sstpd ', `${SSTPD} `);
  assert.notEqual(here, unit);
  assert.equal(verify(here), '0 ');
  assert.match(
    verify(here.replace('ProtectHome=yes', 'ProtectHome=perhaps')),
    /^1 .*:\d+: Failed to parse protect home value/,
  );
});

/** The calls that a name stands for, sets in sets resolved, as systemd reads them. */
function callsOf(name: string): string[] {
  if (!name.startsWith('@')) return [name];
  const { status, stdout } = spawnSync('systemd-analyze', ['syscall-filter', '--no-pager', name], { encoding: 'utf8' });
  assert.equal(status, 0, name);
  const [, ...lines] = stdout.split('\n').map((line) => line.trim());
  return lines.filter((line) => /^@?\w/.test(line)).flatMap(callsOf);
}

/** systemd.exec(5): the first line says that the rest is refused; each one after it adds, or with "~" takes away. */
function allowedBy(lines: readonly string[]): Set<string> {
  const allowed = new Set(callsOf('@default'));
  for (const line of lines) {
    const takesAway = line.startsWith('~');
    for (const call of line.replace('~', '').split(' ').flatMap(callsOf)) {
      if (takesAway) allowed.delete(call);
      else allowed.add(call);
    }
  }
  return allowed;
}

test('the unit lets the server shut its workers in', { skip }, () => {
  const lines = [...unit.matchAll(/^SystemCallFilter=(.*)$/gm)].map(([, value = '']) => value);
  const allowed = allowedBy(lines);
  for (const call of ['seccomp', 'landlock_create_ruleset', 'landlock_add_rule', 'landlock_restrict_self', 'prctl']) {
    assert.ok(allowed.has(call), call);
  }
  for (const call of ['ptrace', 'mount', 'bpf', 'setpriority']) assert.ok(!allowed.has(call), call);
});

test('systemd-sysusers makes the account of the unit', { skip }, (t) => {
  const root = folderFor(t);
  mkdirSync(join(root, 'etc'));
  const args = [`--root=${root}`, join(process.cwd(), 'packaging/systemd/sstpd.sysusers.conf')];
  const { status, stderr } = spawnSync('systemd-sysusers', args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.match(readFileSync(join(root, 'etc/passwd'), 'utf8'), new RegExp(`^${setting('User')}:[^:]*:\\d+:\\d+:`, 'm'));
  assert.match(readFileSync(join(root, 'etc/group'), 'utf8'), new RegExp(`^${setting('Group')}:`, 'm'));
});

test('with the rights that the unit gives, as a user of its own, all works: device, forwarding, NAT, port 443', {
  skip,
}, async (t) => {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  const list = (name: string): string => setting(name).replaceAll('CAP_', '+').replaceAll(' ', ',').toLowerCase();
  mkdirSync(lab.data, { mode: Number.parseInt(setting('StateDirectoryMode'), 8) });
  const rights = [
    ...['--inh-caps', `-all,${list('AmbientCapabilities')}`, '--ambient-caps', `-all,${list('AmbientCapabilities')}`],
    ...['--bounding-set', `-all,${list('CapabilityBoundingSet')}`],
    ...(setting('NoNewPrivileges') === 'yes' ? ['--no-new-privs'] : []),
  ];
  const [, ...words] = setting('ExecStart').split(' ');
  const [before, ...wordsBefore] = setting('ExecStartPre').split(' ');
  assert.equal(before, '+/usr/local/bin/sstpd', 'with all rights');
  const sstpd = [process.execPath, SSTPD, ...words, '--data', lab.data, '--workers', '2', ...SERVE_ARGS];
  await lab.server.run('chown', ['61000:61000', lab.data]);
  const issue = [process.execPath, SSTPD, ...wordsBefore, '--data', lab.data, ...SERVE_ARGS];
  assert.equal(await lab.server.run('env', issue), 'Issued: there was no authority.\n');
  const script = `umask ${setting('UMask')} && exec "$@"`;
  const command = ['sh', '-c', script, 'sh', ...asUser(61_000, ...rights), ...sstpd];
  const server = new SstpdProcess(lab.server, command, { SSTPD_LOG_FORMAT: 'json' });
  await server.line({ msg: 'server.started', runsAs: 'uid 61000', workers: 2 });
  const remarks = server.lines({ msg: 'network.remark' }).map(({ remark }) => String(remark));
  assert.ok(remarks.includes('IPv4 forwarding turned on (net.ipv4.ip_forward=1)'), remarks.join('\n'));
  assert.deepEqual(
    remarks.filter((remark) => remark.startsWith('WARNING')),
    [],
  );
  assert.deepEqual(server.lines({ msg: 'certificate.made' }), []);
  assert.deepEqual(
    readdirSync(lab.data).filter((file) => statSync(join(lab.data, file)).uid === 0),
    ['ca.key'],
  );
  assert.deepEqual(server.lines({ msg: 'doctor.finding', check: /authority/ }), []);
  const [user = '', password = ''] = readFileSync(join(lab.data, 'first-user.txt'), 'utf8').split('\n');
  const client = lab.connect({ user, password });
  await client.up();
  await client.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', INSIDE]);
  assert.deepEqual(server.lines({ level: 'error' }), []);
  assert.equal((await server.stop(setting('KillMode') === 'mixed' ? 'SIGTERM' : 'SIGKILL')).status, 0);
  assert.equal((await client.ended()).wasUp, true);
});
