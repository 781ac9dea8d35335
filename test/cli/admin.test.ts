import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { AdminStore } from '../../store/sqlite/admin-store.ts';
import { inProcess, type Outcome, sstpd } from './support.ts';

let folder: string;
let data: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sstpd-cli-'));
  data = join(folder, 'data');
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(words: readonly string[], typed?: string): Promise<Outcome> {
  return inProcess([...words, '--data', data], typed === undefined ? {} : { typed });
}

/** What a running server would see. */
async function within<Result>(work: (store: AdminStore) => Result): Promise<Awaited<Result>> {
  const store = AdminStore.open(data);
  try {
    return await work(store);
  } finally {
    store.close();
  }
}

test('the life of an admin account, each command in a process of its own', async () => {
  const own = (words: readonly string[], stdin = ''): Promise<Outcome> =>
    sstpd(['admin', ...words], { stdin, env: { SSTPD_DATA: data } });
  const added = await own(['add', 'ann', '--password-stdin'], 'correct horse\n');
  assert.deepEqual(added, { code: 0, stdout: 'Admin account ann added.\n', stderr: '' });
  assert.equal(statSync(data).mode & 0o777, 0o700);
  assert.ok(await within(({ accounts }) => accounts.verify('ann', 'correct horse')));
  assert.match((await own(['list'])).stdout, /^NAME +ADDED +LAST LOGIN +PASSWORD\nann +\d{4}-\S+Z +never +good\n$/);
  const [account] = JSON.parse((await own(['list', '--json'])).stdout) as object[];
  assert.deepEqual({ ...account, createdAt: '' }, { name: 'ann', createdAt: '', weak: false });
  assert.equal(
    (await own(['passwd', 'ANN', '--password-stdin'], 'another horse')).stdout,
    'Password of ANN changed.\n',
  );
  assert.ok(await within(({ accounts }) => accounts.verify('ann', 'another horse')));
  assert.deepEqual(await own(['remove', 'ann']), { code: 0, stdout: 'Admin account ann removed.\n', stderr: '' });
  assert.equal((await own(['list'])).stdout, 'No admin accounts.\n');
});

test('a weak password is taken with --weak alone, and the list shows it', async () => {
  await run(['admin', 'add', 'ann']);
  for (const words of [
    ['admin', 'add', 'bob'],
    ['admin', 'passwd', 'ann'],
  ]) {
    const line = [...words, '--password-stdin'];
    const refused = await run(line, 'password123');
    assert.equal(refused.code, 1);
    assert.equal(
      refused.stderr,
      'sstpd: the password is too weak: it is one of those that guessers try first; choose another, or give --weak to have it all the same\n',
    );
    assert.equal((await run([...line, '--weak'], 'password123')).code, 0);
  }
  assert.match((await run(['admin', 'list'])).stdout, /^NAME .*\nann .* weak\nbob .* weak\n$/);
});

test('without a terminal and without --password-stdin a random password is made and shown', async () => {
  const { stdout } = await run(['admin', 'add', 'ann']);
  const password = /^Admin account ann added\.\nPassword: (\S{19})\n\(random, and shown only now\)\n$/.exec(
    stdout,
  )?.[1];
  assert.ok(await within(({ accounts }) => accounts.verify('ann', password ?? '')));
});

test('refusals are one line each', async () => {
  assert.equal((await run(['admin', 'list'])).code, 1);
  await run(['admin', 'add', 'ann']);
  for (const [words, typed, stderr] of [
    [['admin', 'add', 'ann'], undefined, /^sstpd: admin account 'ann' exists already\n$/],
    [
      ['admin', 'add', 'bob', '--password-stdin'],
      'short',
      /^sstpd: the password is too weak: it has 5 characters, .* --weak /,
    ],
    [
      ['admin', 'add', 'a\n<b>\u001b[2J\u202e'],
      undefined,
      /^sstpd: a user name must not contain control characters\n$/,
    ],
    [['admin', 'passwd', 'eve\u001b[2J'], undefined, /^sstpd: there is no admin account 'eve\?\[2J'\n$/],
    [['admin', 'remove', 'eve'], undefined, /^sstpd: there is no admin account 'eve'\n$/],
    [['token', 'remove', 'x'], undefined, /^sstpd: there is no token 'x'\n$/],
    [['token', 'add', 'a b', '--scope', 'read'], undefined, /^sstpd: the name of a token has 1 to 64 of /],
  ] as const) {
    const outcome = await run(words, typed);
    assert.match(outcome.stderr, stderr);
    assert.deepEqual([outcome.code, outcome.stdout], [1, '']);
  }
  for (const words of [
    ['token', 'add', 'x'],
    ['token', 'add', 'x', '--scope', 'root'],
    ['token', 'add', 'x', '--scope', 'read', '--days', '0'],
    ['token', 'add', 'x', '--scope', 'read', '--days', '1e3'],
    ['token', 'add', 'x', '--scope', 'read', '--days', '3651'],
    ['token', 'add', 'x', '--scope', 'read', '--days', 'Never'],
  ]) {
    assert.equal((await run(words)).code, 2, words.join(' '));
  }
});

test('the life of a token', async () => {
  const added = await run(['token', 'add', 'backup', '--scope', 'read', '--scope', 'users', '--days', '90']);
  const [, id = '', token = ''] =
    /^Token ([0-9a-f]{12}) added; it expires on \d{4}-\d\d-\d\d\.\n(sstpd_[\w-]{43})\n\(shown only now\)\n$/.exec(
      added.stdout,
    ) ?? [];
  const found = await within(({ tokens }) => tokens.find(token));
  assert.deepEqual([found?.id, found?.name, found?.scopes], [id, 'backup', ['read', 'users']]);
  const list = await run(['token', 'list']);
  assert.match(list.stdout, new RegExp(`^ID .*\\n${id} +backup +read,users +\\S{10} +\\S{10} +never\\n$`));
  assert.ok(!(await run(['token', 'list', '--json'])).stdout.includes('sstpd_'));
  assert.equal((await run(['token', 'remove', id])).stdout, `Token ${id} removed.\n`);
  assert.equal((await run(['token', 'list'])).stdout, 'No tokens.\n');
  const shown = JSON.parse((await run(['token', 'add', 'x', '--scope', 'metrics', '--json'])).stdout);
  assert.match(shown.token, /^sstpd_/);
  const days = (Date.parse(shown.expiresAt) - Date.parse(shown.createdAt)) / 86_400_000;
  assert.equal(days, 90);
  const endless = await run(['token', 'add', 'y', '--scope', 'read', '--days', 'never']);
  assert.match(endless.stdout, /^Token [0-9a-f]{12} added; it never expires\.\n/);
  assert.match((await run(['token', 'list'])).stdout, /^\S+ +y +read +\S{10} +never +never$/m);
});

test('root works in the directory of a server that gave up root as the user that owns it', {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, async () => {
  chmodSync(folder, 0o755);
  mkdirSync(data, { mode: 0o700 });
  chownSync(data, 1234, 1235);
  assert.equal((await sstpd(['admin', 'add', 'ann', '--data', data])).code, 0);
  for (const name of readdirSync(data)) assert.equal(statSync(join(data, name)).uid, 1234, name);
});
