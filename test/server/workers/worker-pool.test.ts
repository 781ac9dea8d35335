/** Places in the pool whose next worker the system does not let start, or that does not become ready: real processes. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '../../../server/config/index.ts';
import { frame } from '../../../server/workers/frames.ts';
import { WorkerPool } from '../../../server/workers/worker-pool.ts';
import { whileTimeStands } from '../../support/eventually.ts';
import { type RecordingLog, World } from '../support.ts';

const READY = frame(Buffer.from(JSON.stringify({ kind: 'ready', listening: [] })));

interface Scene {
  readonly pool: WorkerPool;
  readonly log: RecordingLog;
  readonly failures: Error[];
  /** What a worker that starts says. */
  says(bytes: Buffer): void;
  /** Whether there is a program to start. */
  program(isThere: boolean): void;
  kill(): void;
}

function scene(t: TestContext): Scene {
  const world = new World(t);
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-pool-'));
  const [said, command] = [join(folder, 'said'), join(folder, 'node')];
  const fd = openSync('/dev/null', 'r');
  const { control, admission, log } = world;
  const failures: Error[] = [];
  const { config } = loadConfig({ flags: { listen: ['127.0.0.1:0'] }, env: {}, file: undefined });
  const layers = { landlock: 0, seccomp: false };
  const pool = new WorkerPool({
    ...{ config, control, admission, log, cage: layers },
    program: { command, args: [join(import.meta.dirname, 'liar.ts'), said], descriptors: [], close: () => {} },
    // Any device that is there: nobody looks into it.
    devices: [{ fd, name: 'lo', flags: 0, offload: 'none' }],
    setup: {
      ...{ config, runUser: { uid: 0, gid: 0 }, networks: [], portalKey: new Uint8Array(32), congestionControl: '' },
      tls: { certificates: [] as never, challenges: [], ticketKeys: Buffer.alloc(48) },
      confine: undefined,
    },
    relay: () => {},
    onAttempt: () => {},
    fail: (error) => void failures.push(error),
  });
  const kill = (): void => void process.kill(pool.workers[0]?.pid || assert.fail('none is there'), 'SIGKILL');
  t.after(async () => {
    if (pool.workers[0]?.pid) kill();
    await pool.stop();
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  const program = (isThere: boolean): void => {
    if (isThere) symlinkSync(process.execPath, command);
    else rmSync(command);
  };
  program(true);
  const says = (bytes: Buffer): void => writeFileSync(said, bytes);
  says(READY);
  return { pool, log, failures, says, program, kill };
}

test('a worker that the system does not let start is tried again, with longer and longer waits, and ends nothing', async (t) => {
  const { pool, log, failures, program, kill } = scene(t);
  await pool.listen();
  program(false);
  kill();
  await whileTimeStands('worker.ended', () => log.of('worker.ended').length === 1);
  for (const [tries, waitMs] of [0, 1_000, 2_000, 4_000].entries()) {
    if (waitMs > 0) t.mock.timers.tick(waitMs - 1);
    assert.equal(log.of('worker.not-started').length, tries, 'not before its time');
    t.mock.timers.tick(1);
    await whileTimeStands('worker.not-started', () => log.of('worker.not-started').length === tries + 1);
  }
  program(true);
  t.mock.timers.tick(8_000);
  await whileTimeStands('worker.ready', () => log.of('worker.ready').length === 2);
  const refused = log.of('worker.not-started');
  assert.deepEqual(
    refused.map(({ fields }) => fields.nextTryInSeconds),
    [1, 2, 4, 8],
  );
  for (const { level, fields } of refused) {
    assert.deepEqual([level, fields.worker], ['error', 0]);
    assert.match(String(fields.error), /^no process can be started: spawn .* ENOENT$/);
  }
  assert.deepEqual(failures, []);
  assert.equal(pool.restarts, 1, 'those that did not start are none');
  assert.equal(log.of('worker.ended').length, 1);
});

test('one that is not even the first is an error of the start', async (t) => {
  const { pool, program } = scene(t);
  program(false);
  await assert.rejects(pool.listen(), /^Error: worker 0 did not start: no process can be started: spawn .* ENOENT$/);
});

test('one that takes the place of another has its time to be ready, too', async (t) => {
  const { pool, log, says, kill } = scene(t);
  await pool.listen();
  says(Buffer.alloc(0));
  const first = pool.workers[0]?.pid;
  kill();
  await whileTimeStands('worker.ended', () => log.of('worker.ended').length === 1);
  t.mock.timers.tick(1);
  const second = pool.workers[0]?.pid;
  assert.ok(second !== undefined && second !== 0 && second !== first);
  t.mock.timers.tick(60_000);
  await whileTimeStands('worker.ended', () => log.of('worker.ended').length === 2);
  assert.deepEqual(log.of('worker.ended')[1]?.fields.signal, 'SIGKILL');
});
