import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SYSTEM_PATH, systemCommand } from '../../../../core/index.ts';
import { ip, ipJson, parseJson, runCommand } from '../../../../server/host/network/command.ts';
import { NetworkError } from '../../../../server/host/network/index.ts';

/** A program that stands for `ip`. @returns its path */
async function fake(t: { after(f: () => unknown): void }, body: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sstpd-test-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'ip'), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return join(folder, 'ip');
}

const failsWith = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof NetworkError);
  assert.equal(error.code, 'ERR_NETWORK');
  assert.match(error.message, pattern);
  assert.doesNotMatch(error.message, /\n/);
  return true;
};

test('output, input, failure and absence of a command are four results', async () => {
  assert.deepEqual(await runCommand('cat', [], 'hello'), { kind: 'ok', stdout: 'hello' });
  assert.deepEqual(await runCommand('sh', ['-c', 'echo >&2; echo "first  " >&2; echo second >&2; exit 3']), {
    kind: 'failed',
    message: 'first',
  });
  assert.deepEqual(await runCommand('no-such-command-here', []), { kind: 'missing' });
});

test('a command that does not read its input is no error', async () => {
  assert.deepEqual(await runCommand('true', [], 'x'.repeat(1 << 20)), { kind: 'ok', stdout: '' });
});

test('arguments are passed as they are: there is no shell', async () => {
  assert.deepEqual(await runCommand('printf', ['%s', '$(id); `id` *']), { kind: 'ok', stdout: '$(id); `id` *' });
});

test('commands are found in the system folders with any PATH, and one that is planted is not run', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sstpd-test-'));
  const before = process.env.PATH;
  t.after(async () => {
    process.env.PATH = before;
    await rm(folder, { recursive: true });
  });
  // As npm does it: these folders come first, and any of the parents may be somebody else's.
  const planted = join(folder, 'node_modules/.bin');
  await mkdir(planted, { recursive: true });
  for (const name of ['cat', 'nft', 'ip', 'planted']) {
    await writeFile(join(planted, name), '#!/bin/sh\necho planted\n', { mode: 0o755 });
  }
  for (const path of [`${planted}:${before}`, planted, '/nonexistent', undefined]) {
    if (path === undefined) delete process.env.PATH;
    else process.env.PATH = path;
    assert.deepEqual(await runCommand('cat', [], 'hello'), { kind: 'ok', stdout: 'hello' }, path);
    assert.deepEqual(await runCommand('planted', []), { kind: 'missing' }, path);
  }
  for (const name of ['cat', 'nft', 'ip', 'iptables-legacy']) {
    assert.match(systemCommand(name), /^\/(usr\/(local\/)?s?bin|s?bin|nonexistent)\/[a-z-]+$/, name);
  }
});

test('a command gets a clean environment', async (t) => {
  process.env.SSTPD_TEST_SECRET = 'x';
  t.after(() => {
    delete process.env.SSTPD_TEST_SECRET;
  });
  const { stdout = '' } = (await runCommand('env', [])) as { stdout?: string };
  assert.deepEqual(stdout.split('\n').filter(Boolean).sort(), ['LC_ALL=C', `PATH=${SYSTEM_PATH}`]);
});

test('ip without the right says who may', async (t) => {
  const command = await fake(t, 'echo "RTNETLINK answers: Operation not permitted" >&2; exit 2');
  await assert.rejects(
    ip(['link'], '', command),
    failsWith(/Operation not permitted.*run as root or with CAP_NET_ADMIN$/),
  );
});

test('an ip that is not iproute2 names the package', async (t) => {
  const command = await fake(t, 'echo "ip: unrecognized option: json" >&2; echo "BusyBox v1.36.1" >&2; exit 1');
  await assert.rejects(ipJson(['route'], command), failsWith(/apt install iproute2, or apk add iproute2$/));
});

test('any other failure of ip names the command and its complaint', async (t) => {
  const command = await fake(t, 'echo "Cannot find device sstp9" >&2; exit 1');
  await assert.rejects(
    ip(['link', 'show', 'sstp9'], '', command),
    failsWith(/^ip link show sstp9: Cannot find device sstp9$/),
  );
});

test('JSON from ip: a list of objects, nothing for none; anything else is an error', async (t) => {
  const command = await fake(
    t,
    'case "$2" in a) echo "[{\\"dst\\":\\"x\\"},5,null]";; b) ;; c) echo "{}";; *) echo "no";; esac',
  );
  assert.deepEqual(await ipJson(['a'], command), [{ dst: 'x' }]);
  assert.deepEqual(await ipJson(['b'], command), []);
  await assert.rejects(ipJson(['c'], command), failsWith(/printed no JSON/));
  await assert.rejects(ipJson(['d'], command), failsWith(/printed no JSON/));
});

test('text that is no JSON is undefined', () => {
  assert.equal(parseJson('{'), undefined);
  assert.deepEqual(parseJson('[1]'), [1]);
});
