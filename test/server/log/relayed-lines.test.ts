import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLog } from '../../../server/log/log.ts';
import { LineReader, readLogLine } from '../../../server/log/relayed-lines.ts';

function reader(): { readonly source: PassThrough; readonly lines: string[]; readonly reader: LineReader } {
  const source = new PassThrough();
  const lines: string[] = [];
  return { source, lines, reader: new LineReader(source, (line) => void lines.push(line)) };
}

/** Resolves once all that was written has been read. */
const settled = (source: PassThrough): Promise<void> =>
  new Promise((done) => source.write('', () => setImmediate(done)));

test('lines are whole, wherever the pipe cuts them (property)', async () => {
  const text = fc.array(fc.string({ unit: 'grapheme' }).map((one) => one.replaceAll('\n', ' ')));
  await fc.assert(
    fc.asyncProperty(text, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), async (lines, cuts) => {
      const { source, lines: read } = reader();
      let rest = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      for (const length of cuts) {
        if (rest.length === 0) break;
        source.write(rest.subarray(0, length));
        rest = rest.subarray(length);
      }
      await settled(source);
      assert.deepEqual(read, lines);
    }),
    { numRuns: 50 },
  );
});

test('a line without an end is read at the end; one that is too long is cut, and the next one is whole', async () => {
  const one = reader();
  one.source.write('a\nb');
  await settled(one.source);
  assert.deepEqual(one.lines, ['a']);
  one.reader.finish();
  assert.deepEqual(one.lines, ['a', 'b']);

  const long = reader();
  for (let i = 0; i < 20; i += 1) long.source.write('x'.repeat(10_000));
  long.source.write('\nnext\n');
  await settled(long.source);
  assert.deepEqual(
    long.lines.map((line) => line.length),
    [65_536, 4],
  );
});

test('who writes without end has to wait for the next second, and is heard again then', async () => {
  const { source, lines } = reader();
  const mebibyte = `${'x'.repeat(1023)}\n`.repeat(1024);
  const paused = once(source, 'pause');
  for (let i = 0; i < 6; i += 1) source.write(mebibyte);
  await paused;
  assert.ok(lines.length >= 4 * 1024 && lines.length < 6 * 1024, String(lines.length));
  await once(source, 'resume');
  await settled(source);
  assert.equal(lines.length, 6 * 1024);
});

test('what createLog has written is a line, and nothing else is', () => {
  const written: string[] = [];
  const sink = { write: (text: string) => written.push(text) };
  createLog({ level: 'info', format: 'json' }, sink).info('connection.up', { user: 'ann' });
  const line = readLogLine(written.join('').trimEnd());
  assert.deepEqual([line?.msg, line?.level, line?.user], ['connection.up', 'info', 'ann']);
  const good = { level: 'info', time: '2026-01-01T00:00:00.000Z', msg: 'a.b' };
  assert.notEqual(readLogLine(JSON.stringify(good)), undefined);
  const bad = [
    ...[
      { ...good, level: 'fatal' },
      { ...good, time: 'now' },
      { ...good, msg: 'A b' },
      { ...good, msg: 7 },
    ],
    ...[{ ...good, msg: 'a'.repeat(65) }, [good], null, 7, 'text'],
  ];
  for (const one of bad) assert.equal(readLogLine(JSON.stringify(one)), undefined, JSON.stringify(one));
  for (const one of ['', '{', 'Error: x', '\u001b[2J']) assert.equal(readLogLine(one), undefined, one);
});
