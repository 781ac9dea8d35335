/** What the bench says of floods, and when it says that it can't tell. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busyWith } from '../../bench/floods/busy.ts';
import type { CleanReport } from '../../bench/floods/clean-load.ts';
import type { FloodCell } from '../../bench/floods/floods.ts';
import { floodTables, TOO_BUSY } from '../../bench/floods/tables.ts';
import { mayRunOn, type ProcessEntry, secondsBetween, strangers } from '../../bench/processes.ts';

const ALL_IN: CleanReport = {
  ...{ tries: 100, inAtFirst: 100, medianMs: 20, p95Ms: 40, longestMs: 50, ownDelayMs: 3 },
  failures: {},
};
const NONE_IN: CleanReport = { ...ALL_IN, inAtFirst: 0, medianMs: 0, p95Ms: 0, longestMs: 0 };
const QUIET = { rate: 500, openedPerSecond: 499, serverCoreTaken: 0.02, reports: [ALL_IN, ALL_IN] };

for (const { name, circumstances, expected } of [
  { name: 'a quiet machine', circumstances: {}, expected: undefined },
  {
    name: 'a quiet machine on which nobody got in: that is the server',
    circumstances: { reports: [NONE_IN] },
    expected: undefined,
  },
  { name: 'no flood', circumstances: { rate: 0, openedPerSecond: 0 }, expected: undefined },
  {
    name: 'less of a flood, whoever got in',
    circumstances: { openedPerSecond: 231.4 },
    expected: { with: 'the flood came to 231 a second', tooBusyToSay: true },
  },
  {
    name: 'a core that others had, and all got in',
    circumstances: { serverCoreTaken: 0.5 },
    expected: { with: "something else took 50 % of the server's core", tooBusyToSay: false },
  },
  {
    name: 'a core that others had, and one did not get in',
    circumstances: { serverCoreTaken: 0.5, reports: [ALL_IN, { ...ALL_IN, inAtFirst: 99 }] },
    expected: { with: "something else took 50 % of the server's core", tooBusyToSay: true },
  },
  {
    name: 'clients that were late themselves',
    circumstances: { reports: [ALL_IN, { ...NONE_IN, ownDelayMs: 900 }] },
    expected: { with: 'the clients were late by 900 ms themselves', tooBusyToSay: true },
  },
]) {
  test(`busy or not: ${name}`, () => {
    assert.deepEqual(busyWith({ ...QUIET, ...circumstances }), expected);
  });
}

test('the table has no figure where the machine was too busy, and says with what', () => {
  const cell: FloodCell = { fromNew: NONE_IN, serverCpu: 0.4, serverMib: 100, openedPerSecond: 231 };
  const busy = busyWith({ ...QUIET, openedPerSecond: 231 });
  assert.ok(busy);
  const cells = { 'silent TCP': { 'an IPv6 /48': { ...cell, busy }, '16 addresses': cell } };
  const [table] = floodTables({ date: '2020-02-02', rate: 500, servers: { 'a server': cells } });
  const [, title, [header = [], ...rows] = []] = table ?? [];
  assert.match(title ?? '', /500 new connections a second.*2020-02-02$/);
  assert.deepEqual(rows, [
    ['a server', 'silent TCP', 'an IPv6 /48', TOO_BUSY, '', '', '', '', '', '', 'the flood came to 231 a second'],
    ['a server', 'silent TCP', '16 addresses', '0 % of 100', '-', '', '', '', '0.4', '100', ''],
  ]);
  assert.deepEqual(new Set(rows.map((row) => row.length)), new Set([header.length]));
});

test('what took the server its processor: programs that are not of the bench, those since begun included', () => {
  const entry = (pid: number, parent: number, own: number, children = 0): ProcessEntry => {
    const fields = Array.from({ length: 50 }, () => '0');
    return { pid, fields: fields.with(1, `${parent}`).with(11, `${own}`).with(13, `${children}`) };
  };
  const bench = [entry(100, 1, 900), entry(101, 100, 800), entry(102, 101, 700)];
  const kernel = [entry(2, 0, 500), entry(15, 2, 400)];
  const look = (...others: readonly ProcessEntry[]): ReadonlyMap<number, number> =>
    strangers((pid) => pid !== 60, [...kernel, ...others, ...bench], 100);
  const before = look(entry(1, 0, 10), entry(50, 1, 20), entry(51, 50, 40), entry(60, 1, 0));
  const after = look(entry(1, 0, 20, 6_000), entry(51, 1, 70), entry(52, 1, 60), entry(60, 1, 900));
  assert.deepEqual([...before.keys()], [1, 50, 51]);
  assert.equal(Math.round(secondsBetween(before, after) * 100), 100);
  assert.equal(mayRunOn(4_096, process.pid), false);
  assert.ok([0, 1, 2, 3].some((core) => mayRunOn(core, process.pid)));
});
