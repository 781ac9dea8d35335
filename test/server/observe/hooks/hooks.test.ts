import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type HookName, type HookResult, Hooks } from '../../../../server/observe/hooks/hooks.ts';
import { RecordingLog } from '../../support.ts';
import { liveSession } from './live-session.ts';

const END = { reason: 'terminated-by-peer', bytesIn: 1, bytesOut: 2 } as const;

interface Fixture {
  readonly hooks: Hooks;
  readonly folder: string;
  readonly log: RecordingLog;
  readonly runs: [HookName, HookResult][];
  read(name: string): string;
}

function newHooks(
  t: TestContext,
  scripts: { readonly up?: string; readonly down?: string },
  config: { readonly upRequired?: boolean; readonly timeoutMs?: number } = {},
): Fixture {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-hooks-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const script = (name: 'up' | 'down'): string | undefined => {
    const body = scripts[name];
    if (body === undefined) return undefined;
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\ncd ${folder}\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const log = new RecordingLog();
  const runs: [HookName, HookResult][] = [];
  const checked = { up: script('up'), down: script('down'), secret: Buffer.alloc(0), findings: [] };
  const hooks = new Hooks({
    config: { ...checked, upRequired: false, timeoutMs: 10_000, webhooks: [], secretFile: undefined, ...config },
    checked,
    uid: 0,
    log,
    counts: { hookRun: (hook, result) => void runs.push([hook, result]), webhook: () => {} },
  });
  return { hooks, folder, log, runs, read: (name) => readFileSync(join(folder, name), 'utf8') };
}

test('both scripts run, with the event on standard input; at the stop none is lost', async (t) => {
  const { hooks, read, runs } = newHooks(t, { up: 'cat >up.json', down: 'cat >down.json; echo "$BYTES_SENT" >sent' });
  const session = liveSession();
  hooks.up(session);
  hooks.down(session, END);
  assert.deepEqual(await hooks.stop(), []);
  assert.deepEqual(runs, [
    ['up', 'ok'],
    ['down', 'ok'],
  ]);
  assert.equal((JSON.parse(read('up.json')) as { event: string }).event, 'session.up');
  assert.equal((JSON.parse(read('down.json')) as { reason: string }).reason, 'terminated-by-peer');
  assert.equal(read('sent'), '2\n');
});

test('with one script for the end only, that one runs', async (t) => {
  const { hooks, runs } = newHooks(t, { down: 'exit 0' });
  const session = liveSession();
  hooks.up(session);
  hooks.down(session, END);
  await hooks.stop();
  assert.deepEqual(runs, [['down', 'ok']]);
});

test('a failure is logged and concerns nobody, unless the script is required', async (t) => {
  for (const upRequired of [false, true]) {
    const { hooks, runs, log } = newHooks(t, { up: 'echo why >&2; exit 7' }, { upRequired });
    const session = liveSession();
    hooks.up(session);
    await hooks.stop();
    assert.deepEqual(runs, [['up', 'failed']]);
    assert.deepEqual(session.disconnects, upRequired ? ['hook-failed'] : []);
    const { fields } = log.of('hook.failed')[0] ?? assert.fail();
    assert.equal(fields.status, 7);
    assert.equal(log.of('hook.output')[0]?.fields.line, 'why');
  }
});

test('a script that hangs is killed', async (t) => {
  const { hooks, runs } = newHooks(t, { up: 'sleep 300' }, { timeoutMs: 200 });
  hooks.up(liveSession());
  await hooks.stop();
  assert.deepEqual(runs, [['up', 'timeout']]);
});

test('a name with a NUL in it can be no variable: the script is not run', async (t) => {
  const { hooks, runs } = newHooks(t, { up: 'exit 0' });
  hooks.up(liveSession({ user: 'a\0b' }));
  await hooks.stop();
  assert.deepEqual(runs, [['up', 'refused']]);
});
