import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Log, LogFields } from '../../../core/index.ts';
import { type LimitedLog, limited } from '../../../server/log/log-limit.ts';

type Line = readonly [level: string, event: string, fields: LogFields];

class MemoryLog implements Log {
  readonly lines: Line[];
  readonly #fields: LogFields;

  constructor(lines: Line[] = [], fields: LogFields = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  debug(event: string, fields: LogFields = {}): void {
    this.lines.push(['debug', event, { ...this.#fields, ...fields }]);
  }

  info(event: string, fields: LogFields = {}): void {
    this.lines.push(['info', event, { ...this.#fields, ...fields }]);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.lines.push(['warn', event, { ...this.#fields, ...fields }]);
  }

  error(event: string, fields: LogFields = {}): void {
    this.lines.push(['error', event, { ...this.#fields, ...fields }]);
  }

  child(fields: LogFields): Log {
    return new MemoryLog(this.lines, { ...this.#fields, ...fields });
  }
}

function setUp(perMinute: number): { log: LimitedLog; lines: Line[]; clock: { time: number; now(): number } } {
  const memory = new MemoryLog();
  const clock = {
    time: 1000,
    now(): number {
      return this.time;
    },
  };
  return { log: limited(memory, { perMinute, clock }), lines: memory.lines, clock };
}

test('an IPv6 /64 is one peer: its many addresses do not use up the room of others', () => {
  const { log, lines, clock } = setUp(2);
  for (let i = 0; i < 1_000; i += 1) log.warn('auth.refused', { peer: `[2001:db8::${i.toString(16)}]:${i + 1}` });
  for (const peer of ['[2001:db8:0:1::1]:5', '192.0.2.1:5', '[::ffff:192.0.2.1]:6', '[::ffff:192.0.2.1]:7'])
    log.warn('auth.refused', { peer });
  assert.equal(lines.length, 5);
  clock.time += 61_000;
  log.flush();
  const told = lines.slice(5).map(([, event, { peer, count }]) => [event, peer, count]);
  assert.deepEqual(told, [
    ['log.suppressed', '2001:db8::/64', 998],
    ['log.suppressed', '192.0.2.1', 1],
  ]);
});

test('an event of one peer is written so often in a minute, whatever its port, then swallowed and counted', () => {
  const { log, lines, clock } = setUp(2);
  for (let port = 1; port <= 5; port++) log.warn('tls.failed', { peer: `192.0.2.1:${port}` });
  log.child({ peer: '192.0.2.1:9' }).warn('tls.failed');
  log.warn('tls.failed', { peer: '[2001:db8::1]:5' });
  log.warn('other', { peer: '192.0.2.1:5' });
  assert.deepEqual(
    lines.map(([, event, fields]) => [event, fields.peer]),
    [
      ['tls.failed', '192.0.2.1:1'],
      ['tls.failed', '192.0.2.1:2'],
      ['tls.failed', '[2001:db8::1]:5'],
      ['other', '192.0.2.1:5'],
    ],
  );
  lines.length = 0;
  clock.time += 60_000;
  log.flush();
  assert.deepEqual(lines, [['warn', 'log.suppressed', { event: 'tls.failed', peer: '192.0.2.1', count: 4 }]]);
});

test('after a minute lines are written again, and the next line reports without a call of flush', () => {
  const { log, lines, clock } = setUp(1);
  log.warn('x', { peer: 'a:1' });
  log.warn('x', { peer: 'a:1' });
  clock.time += 59_999;
  log.warn('x', { peer: 'a:1' });
  assert.equal(lines.length, 1);
  clock.time += 1;
  log.warn('x', { peer: 'a:1' });
  assert.deepEqual(
    lines.map(([, event, fields]) => [event, fields.count]),
    [
      ['x', undefined],
      ['log.suppressed', 2],
      ['x', undefined],
    ],
  );
});

test('many peers together get ten times as many lines of an event as one', () => {
  const { log, lines, clock } = setUp(3);
  for (let i = 0; i < 10_000; i++) log.warn('x', { peer: `10.0.${i >> 8}.${i & 255}:1` });
  assert.equal(lines.length, 30);
  lines.length = 0;
  clock.time += 60_000;
  log.flush();
  assert.equal(lines.length, 11);
  assert.equal(
    lines.reduce((sum, [, , fields]) => sum + Number(fields.count), 0),
    9970,
  );
});

test('an info line about a peer without a user is limited like a warning: it takes no login', () => {
  const { log, lines, clock } = setUp(2);
  for (let port = 1; port <= 5; port++) {
    const connection = log.child({ connection: `c${port}`, peer: `192.0.2.1:${port}` });
    connection.info('connection.accepted', { host: 'vpn' });
    connection.info('connection.closed', { stage: 'sstp', user: undefined });
  }
  log.child({ peer: '192.0.2.2:1' }).info('connection.accepted');
  assert.deepEqual(
    lines.map(([level, event, fields]) => [level, event, fields.peer]),
    [
      ['info', 'connection.accepted', '192.0.2.1:1'],
      ['info', 'connection.closed', '192.0.2.1:1'],
      ['info', 'connection.accepted', '192.0.2.1:2'],
      ['info', 'connection.closed', '192.0.2.1:2'],
      ['info', 'connection.accepted', '192.0.2.2:1'],
    ],
  );
  lines.length = 0;
  clock.time += 60_000;
  log.flush();
  assert.deepEqual(lines, [
    ['warn', 'log.suppressed', { event: 'connection.accepted', peer: '192.0.2.1', count: 3 }],
    ['warn', 'log.suppressed', { event: 'connection.closed', peer: '192.0.2.1', count: 3 }],
  ]);
});

test('lines that took a login have room of their own, which no flood of others uses up', () => {
  const { log, lines } = setUp(2);
  for (let i = 0; i < 100; i++) log.info('connection.closed', { peer: `192.0.2.1:${i}` });
  for (let i = 0; i < 100; i++) log.warn('auth.refused', { peer: `192.0.2.${i}:1`, user: 'ann' });
  const before = lines.length;
  for (let i = 0; i < 8; i++) log.info('connection.closed', { peer: '192.0.2.1:5', user: 'ann' });
  log.info('connection.closed', { peer: '192.0.2.1:5', user: 'bob' });
  log.info('admin.request', { peer: '192.0.2.1:5', token: 'ann' });
  assert.equal(lines.length, before + 10);
});

test('a user who has too many lines has the others folded into one that counts them all, and stands for nobody else', () => {
  const { log, lines, clock } = setUp(2);
  for (let i = 0; i < 1_000; i++) {
    const child = log.child({ connection: `c${i}`, peer: `192.0.2.${i % 12}:${i}` });
    child.info('auth.accepted', { user: 'ann', method: 'mschapv2' });
    child.info('connection.closed', { user: 'ann', ipv4: '10.0.0.9', bytesIn: 10, bytesOut: 1, reason: 'x' });
  }
  log.info('connection.closed', { peer: '192.0.2.99:1', user: 'bob', bytesIn: 7 });
  assert.equal(lines.length, 17);
  clock.time += 60_000;
  log.flush();
  const folded = lines.filter(([, event]) => event === 'log.folded').map(([, , fields]) => fields);
  assert.equal(folded.length, 2);
  const { event, user, count, bytesIn, bytesOut, ipv4, peer, first, last } = folded[1] ?? {};
  assert.deepEqual(
    [event, user, count, bytesIn, bytesOut, ipv4],
    ['connection.closed', 'ann', 992, 9_920, 992, '10.0.0.9'],
  );
  assert.equal((peer as string[]).length, 11);
  assert.match(String((peer as string[]).at(-1)), /^others on \d+ lines$/);
  assert.match(`${first} ${last}`, /^\d{4}-\S+Z \d{4}-\S+Z$/);
  assert.equal(log.suppressed, 0, 'nothing was lost');
  log.info('auth.accepted', { peer: '192.0.2.1:5', user: 'ann' });
  assert.equal(lines.at(-1)?.[1], 'auth.accepted', 'a new minute');
});

test('a change hides behind no number of other requests with the same token, and those that are refused are folded', () => {
  const { log, lines, clock } = setUp(2);
  const request = (method: string, path: string, status: number): void =>
    log.info('admin.request', { peer: '192.0.2.1:5', token: 'ci', method, path, status });
  for (let i = 0; i < 100; i++) request('PATCH', `/v1/users/u${i % 20}`, 200);
  for (let i = 0; i < 100; i++) request('DELETE', `/v1/nothing/${i}`, 404);
  for (let i = 0; i < 100; i++) request('PATCH', '/v1/users/ann', 200);
  request('DELETE', '/v1/users/ann', 204);
  assert.equal(lines.length, 100 + 8 + 8 + 1);
  const { method, path } = lines.at(-1)?.[2] ?? {};
  assert.deepEqual([method, path], ['DELETE', '/v1/users/ann']);
  lines.length = 0;
  clock.time += 60_000;
  log.flush();
  assert.deepEqual(
    lines.map(([, event, { token, count, status }]) => [event, token, count, status]),
    [
      ['log.folded', 'ci', 92, 404],
      ['log.folded', 'ci', 92, 200],
    ],
  );
});

test('at the end all is told, also of the minute that goes on', () => {
  const { log, lines } = setUp(1);
  for (let i = 0; i < 9; i++) log.info('connection.up', { peer: '192.0.2.1:1', user: 'ann' });
  for (let i = 0; i < 9; i++) log.warn('tls.failed', { peer: '192.0.2.1:1' });
  log.finish();
  const told = lines.filter(([, event]) => event.startsWith('log.')).map(([, event, { count }]) => [event, count]);
  assert.deepEqual(told, [
    ['log.folded', 5],
    ['log.suppressed', 8],
  ]);
});

test('an error about a user or a peer is limited like a warning; debug lines, and lines about nobody, never are', () => {
  const { log, lines } = setUp(2);
  for (let i = 0; i < 9; i++) log.error('pool.exhausted', { peer: '192.0.2.1:5', user: 'ann' });
  assert.equal(lines.length, 2);
  for (let i = 0; i < 9; i++) {
    log.debug('x', { peer: '192.0.2.1:5' });
    log.info('server.started');
    log.error('network.route-failed', { error: 'x' });
  }
  assert.equal(lines.length, 2 + 27);
});

test('with nothing swallowed there is nothing to say', () => {
  const { log, lines, clock } = setUp(5);
  log.warn('x', { peer: 'a:1' });
  clock.time += 60_000;
  log.flush();
  assert.equal(lines.length, 1);
});

test('of 600 guessers that use up the lines of a minute, the names are told with their counts, the rare one too', () => {
  const { log, lines, clock } = setUp(30);
  for (let guesser = 0; guesser < 600; guesser++) {
    log.warn('auth.refused', {
      peer: `192.0.${guesser >> 8}.${guesser & 255}:5`,
      user: guesser % 3 === 0 ? 'bob' : 'alice',
    });
  }
  log.child({ peer: '198.51.100.7:5' }).warn('auth.refused', { user: 'carol' });
  log.warn('tls.failed', { peer: '198.51.100.7:5' });
  assert.equal(lines.length, 301);
  lines.length = 0;
  clock.time += 60_000;
  log.flush();
  const ofUsers = lines.map(([, , fields]) => fields).filter(({ user }) => user !== undefined);
  assert.deepEqual(ofUsers, [
    { event: 'auth.refused', user: 'alice', count: 200 },
    { event: 'auth.refused', user: 'bob', count: 100 },
    { event: 'auth.refused', user: 'carol', count: 1 },
  ]);
  lines.length = 0;
  clock.time += 60_000;
  log.flush();
  assert.deepEqual(lines, []);
});

test('of very many names ten are told, and how many others there are', () => {
  const { log, lines, clock } = setUp(1);
  for (let index = 0; index < 10_000; index++) log.warn('auth.refused', { peer: 'a:1', user: `user${index % 5_000}` });
  clock.time += 60_000;
  lines.length = 0;
  log.flush();
  const fields = lines.map(([, , each]) => each);
  assert.equal(fields.filter(({ user }) => user !== undefined).length, 10);
  assert.deepEqual(fields.at(-1)?.users, 4_096 - 10);
});

test('however many kinds of changes one token makes up, a minute has its bound, and each line is counted', () => {
  const { log, lines } = setUp(1);
  const paths = [
    ...Array.from({ length: 200 }, (_, i) => `/v1/users/${i % 2 === 0 ? 'ann' : 'ANN'}`),
    ...Array.from({ length: 5_000 }, (_, i) => `/v1/users/user${i}`),
  ];
  for (const path of paths) {
    log.info('admin.request', { peer: '192.0.2.1:5', token: 'ci', method: 'PATCH', path, status: 200 });
  }
  log.finish();
  const written = lines.filter(([, event]) => event === 'admin.request');
  const folded = lines.filter(([, event]) => event === 'log.folded');
  assert.equal(written.filter(([, , { path }]) => String(path).toLowerCase() === '/v1/users/ann').length, 4);
  assert.equal(written.length, 400);
  assert.equal(folded.length, 2);
  assert.equal(
    folded.reduce((sum, [, , { count }]) => sum + Number(count), written.length),
    paths.length,
  );
});
