/** A real process in the place of a worker, which says what no honest worker does: it is ended, and nobody else notices. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AttemptView } from '../../../admin/index.ts';
import { loadConfig } from '../../../server/config/index.ts';
import { makeReport } from '../../../server/observe/reported.ts';
import { frame, MOST_FRAME_BYTES } from '../../../server/workers/frames.ts';
import { WorkerProcess } from '../../../server/workers/worker-process.ts';
import { whileTimeStands } from '../../support/eventually.ts';
import { PASSWORD } from '../connections/mschapv2-peer.ts';
import { connected } from '../connections/session.ts';
import { World } from '../support.ts';

/** The honest one, in whose name the other one tries to speak, is worker 0. */
const WORKER = 1;
const NO_TLS = { certificates: [] as never, challenges: [], ticketKeys: Buffer.alloc(48) };

function start(t: TestContext, world: World, said: Buffer): { worker: WorkerProcess; attempts: AttemptView[] } {
  const { control, admission, log } = world;
  const attempts: AttemptView[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-liar-'));
  const file = join(folder, 'said');
  writeFileSync(file, said);
  t.after(() => rmSync(folder, { recursive: true }));
  const fd = openSync('/dev/null', 'r');
  t.after(() => closeSync(fd));
  const { config } = loadConfig({ flags: {}, env: {}, file: undefined });
  const worker = new WorkerProcess({
    program: {
      command: process.execPath,
      args: [join(import.meta.dirname, 'liar.ts'), file],
      descriptors: [],
      close: () => {},
    },
    setup: {
      ...{
        worker: WORKER,
        config,
        runUser: { uid: 0, gid: 0 },
        networks: [],
        mostQueuedBytes: 1,
        congestionControl: '',
      },
      tls: NO_TLS,
      portalKey: new Uint8Array(32),
      confine: undefined,
    },
    device: { fd, name: 'memory1', mtu: 1400, flags: 0 },
    sockets: [],
    ...{ control, admission, log },
    relay: () => {},
    onAttempt: (attempt) => void attempts.push(attempt),
  });
  t.after(() => worker.kill());
  return { worker, attempts };
}

const said = (...messages: readonly unknown[]): Buffer =>
  Buffer.concat(
    messages.map((message) => frame(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)))),
  );

const OPENED = { kind: 'opened', session: '01000001', peerAddress: '192.0.2.9' };
const END = { reason: 'disconnected', bytesIn: 0, bytesOut: 0 };
const ATTEMPT = {
  ...{
    id: '01000001',
    peer: '192.0.2.9:5',
    startedAt: '2026-01-01T00:00:00.000Z',
    state: 'up',
    stage: 'up',
    user: 'alice',
  },
  ...{ stages: [], options: [] },
};
const PROOF = { method: 'pap', name: 'nobody', password: 'wrong' };

const LIES: readonly (readonly [what: string, bytes: (theirs: string) => Buffer, why: RegExp])[] = [
  ["another's session ended", (id) => said({ kind: 'closed', session: id, end: END }), /session: ".{8}" instead of/],
  ["another's address given back", (id) => said({ kind: 'release', session: id }), /session: ".{8}" instead of/],
  ["another's id taken beforehand", () => said({ ...OPENED, session: '00abcdef' }), /session: "00abcdef" instead of/],
  ["another's traffic", (id) => said({ kind: 'traffic', traffic: [{ id, bytesIn: 9, bytesOut: 9 }] }), /traffic: id:/],
  [
    'a session that is not so',
    () => said(OPENED, { kind: 'attempt', attempt: ATTEMPT }),
    /01000001 is not that user's/,
  ],
  [
    'an address without a login',
    () => said(OPENED, { kind: 'lease', session: '01000001' }),
    /before the user was known/,
  ],
  [
    'two logins at a time',
    () => said(OPENED, ...Array(2).fill({ kind: 'verify', session: '01000001', proof: PROOF })),
    /has two logins at a time/,
  ],
  [
    'an answer to what nobody asked',
    () =>
      said(OPENED, { kind: 'respond', session: '01000001', round: 1, payload: Buffer.from('x').toString('base64') }),
    /answers what nobody asked/,
  ],
  ['a session opened twice', () => said(OPENED, OPENED), /was opened twice/],
  [
    'more connections than there can be',
    () =>
      said(
        ...Array.from({ length: 8_193 }, (_, i) => ({ ...OPENED, session: `01${i.toString(16).padStart(6, '0')}` })),
      ),
    /more connections than an honest worker takes/,
  ],
  ['a text without an end', () => Buffer.from([0xff, 0xff, 0xff, 0xff]), /is too long/],
  [
    'deep JSON',
    () => said('['.repeat(MOST_FRAME_BYTES / 2) + ']'.repeat(MOST_FRAME_BYTES / 2)),
    /a kind that there is/,
  ],
  ['a huge text', () => said({ kind: 'failed', message: 'x'.repeat(1_000_000) }), /text of 4096 units at most/],
  ['no number', () => said('{"kind":"ticket-closed","ticket":NaN}'), /no JSON/],
  [
    'less than nothing',
    () => said({ kind: 'closed', session: '01000001', end: { ...END, bytesIn: -5 } }),
    /-5 instead of/,
  ],
  ['a prototype', () => said('{"kind":"alive","__proto__":{"isAdmin":true}}'), /no field "__proto__"/],
  ['an answer to no number', () => said('{"kind":"alive"}'), /undefined instead of/],
  ['V8 instead of JSON', () => said(Buffer.from([0xff, 0x0f, 0x6f, 0x7b]).toString('latin1')), /no JSON/],
];

