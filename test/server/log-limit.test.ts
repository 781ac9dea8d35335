import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Log, LogFields } from '../../core/index.ts';
import { type LimitedLog, limited } from '../../server/log-limit.ts';

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

test('an info line with a user or a token is never held back, nor counted', () => {
  const { log, lines } = setUp(1);
  const connection = log.child({ peer: '192.0.2.1:5' });
  for (let i = 0; i < 100; i++) {
    connection.info('connection.closed', { user: 'ann' });
    connection.child({ user: 'ann' }).info('connection.up');
    connection.info('admin.request', { token: 'backup' });
  }
  assert.equal(lines.length, 300);
  connection.info('connection.closed');
  assert.equal(lines.length, 301);
});

test('debug and error lines, and info lines about no peer, are never held back', () => {
  const { log, lines } = setUp(0);
  for (let i = 0; i < 5; i++) {
    log.debug('d');
    log.info('i');
    log.error('e');
    log.warn('w');
  }
  assert.deepEqual(new Set(lines.map(([level]) => level)), new Set(['debug', 'info', 'error']));
  assert.equal(lines.length, 15);
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
