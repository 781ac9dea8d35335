import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Log } from '../../../core/index.ts';
import { createLog } from '../../../server/log/log.ts';

function capture(options: Parameters<typeof createLog>[0], isTTY = false): { log: Log; lines: string[] } {
  const lines: string[] = [];
  return { lines, log: createLog(options, { isTTY, write: (text: string) => lines.push(text) }) };
}

test('JSON: one object per line with the level as a word, ISO time, the event as msg and the fields', () => {
  const { log, lines } = capture({ level: 'debug', format: 'json' });
  log.child({ id: 7 }).info('connection.up', { user: 'ann', bytes: 5n });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /\}\n$/);
  const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.deepEqual(rest, { level: 'info', id: 7, user: 'ann', bytes: 5, msg: 'connection.up' });
  assert.equal(new Date(String(time)).toISOString(), time);
});

test('lines below the level are not written', () => {
  const { log, lines } = capture({ level: 'warn', format: 'json' });
  log.debug('a');
  log.info('b');
  log.warn('c');
  log.error('d');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { msg: string }).msg),
    ['c', 'd'],
  );
});

test('an error among the fields keeps its message and stack', () => {
  const { log, lines } = capture({ level: 'info', format: 'json' });
  log.error('x.failed', { error: new RangeError('too far') });
  const line = JSON.parse(lines[0] ?? '') as { error: { type: string; message: string; stack: string } };
  assert.equal(line.error.type, 'RangeError');
  assert.equal(line.error.message, 'too far');
  assert.match(line.error.stack, /log\.test\.ts/);
});

test("'auto' is for people on a terminal and JSON elsewhere; lines are written within the call", () => {
  const terminal = capture({ level: 'info', format: 'auto' }, true);
  terminal.log.info('connection.up', { user: 'ann' });
  const line = stripVTControlCharacters(terminal.lines[0] ?? '');
  assert.match(line, /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: connection\.up \{"user":"ann"\}\n$/);
  const pipe = capture({ level: 'info', format: 'auto' });
  pipe.log.info('connection.up');
  assert.doesNotThrow(() => JSON.parse(pipe.lines[0] ?? ''));
});

test('no control character of a field reaches a terminal', () => {
  for (const format of ['pretty', 'json'] as const) {
    const { log, lines } = capture({ level: 'info', format });
    log.info('auth.failed', { user: 'a\x1b[2J\u009b2J\x7f\r\nb' });
    assert.equal(lines.length, 1);
    assert.doesNotMatch((lines[0] ?? '').replace(/\n$/, ''), /\p{Cc}/u);
  }
});

test('what hides or reorders text in a field is escaped as JSON does: a reader of the log sees it, a program gets it', () => {
  const cases = [
    ['\u202e', '\\u202e'], // right-to-left override
    ['\u2066', '\\u2066'],
    ['\u200b', '\\u200b'], // zero width space
    ['\ufeff', '\\ufeff'],
    ['\u00ad', '\\u00ad'], // soft hyphen
    ['\u2028', '\\u2028'],
    ['\u2029', '\\u2029'],
    ['\x7f', '\\u007f'],
    ['\u009b', '\\u009b'],
    ['\u{e0041}', '\\udb40\\udc41'], // a tag character, beyond U+FFFF
  ] as const;
  const shown = 'J\u00fcrgen \u4e2d \u{1f600} ';
  for (const format of ['pretty', 'json'] as const) {
    for (const [hidden, escaped] of cases) {
      const { log, lines } = capture({ level: 'info', format });
      const user = `${shown}${hidden}b`;
      log.info('auth.failed', { user });
      const line = lines[0] ?? '';
      assert.ok(line.includes(`${shown}${escaped}b`), JSON.stringify(line));
      assert.ok(!line.includes(hidden));
      if (format === 'json') assert.equal((JSON.parse(line) as { user: string }).user, user);
    }
  }
});
