/** What a command prints arrives in full, however slowly it is read, and a reader that leaves is no failure. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type AdminServer, type AttemptView, adminSocketPath, startAdminServer } from '../../admin/index.ts';
import { ErrorLog, FakeBackend } from '../admin/fake-backend.ts';
import { PROGRAM } from './support.ts';

/** Far more than a pipe holds, 64 KiB. */
const MANY = 4000;

let data: string;
let backend: FakeBackend;
let server: AdminServer;
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'sstpd-output-'));
  backend = new FakeBackend();
  server = await startAdminServer({ socketPath: adminSocketPath(data), backend, log: new ErrorLog() });
});
afterEach(async () => {
  await server.close();
  rmSync(data, { recursive: true });
});

function attempt(number: number): AttemptView {
  return {
    id: number.toString(16).padStart(8, '0'),
    correlationId: undefined,
    peer: '192.0.2.7:50123',
    startedAt: '2026-01-01T10:15:02.000Z',
    endedAt: '2026-01-01T10:15:03.000Z',
    state: 'failed',
    user: 'ann',
    tls: undefined,
    sni: undefined,
    offered: undefined,
    alert: undefined,
    http: undefined,
    stage: 'authentication',
    stages: [],
    options: [],
    reason: 'auth-failed',
    explanation: { text: 'The password is wrong.', code: '691', fix: 'Type it again.' },
  };
}

/** Starts a command whose output nobody reads yet. */
function start(args: readonly string[], program: readonly string[] = [PROGRAM]): ChildProcess {
  return spawn(process.execPath, [...program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Takes a pipe's content a few KiB at a time, as a pager that a human scrolls. */
async function readSlowly(stream: Readable | null): Promise<string> {
  const parts: Buffer[] = [];
  for await (const chunk of stream ?? []) {
    parts.push(chunk as Buffer);
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
  }
  return Buffer.concat(parts).toString();
}

async function outcome(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    readSlowly(child.stdout),
    readSlowly(child.stderr),
  ]);
  return { code, stdout, stderr };
}

test('more than a pipe holds arrives in full at a slow reader', async () => {
  for (let i = 0; i < MANY; i += 1) backend.known.push(attempt(i));
  const { code, stdout, stderr } = await outcome(start(['explain', '--json', '--data', data]));
  assert.deepEqual([code, stderr], [0, '']);
  assert.ok(stdout.length > 2 ** 20, `${stdout.length} bytes`);
  assert.equal((JSON.parse(stdout) as unknown[]).length, MANY);
});

/** A copy of the launcher, with a command that prints, says how it went on standard error, and leaves a timer behind. */
function talkative(source: string): string {
  for (const folder of ['bin', 'cli', 'core', 'node_modules']) mkdirSync(join(data, folder), { recursive: true });
  copyFileSync(PROGRAM, join(data, 'bin/sstpd.js'));
  for (const file of ['output.ts', 'terminal.ts']) {
    copyFileSync(new URL(`../../cli/${file}`, import.meta.url), join(data, 'cli', file));
  }
  writeFileSync(join(data, 'package.json'), '{"type":"module"}');
  writeFileSync(
    join(data, 'cli/main.ts'),
    `import { Output } from './output.ts';
    export async function main(args: string[], terminal: NodeJS.Process): Promise<number> {
      const output = new Output(terminal);
      setInterval(() => undefined, 1000);
      ${source}
      return output.settle(3);
    }`,
  );
  return join(data, 'bin/sstpd.js');
}

const LINES = "terminal.stdout.write('out\\n'.repeat(500_000)); terminal.stderr.write('err\\n'.repeat(500_000));";

test('both outputs arrive in full although the command failed and left a timer open', async () => {
  const { code, stdout, stderr } = await outcome(start([], [talkative(LINES)]));
  assert.deepEqual([code, stdout.length, stderr.length], [3, 2_000_000, 2_000_000]);
});

test('under an older Node, whose place a newer one takes, they arrive in full too', async () => {
  const program = talkative(LINES);
  mkdirSync(join(data, 'node_modules/node/bin'), { recursive: true });
  symlinkSync(process.execPath, join(data, 'node_modules/node/bin/node'));
  const preload = join(data, 'old.cjs');
  writeFileSync(
    preload,
    `if (!process.env.IS_NEW) {
      Object.defineProperty(process.versions, 'node', { value: '20.19.0' });
      process.execve = undefined;
      process.env.IS_NEW = '1';
    }`,
  );
  const { code, stdout, stderr } = await outcome(start([], ['-r', preload, program]));
  assert.deepEqual([code, stdout.length, stderr.length], [3, 2_000_000, 2_000_000]);
});

test('a reader that leaves after the first line is no failure: nothing is said, the exit status stays', async () => {
  for (let i = 0; i < MANY; i += 1) backend.known.push(attempt(i));
  for (const [args, status] of [
    [['explain', '--json', '--data', data], 0],
    [['explain', 'nothing', '--data', data], 1],
  ] as const) {
    const child = start(args);
    child.stdout?.once('readable', () => child.stdout?.destroy());
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    assert.equal(code, status);
    assert.doesNotMatch(stderr, /EPIPE|\bat .*:\d+/);
  }
});

test('what is printed without end stops when its reader has left', async () => {
  const child = start(['explain', '--follow', '--data', data]);
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  child.stdout?.once('data', () => child.stdout?.destroy());
  // Each poll finds another attempt, so that one is printed after the reader left.
  let next = 0;
  const more = setInterval(() => backend.known.push(attempt(next++)), 20);
  try {
    assert.deepEqual(await ended, [0, null]);
  } finally {
    clearInterval(more);
  }
});

test('a signal ends a command whose output nobody takes', async () => {
  const child = start([], [talkative(LINES)]);
  await once(child.stdout as Readable, 'readable');
  child.kill('SIGTERM');
  const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  assert.equal(signal, 'SIGTERM');
  child.stdout?.destroy();
  child.stderr?.destroy();
});

test('output that a full disk loses is a failure, in one line', async () => {
  const full = openSync('/dev/full', 'w');
  try {
    const child = spawn(process.execPath, [PROGRAM, 'config', '--keys'], { stdio: ['ignore', full, 'pipe'] });
    const [[code], stderr] = await Promise.all([
      once(child, 'close') as Promise<[number | null]>,
      readSlowly(child.stderr),
    ]);
    assert.deepEqual([code, stderr], [1, 'sstpd: not all of the output could be written: ENOSPC\n']);
  } finally {
    closeSync(full);
  }
});