for (const [what, bytes, why] of LIES) {
  test(`a worker that says ${what} is ended, with the reason in the log; the others go on`, async (t) => {
    const world = new World(t, { users: [{ name: 'alice', password: PASSWORD }] });
    const honest = await connected(world, 'alice');
    // A login from there has to wait.
    world.failLogin('192.0.2.9', 'nobody', 3);
    const count = (): object => ({
      ...{ sessions: world.control.count, leases: world.pool.used },
      ...{ connections: world.admission.connections, waiting: world.throttle.size.waiting },
    });
    const before = count();
    const { worker, attempts } = start(t, world, bytes(honest.connection.id));
    const { signal } = await worker.exited;
    assert.equal(signal, 'SIGKILL');
    const faults = world.log.of('worker.fault');
    assert.equal(faults.length, 1);
    assert.equal(faults[0]?.fields.worker, WORKER);
    assert.match(String(faults[0]?.fields.error), why);
    assert.ok(String(faults[0]?.fields.error).length < 2_000);
    assert.deepEqual(count(), before);
    assert.equal(honest.connection.view.stage, 'up');
    assert.deepEqual(attempts, []);
    assert.equal(({} as Record<string, unknown>).isAdmin, undefined);
  });
}

test('what a worker may say is taken: a connection of its own, from its opening to its end', async (t) => {
  const world = new World(t, { users: [{ name: 'alice', password: PASSWORD }] });
  const failed = { ...ATTEMPT, state: 'failed', user: 'alice' };
  const { worker, attempts } = start(
    t,
    world,
    said(
      { kind: 'ticket-opened', ticket: 1, address: '192.0.2.9' },
      ...[OPENED, { kind: 'closed', session: '01000001', end: END }, { kind: 'attempt', attempt: failed }],
      { kind: 'failed', message: 'that was all' },
      'null',
    ),
  );
  assert.equal((await worker.exited).failure, 'that was all');
  assert.deepEqual(attempts, [failed]);
});

test('an answer to what nobody asked is none, however often it comes; what is asked then has its own', async (t) => {
  const world = new World(t);
  const unasked = [
    ...[1, 1, 99].map((call) => ({ kind: 'alive', call })),
    ...[1, 1].map((call) => ({ kind: 'tls-set', call })),
    { kind: 'listed', call: 1, sessions: [], isLast: false },
    ...[1, 1].map((call) => ({ kind: 'listed', call, sessions: [], isLast: true })),
    ...[5, 5].map((call) => ({ kind: 'report', call, report: makeReport({ counts: { floodDrops: call } }) })),
  ];
  const { worker } = start(t, world, said({ kind: 'ready', listening: [] }, ...unasked));
  await worker.ready;
  let isSet = false;
  await whileTimeStands('all was heard', () => worker.lastReport.counts.floodDrops === 5);
  const setting = worker.setTls(NO_TLS).then(() => {
    isSet = true;
  });
  const listing = worker.sessions();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(world.log.lines, []);
  assert.equal(isSet, false, 'it has not answered that');
  worker.kill();
  await worker.exited;
  await setting;
  assert.deepEqual(await listing, []);
  await worker.refreshReport();
  assert.deepEqual(await worker.sessions(), [], 'nor does anybody wait for one that is gone');
});

test('who has been ready can say no more that another one would fail the same way', async (t) => {
  const world = new World(t);
  const { worker } = start(
    t,
    world,
    said({ kind: 'ready', listening: [] }, { kind: 'failed', message: 'all is lost' }, 'null'),
  );
  const { failure, complaint } = await worker.exited;
  assert.deepEqual([failure, complaint], [undefined, 'all is lost']);
});
