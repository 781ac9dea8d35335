import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'sstpd-around-'));
after(() => rmSync(folder, { recursive: true }));

/** A file with one test, whose set-up takes a while and would keep it from ending. @returns what it wrote, in order */
function run(...flags: string[]): string[] {
  const file = join(folder, 'one.test.ts');
  const wrote = join(folder, 'wrote');
  writeFileSync(wrote, '');
  const around = JSON.stringify(join(import.meta.dirname, 'support/around.ts'));
  writeFileSync(
    file,
    `import { appendFileSync } from 'node:fs';
    import { createServer } from 'node:net';
    import { test } from 'node:test';
    import { setImmediate } from 'node:timers/promises';
    import { around } from ${around};
    const write = (line: string) => appendFileSync(${JSON.stringify(wrote)}, line + '\\n');
    const server = createServer();
    around(async () => {
      for (let turn = 0; turn < 100; turn += 1) await setImmediate();
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      write('up');
    }, () => {
      write('down');
      server.close();
    });
    test('one', () => write('test'));`,
  );
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, signal } = spawnSync(process.execPath, [...flags, file], {
    env,
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  assert.deepEqual({ status, signal }, { status: 0, signal: null });
  return readFileSync(wrote, 'utf8').trim().split('\n');
}

test('what tests share is there before the first of them, and gone after the last', () => {
  assert.deepEqual(run(), ['up', 'test', 'down']);
});

test('a file none of whose tests is to run takes down what it made, and ends', () => {
  assert.deepEqual(run('--test-name-pattern=another'), ['up', 'down']);
});

test('no test file begins with work that its end does not wait for', () => {
  const files = globSync('**/*.test.ts', { cwd: import.meta.dirname });
  assert.ok(files.length > 100);
  assert.deepEqual(
    files.filter((file) => /^before\(async/m.test(readFileSync(join(import.meta.dirname, file), 'utf8'))),
    [],
  );
});
