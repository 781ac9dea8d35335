/** A log whose reader does not read, over real pipes. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { BoundedLines } from '../../../server/log/bounded-lines.ts';
import type { Waiting } from './log-child.ts';

/** About 60 MB. */
const MANY = 200_000;
const MIB = 1024 * 1024;

function start(t: TestContext, format: 'json' | 'pretty'): ChildProcess {
  const program = join(import.meta.dirname, 'log-child.ts');
  const child = spawn(process.execPath, [program, format], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** @throws {Error} if the child ends without an answer */
function write(child: ChildProcess, lines: number): Promise<Waiting> {
  return new Promise((resolve, reject) => {
    const died = (status: number | null, signal: NodeJS.Signals | null): void =>
      reject(new Error(`the child ended with ${signal ?? `status ${status}`} instead of an answer`));
    child.once('exit', died);
    child.once('message', (answer) => {
      child.off('exit', died);
      resolve(answer as Waiting);
    });
    child.send({ lines }, (error) => error && reject(error));
  });
}

/** @returns numbers of the lines in front of what says how many were dropped, and that */
async function readGap(lines: Interface): Promise<{ readonly numbers: number[]; readonly gap: string }> {
  const numbers: number[] = [];
  for await (const line of lines) {
    if (/lines-dropped/.test(line)) return { numbers, gap: line };
    numbers.push(Number(/"number":(\d+)/.exec(line)?.[1]));
  }
  return assert.fail('no line says that lines were dropped');
}

for (const format of ['json', 'pretty'] as const) {
  test(`a log that nobody reads takes 1 MiB of memory; once it is read one line says what is missing (${format})`, async (t) => {
    const child = start(t, format);
    const { stdout } = child;
    if (stdout === null) return assert.fail('no pipe');
    const before = await write(child, 1);
    const stalled = await write(child, MANY);
    assert.ok(stalled.characters > MIB / 2 && stalled.characters <= MIB, `${stalled.characters} characters wait`);
    assert.ok(stalled.dropped > MANY / 2, `${stalled.dropped} lines dropped`);
    const again = await write(child, MANY);
    assert.equal(again.dropped, stalled.dropped + MANY, 'not one more fits');
    // Garbage of formatting a line is not what waits, which would be 120 MB here.
    const grown = again.residentBytes - before.residentBytes;
    assert.ok(grown < 100 * MIB, `${grown} bytes more`);

    const lines = createInterface({ input: stdout });
    const { numbers, gap } = await readGap(lines);
    assert.deepEqual(
      numbers,
      [...numbers.keys()].map((index) => index + 1),
      'the oldest, all in order',
    );
    assert.equal(Number(/"lines":(\d+)/.exec(gap)?.[1]), 2 * MANY + 1 - numbers.length);
    assert.ok(Number(/"bytes":(\d+)/.exec(gap)?.[1]) > again.dropped * 200);
    assert.match(gap, format === 'json' ? /"level":"error"/ : /ERROR: log\.lines-dropped/);

    const next = once(createInterface({ input: stdout }), 'line');
    await write(child, 1);
    assert.match(String(await next), new RegExp(`"number":${2 * MANY + 2}\\b`));
  });
}

test('a slow reader: lines come again when half of what waits was taken, behind the size of the gap', () => {
  const target = { writableLength: 0, written: [] as string[], write: (text: string) => target.written.push(text) };
  const line = 'x'.repeat(1_000);
  const lines = new BoundedLines(target, ({ lines: count, bytes }) => lines.write(`${count} ${bytes}`));
  target.writableLength = MIB - 1_000;
  lines.write(line);
  target.writableLength = MIB - 999;
  lines.write(line);
  target.writableLength = MIB / 2 + 1;
  lines.write(line);
  assert.deepEqual([target.written, lines.dropped], [[line], 2]);
  target.writableLength = MIB / 2;
  lines.write('next');
  assert.deepEqual([target.written, lines.dropped], [[line, '2 2000', 'next'], 2]);
});

test('however often a reader stalls, the stream is listened to once', () => {
  const listeners: (() => void)[] = [];
  const target = {
    writableLength: 0,
    written: [] as string[],
    write: (text: string) => target.written.push(text),
    once: (_: 'drain', listener: () => void) => listeners.push(listener),
  };
  const lines = new BoundedLines(target, ({ lines: count }) => lines.write(`${count}`));
  for (let i = 0; i < 20; i += 1) {
    target.writableLength = MIB;
    lines.write('lost');
    target.writableLength = 0;
    if (i < 19) lines.write('kept');
  }
  assert.equal(listeners.length, 1);
  listeners[0]?.();
  assert.deepEqual(target.written, [...Array.from({ length: 19 }, () => ['1', 'kept']).flat(), '1']);
});
