import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { adminSocketPath, startAdminServer } from '../../admin/index.ts';
import { UserStore } from '../../store/sqlite/user-store.ts';
import { ErrorLog, FakeBackend } from '../admin/fake-backend.ts';
import { inProcess, type Outcome, sstpd } from './support.ts';

let folder: string;
let data: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sstpd-cli-'));
  data = join(folder, 'data');
});
afterEach(() => rmSync(folder, { recursive: true }));

function user(...args: readonly string[]): Promise<Outcome> {
  return inProcess(['user', ...args, '--data', data]);
}

test('the life of a user without a running server, each command in a process of its own', async () => {
  const run = (args: readonly string[], stdin = ''): Promise<Outcome> =>
    sstpd(['user', ...args], { stdin, env: { SSTPD_DATA: data } });
  const added = await run(['add', 'ann', '--password-stdin', '--ip', '10.0.0.9'], 'secret of ann\n');
  assert.deepEqual(added, { code: 0, stdout: 'User ann added.\n', stderr: '' });
  assert.equal(statSync(data).mode & 0o777, 0o700);
  assert.equal((await run(['disable', 'ANN'])).stdout, 'User ann disabled.\n');
  const list = await run(['list', '--json']);
  assert.deepEqual(
    (JSON.parse(list.stdout) as { name: string }[]).map(({ name, ...rest }) => [name, { ...rest, createdAt: 'x' }]),
    [
      [
        'ann',
        {
          ...{ enabled: false, ipv4: '10.0.0.9', secretKind: 'password', weak: false },
          ...{ createdAt: 'x', groups: [], sessions: 0 },
        },
      ],
    ],
  );
  assert.equal((await run(['enable', 'ann'])).stdout, 'User ann enabled.\n');
  assert.equal((await run(['set', 'ann', '--no-ip'])).stdout, 'User ann changed.\n');
  assert.equal((await run(['passwd', 'ann', '--password-stdin'], 'other of ann')).stdout, 'Password of ann changed.\n');
  assert.match((await run(['list'])).stdout, /^NAME .*\nann +enabled +from pool +- +password +never +0\n$/);
  assert.deepEqual(await run(['remove', 'ann']), { code: 0, stdout: 'User ann removed.\n', stderr: '' });
  assert.equal((await run(['list'])).stdout, 'No users.\n');
});

