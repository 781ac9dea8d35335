import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ip, ipJson, parseJson, runCommand } from '../../../server/network/command.ts';
import { NetworkError } from '../../../server/network/index.ts';

/** Puts a folder with the given scripts in front of PATH for one test. */
async function withCommands(t: { after(f: () => unknown): void }, scripts: Record<string, string>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sstpd-test-'));
  for (const [name, body] of Object.entries(scripts)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(folder, name), 0o755);
  }
  const before = process.env.PATH;
  process.env.PATH = `${folder}:${before}`;
  t.after(async () => {
    process.env.PATH = before;
    await rm(folder, { recursive: true });
  });
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

test('commands are found in the system folders with any PATH', async (t) => {
  const before = process.env.PATH;
  t.after(() => {
    process.env.PATH = before;
  });
  process.env.PATH = '/nonexistent';
  assert.equal((await runCommand('cat', [])).kind, 'ok');
  delete process.env.PATH;
  assert.equal((await runCommand('cat', [])).kind, 'ok');
});

test('ip without the right says who may', async (t) => {
  await withCommands(t, { ip: 'echo "RTNETLINK answers: Operation not permitted" >&2; exit 2' });
  await assert.rejects(ip(['link']), failsWith(/Operation not permitted.*run as root or with CAP_NET_ADMIN$/));
});

test('an ip that is not iproute2 names the package', async (t) => {
  await withCommands(t, { ip: 'echo "ip: unrecognized option: json" >&2; echo "BusyBox v1.36.1" >&2; exit 1' });
  await assert.rejects(ipJson(['route']), failsWith(/apt install iproute2, or apk add iproute2$/));
});

test('any other failure of ip names the command and its complaint', async (t) => {
  await withCommands(t, { ip: 'echo "Cannot find device sstp9" >&2; exit 1' });
  await assert.rejects(ip(['link', 'show', 'sstp9']), failsWith(/^ip link show sstp9: Cannot find device sstp9$/));
});

test('JSON from ip: a list of objects, nothing for none; anything else is an error', async (t) => {
  await withCommands(t, {
    ip: 'case "$2" in a) echo "[{\\"dst\\":\\"x\\"},5,null]";; b) ;; c) echo "{}";; *) echo "no";; esac',
  });
  assert.deepEqual(await ipJson(['a']), [{ dst: 'x' }]);
  assert.deepEqual(await ipJson(['b']), []);
  await assert.rejects(ipJson(['c']), failsWith(/printed no JSON/));
  await assert.rejects(ipJson(['d']), failsWith(/printed no JSON/));
});

test('text that is no JSON is undefined', () => {
  assert.equal(parseJson('{'), undefined);
  assert.deepEqual(parseJson('[1]'), [1]);
});
