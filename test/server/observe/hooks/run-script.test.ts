import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runScript, type ScriptEnd, type ScriptOptions } from '../../../../server/observe/hooks/run-script.ts';

interface Ran {
  readonly end: ScriptEnd;
  readonly lines: readonly string[];
  readonly folder: string;
}

async function run(t: TestContext, body: string, options: Partial<ScriptOptions> = {}): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-hook-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'hook');
  writeFileSync(file, `#!/bin/sh\ncd ${folder}\n${body}\n`);
  chmodSync(file, 0o755);
  const lines: string[] = [];
  const end = await runScript({
    ...{ file, args: [], env: { PATH: '/usr/bin:/bin' }, input: '', timeoutMs: 10_000 },
    signal: new AbortController().signal,
    onLine: (line) => void lines.push(line),
    ...options,
  });
  return { end, lines, folder };
}

test('arguments, environment and standard input arrive as they are, without a shell in between', async (t) => {
  const nasty = '$(touch pwned) `touch pwned`; "\'\n\\é';
  const { end, folder } = await run(t, 'printf %s "$1" >arg; printf %s "$X" >env; cat >input; env >all', {
    args: [nasty],
    env: { PATH: '/usr/bin:/bin', X: nasty },
    input: `${nasty}\n`,
  });
  assert.deepEqual(end, { kind: 'ok' });
  for (const [name, wanted] of [
    ['arg', nasty],
    ['env', nasty],
    ['input', `${nasty}\n`],
  ] as const) {
    assert.equal(readFileSync(join(folder, name), 'utf8'), wanted, name);
  }
  assert.throws(() => readFileSync(join(folder, 'pwned')), { code: 'ENOENT' });
  assert.doesNotMatch(readFileSync(join(folder, 'all'), 'utf8'), /^HOME=/m, 'nothing of our environment');
});

test('it has a process group of its own', async (t) => {
  const { folder } = await run(t, 'cut -d" " -f5 /proc/$$/stat >group; echo $$ >pid');
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8').trim();
  assert.equal(read('group'), read('pid'));
});

test('its exit status, or the signal that ended it', async (t) => {
  assert.deepEqual((await run(t, 'exit 3')).end, { kind: 'failed', status: 3, signal: null });
  assert.deepEqual((await run(t, 'kill -9 $$')).end, { kind: 'failed', status: null, signal: 'SIGKILL' });
});

test('what is no program is an error, not a throw', async (t) => {
  const { end } = await run(t, '', { file: '/nonexistent/hook' });
  assert.equal(end.kind, 'error');
  assert.equal((await run(t, '', { env: { X: 'a\0b' } })).end.kind, 'error');
});

test('when its time is up it is killed with what it has started', async (t) => {
  const { end, folder } = await run(t, 'sleep 300 & echo $! >child; wait', { timeoutMs: 500 });
  assert.deepEqual(end, { kind: 'timeout' });
  const child = Number(readFileSync(join(folder, 'child'), 'utf8'));
  const state = (): string => {
    try {
      return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${child}/status`, 'utf8'))?.[1] ?? '';
    } catch {
      return 'gone';
    }
  };
  for (let i = 0; i < 100 && !['gone', 'Z'].includes(state()); i++) await new Promise((done) => setTimeout(done, 20));
  assert.ok(['gone', 'Z'].includes(state()), state());
});

test('the end of the server ends it', async (t) => {
  const stopping = new AbortController();
  const running = run(t, 'sleep 300', { signal: stopping.signal });
  setTimeout(() => stopping.abort(), 100);
  assert.deepEqual((await running).end, { kind: 'error', message: 'the server stopped' });
});

test('a script that leaves something behind with our pipe has ended all the same', async (t) => {
  const startedAt = performance.now();
  const { end } = await run(t, 'sleep 20 & exit 0');
  assert.deepEqual(end, { kind: 'ok' });
  assert.ok(performance.now() - startedAt < 10_000);
});

test('a flood of output ends the script, for nobody reads it; what was read is bounded in lines and length', async (t) => {
  const { end, lines } = await run(t, 'exec yes "$(printf %1000s x)"');
  // SIGPIPE, or a failed write if something was on its way.
  assert.equal(end.kind, 'failed');
  assert.ok(lines.length <= 40, `${lines.length} lines`);
  assert.ok(lines.every((line) => line.length <= 400));
});

test('lines of both outputs, also a last one without its end', async (t) => {
  const { lines } = await run(t, 'echo one; echo two >&2; printf three');
  assert.deepEqual([...lines].sort(), ['one', 'three', 'two']);
});