test('root works in the directory of a server that gave up root as the user that owns it, and follows no link', {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, async () => {
  const run = (...args: string[]): Promise<Outcome> => sstpd(['user', ...args, '--data', data]);
  chmodSync(folder, 0o755);
  mkdirSync(data, { mode: 0o700 });
  chownSync(data, 1234, 1235);
  assert.equal((await run('add', 'ann')).code, 0);
  for (const name of readdirSync(data)) assert.equal(statSync(join(data, name)).uid, 1234, name);

  const outside = join(folder, 'outside');
  writeFileSync(outside, 'of root', { mode: 0o600 });
  for (const name of readdirSync(data)) rmSync(join(data, name));
  symlinkSync(outside, join(data, 'users.key'));
  assert.equal((await run('add', 'ann')).code, 1);
  assert.equal(statSync(outside).uid, 0);
  assert.equal(readFileSync(outside, 'utf8'), 'of root');
});

test('without a terminal and without --password-stdin a random password is made and shown', async () => {
  const { code, stdout } = await user('add', 'ann');
  assert.equal(code, 0);
  assert.match(stdout, /^User ann added\.\nPassword: [a-z0-9]{4}(-[a-z0-9]{4}){3}\n\(random, and shown only now\)\n$/);
  const changed = JSON.parse((await user('passwd', 'ann', '--json')).stdout) as { password: string };
  assert.match(changed.password, /^[a-z0-9-]{19}$/);
  assert.ok(!stdout.includes(changed.password));
});

test('a given password is stored, and not shown', async () => {
  const { stdout } = await inProcess(['user', 'add', 'ann', '--password-stdin', '--json', '--data', data], {
    typed: 'Pä ssw örd\r\n',
  });
  assert.equal('password' in (JSON.parse(stdout) as object), false);
  const store = UserStore.open(data, { keep: 'password' });
  try {
    assert.equal(store.lookup('ann').secret.password, 'Pä ssw örd');
  } finally {
    store.close();
  }
});

test('a weak password is taken with --weak alone, and the list marks the user', async () => {
  const set = (...words: string[]): Promise<Outcome> =>
    inProcess(['user', ...words, '--password-stdin', '--data', data], { typed: 'a' });
  await user('add', 'bob', '--ip', '10.0.0.9');
  for (const words of [
    ['add', 'ann'],
    ['passwd', 'bob'],
    ['set', 'bob', '--no-ip'],
  ]) {
    assert.deepEqual(await set(...words), {
      ...{ code: 1, stdout: '' },
      stderr:
        'sstpd: the password is too weak: it has 1 character, and 10 are the least; choose another, or give --weak to have it all the same\n',
    });
  }
  assert.match((await user('list')).stdout, /^NAME .*\nbob +enabled +10\.0\.0\.9 +- +password +never /);
  assert.equal((await set('add', 'ann', '--weak')).code, 0);
  assert.equal((await set('passwd', 'bob', '--weak')).code, 0);
  assert.match((await user('list')).stdout, /\nann .* password, weak +never .*\nbob .* password, weak +never /);
});

test('a password that is not UTF-8 is refused in one line, and nobody is added', async () => {
  const typed = Buffer.from('gr\xfc\xdfe aus Berlin\n', 'latin1');
  for (const command of ['user', 'admin']) {
    const outcome = await inProcess([command, 'add', 'x', '--password-stdin', '--data', data], { typed });
    assert.deepEqual(outcome, {
      ...{ code: 1, stdout: '' },
      stderr: 'sstpd: the password cannot be used: it is not UTF-8\n',
    });
  }
  assert.equal((await user('list')).stdout, 'No users.\n');
});

test('refusals are one line and exit status 1, wrong usage is 2; nothing is made on the way', async () => {
  assert.deepEqual(await user('list'), {
    code: 1,
    stdout: '',
    stderr: `sstpd: there is no ${data}: sstpd user add --data ${data} makes it, or --data DIR names another\n`,
  });
  assert.equal(existsSync(data), false);
  await user('add', 'ann', '--ip', '10.0.0.9');
  for (const [args, code] of [
    [['add', 'Ann'], 1],
    [['add', 'bob', '--ip', '10.0.0.9'], 1],
    [['add', 'a/b'], 1],
    [['remove', 'eve'], 1],
    [['set', 'eve', '--no-ip'], 1],
    [['passwd', 'eve'], 1],
    [['enable', 'eve'], 1],
    [['add', 'bob', '--ip', '10.0.0'], 2],
    [['set', 'ann'], 2],
    [['add', 'bob', '--password-stdin'], 1],
  ] as const) {
    const outcome = await user(...args);
    assert.equal(outcome.code, code, `${args.join(' ')}: ${outcome.stderr}`);
    assert.match(outcome.stderr, /^sstpd: [^\n]+\n$/);
    assert.equal(outcome.stdout, '');
  }
  assert.equal((JSON.parse((await user('list', '--json')).stdout) as unknown[]).length, 1);
});

test('users.keep and data come from the configuration file too', async () => {
  const config = join(folder, 'sstpd.yaml');
  writeFileSync(config, 'data: data\nusers: { keep: nt-hash }\n');
  const { stdout } = await inProcess(['user', 'add', 'ann', '--json', '--config', config]);
  assert.equal((JSON.parse(stdout) as { secretKind: string }).secretKind, 'nt-hash');
  assert.ok(existsSync(join(data, 'users.db')));
});

test('with a running server everything goes through it', async () => {
  mkdirSync(data);
  const backend = new FakeBackend();
  const server = await startAdminServer({ socketPath: adminSocketPath(data), backend, log: new ErrorLog() });
  try {
    const ann = ['ann', '--password-stdin', '--data', data];
    await inProcess(['user', 'add', ...ann], { typed: 'pw' });
    await inProcess(['user', 'passwd', ...ann, '--weak', '--keep-sessions'], { typed: 'pw' });
    await inProcess(['user', 'set', ...ann, '--weak', '--keep-sessions'], { typed: 'pw' });
    await inProcess(['user', 'passwd', ...ann], { typed: 'pw' });
    assert.match((await user('list')).stdout, /\nann +enabled/);
    await user('set', 'ann', '--ip', '10.0.0.9');
    await user('set', 'ann', '--no-ip');
    await user('disable', 'ann');
    assert.equal((await user('remove', 'eve')).stderr, "sstpd: there is no user 'eve'\n");
    assert.equal((await user('remove', 'ann')).code, 0);
    assert.deepEqual(backend.calls, [
      ['add', { name: 'ann', password: 'pw' }],
      ['set', 'ann', { password: 'pw', weak: true, keepSessions: true }],
      ['set', 'ann', { password: 'pw', weak: true, keepSessions: true }],
      ['set', 'ann', { password: 'pw' }],
      ['set', 'ann', { ipv4: '10.0.0.9' }],
      ['set', 'ann', { ipv4: null }],
      ['set', 'ann', { enabled: false }],
      ['remove', 'eve'],
      ['remove', 'ann'],
    ]);
    assert.equal(existsSync(join(data, 'users.db')), false);
  } finally {
    await server.close();
  }
});

test('groups are given, replaced and taken away', async () => {
  await user('add', 'ann', '--group', 'staff', '--group', 'berlin');
  const groups = async (): Promise<unknown> => JSON.parse((await user('list', '--json')).stdout)[0].groups;
  assert.deepEqual(await groups(), ['berlin', 'staff']);
  assert.match((await user('list')).stdout, /\nann +enabled +from pool +berlin,staff +password /);
  await user('set', 'ann', '--group', 'ops');
  assert.deepEqual(await groups(), ['ops']);
  assert.equal((await user('set', 'ann', '--group', 'a,b')).code, 1);
  assert.equal((await user('set', 'ann', '--group', 'x', '--no-groups')).code, 2);
  assert.deepEqual(await groups(), ['ops']);
  await user('set', 'ann', '--no-groups');
  assert.deepEqual(await groups(), []);
});
