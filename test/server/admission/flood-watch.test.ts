import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LogFields } from '../../../core/index.ts';
import { type Flood, FloodWatch, floodView } from '../../../server/admission/flood-watch.ts';
import { judgeFlood } from '../../../server/observe/doctor/floods.ts';

function watch(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
  const lines: { readonly event: string; readonly fields: LogFields | undefined }[] = [];
  const line = (event: string, fields?: LogFields): number => lines.push({ event, fields });
  const log = { debug: line, info: line, warn: line, error: line, child: () => log };
  const told: Flood[] = [];
  const floods = new FloodWatch({
    clock: { now: () => Date.now() },
    log,
    observer: { began: (flood) => told.push(flood), ended: (flood) => told.push(flood) },
  });
  const refuse = (times: number, network = '192.0.2.0/24'): void => {
    for (let i = 0; i < times; i++) floods.refused('unauthenticated', network);
  };
  return { floods, lines, told, refuse };
}

test('a few refused connections a minute are no flood', (t) => {
  const { floods, lines, refuse } = watch(t);
  for (let i = 0; i < 20; i++) {
    refuse(50);
    t.mock.timers.tick(11_000);
  }
  assert.deepEqual([lines.length, floods.flood], [0, undefined]);
  assert.equal(judgeFlood(floodView(floods.flood), new Date()).result, 'ok');
});

test('a flood is told of when it begins, once a minute, and when it is over, however many come', (t) => {
  const { floods, lines, told, refuse } = watch(t);
  refuse(99);
  assert.equal(lines.length, 0);
  floods.pushedOut('unauthenticatedPerAddress', '198.51.100.0/24');
  refuse(30_000);
  t.mock.timers.tick(60_000);
  refuse(10_000, '203.0.113.0/24');
  t.mock.timers.tick(60_000);
  t.mock.timers.tick(60_000);
  assert.deepEqual(
    lines.map(({ event, fields }) => [event, fields?.refused, fields?.pushedOut, fields?.networks]),
    [
      ['server.under-flood', 99, 1, '192.0.2.0/24 (99), 198.51.100.0/24 (1)'],
      ['server.under-flood', 30_000, 0, '192.0.2.0/24 (30000)'],
      ['server.under-flood', 10_000, 0, '203.0.113.0/24 (10000)'],
      ['server.flood-over', 40_099, 1, '192.0.2.0/24 (30099), 203.0.113.0/24 (10000), 198.51.100.0/24 (1)'],
    ],
  );
  assert.deepEqual(lines[3]?.fields?.seconds, 180);
  assert.deepEqual(
    told.map(({ until }) => until === undefined),
    [true, false],
  );
});

test('networks without number take no memory without bound, and a line names five', (t) => {
  const { floods, lines } = watch(t);
  for (let i = 0; i < 100_000; i++) floods.refused('unauthenticated', `10.${i >> 8}.${i & 255}.0/24`);
  t.mock.timers.tick(60_000);
  assert.equal(String(lines[1]?.fields?.networks).split(', ').length, 5);
  assert.ok((floods.flood?.from.length ?? 0) <= 5);
});

test('doctor and the page Health warn of a flood while it goes on, and for an hour after', (t) => {
  const { floods, refuse } = watch(t);
  refuse(500);
  const now = judgeFlood(floodView(floods.flood), new Date());
  assert.match(now.text, /^since 1970-01-01 00:16 UTC 500 connections were refused and 0 had to make room/);
  assert.match(String(now.fix), /limits\.unauthenticated;.*docs\/security\.md/);
  t.mock.timers.tick(60_000);
  t.mock.timers.tick(60_000);
  assert.match(
    judgeFlood(floodView(floods.flood), new Date()).text,
    /^from 1970-01-01 00:16 UTC to 1970-01-01 00:18 UTC/,
  );
  assert.equal(judgeFlood(floodView(floods.flood), new Date(Date.now() + 3_700_000)).result, 'ok');
});
