/** Tests of bin/sstpd.js under another Node than ours: a script that claims to be one, in a copy of the launcher. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

const LAUNCHER = new URL('../../bin/sstpd.js', import.meta.url).pathname;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sstpd-bin-'));
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'cli'));
  copyFileSync(LAUNCHER, join(folder, 'bin/sstpd.js'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  // Under this preload the launcher takes the running Node for an old one without execve.
  writeFileSync(
    join(folder, 'old.cjs'),
    `if (!process.env.IS_NEW) {
      Object.defineProperty(process.versions, 'node', { value: '18.19.0' });
      Object.defineProperty(process, 'version', { value: 'v18.19.0' });
      process.execve = undefined;
      process.env.IS_NEW = '1';
    }`,
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

function haveNodeInClone(): void {
  mkdirSync(join(folder, 'node_modules/node/bin'), { recursive: true });
  symlinkSync(process.execPath, join(folder, 'node_modules/node/bin/node'));
}

function main(source: string): void {
  writeFileSync(
    join(folder, 'cli/main.ts'),
    `export async function main(args: string[]): Promise<number> { ${source} }`,
  );
}

const start = (...args: readonly string[]): [string, string[]] => [
  process.execPath,
  ['-r', join(folder, 'old.cjs'), join(folder, 'bin/sstpd.js'), ...args],
];

test('it is executable: npm makes a link to it', () => {
  assert.equal(statSync(LAUNCHER).mode & 0o111, 0o111);
});

test('under an old Node in a clone without a newer one at hand: one line, exit status 1', () => {
  main('return 0;');
  const { status, stdout, stderr } = spawnSync(...start('x'), { encoding: 'utf8' });
  assert.deepEqual([status, stdout], [1, '']);
  assert.equal(stderr, 'sstpd: needs Node 24 or newer, this is v18.19.0; npm ci brings one along\n');
});

test('an installed package has no sources: the compiled ones run, and what is missing is said in its terms', () => {
  mkdirSync(join(folder, 'dist/programs'), { recursive: true });
  rmSync(join(folder, 'cli'), { recursive: true });
  writeFileSync(
    join(folder, 'dist/programs/main.js'),
    "export const main = async (args) => (args[0] === 'x' ? 5 : import(args[0]));",
  );
  const { status, stdout, stderr } = spawnSync(...start('x'), { encoding: 'utf8' });
  assert.deepEqual([status, stdout], [1, '']);
  assert.equal(stderr, 'sstpd: needs Node 24 or newer, this is v18.19.0; see https://nodejs.org/en/download\n');
  const program = join(folder, 'bin/sstpd.js');
  assert.equal(spawnSync(process.execPath, [program, 'x']).status, 5);
  const missing = spawnSync(process.execPath, [program, 'no-such-package'], { encoding: 'utf8' });
  assert.match(
    missing.stderr,
    /^sstpd: something is not installed, install the package anew: Cannot find package [^\n]*\n$/,
  );
});

test('under an old Node the one of the clone takes over: arguments, stdio and exit status are kept', () => {
  haveNodeInClone();
  main(`
    process.stdin.setEncoding('utf8');
    let text = '';
    for await (const part of process.stdin) text += part;
    console.log(args.join('|') + '|' + text);
    return 7;`);
  const { status, stdout, stderr } = spawnSync(...start('a b', '--c'), { encoding: 'utf8', input: 'in' });
  assert.deepEqual([status, stdout, stderr], [7, 'a b|--c|in\n', '']);
});

test('signals reach the Node that took over', async () => {
  haveNodeInClone();
  main(`
    const signal = new Promise((resolve) => { for (const s of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(s, resolve); });
    const alive = setInterval(() => undefined, 1000);
    console.log('ready');
    console.log(await signal);
    clearInterval(alive);
    return 3;`);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const child: ChildProcess = spawn(...start(), { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      if (part === 'ready\n') child.kill(signal);
      else text += part;
    });
    const [code] = (await once(child, 'close')) as [number];
    assert.deepEqual([code, text], [3, `${signal}\n`]);
  }
});

test('SIGUSR1 opens no debugger, neither here nor in the Node that took over; SIGUSR2 ends neither', async () => {
  haveNodeInClone();
  main(`
    const inspector = await import('node:inspector');
    console.log(process.pid);
    for await (const _ of process.stdin) console.log('url', inspector.url());
    return 4;`);
  for (const [program, args] of [start(), [process.execPath, [join(folder, 'bin/sstpd.js')]] as const]) {
    const child: ChildProcess = spawn(program, args, { stdio: 'pipe' });
    let text = '';
    child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      if (part.startsWith('url')) {
        text += part;
        child.stdin?.end();
        return;
      }
      for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
        for (const pid of new Set([child.pid ?? 0, Number(part)])) process.kill(pid, signal);
      }
      child.stdin?.write('and now?');
    });
    const [code] = (await once(child, 'close')) as [number];
    assert.deepEqual([code, text], [4, 'url undefined\n']);
  }
});

test('a child that a signal killed shows as in a shell: 128 and its number', () => {
  haveNodeInClone();
  main("process.kill(process.pid, 'SIGKILL'); await new Promise(() => setInterval(() => undefined, 1000)); return 0;");
  assert.equal(spawnSync(...start()).status, 137);
});

test('warnings of experimental features in use are hidden, others shown; a missing package is one line', () => {
  const run = (source: string): { status: number | null; stderr: string } => {
    main(source);
    const { status, stderr } = spawnSync(process.execPath, [join(folder, 'bin/sstpd.js')], { encoding: 'utf8' });
    return { status, stderr };
  };
  const warned = run(`
    process.emitWarning('SQLite is an experimental feature', 'ExperimentalWarning');
    process.emitWarning('SQLite is an experimental feature', { type: 'ExperimentalWarning' });
    process.emitWarning('Type Stripping is an experimental feature', 'ExperimentalWarning');
    process.emitWarning('Something else', 'ExperimentalWarning');
    process.emitWarning('mind this');
    await new Promise(setImmediate);
    return 0;`);
  assert.match(warned.stderr, /ExperimentalWarning: Something else\n/);
  assert.match(warned.stderr, /Warning: mind this\n/);
  assert.doesNotMatch(warned.stderr, /SQLite|Stripping/);
  const missing = run("await import('no-such-package'); return 0;");
  assert.equal(missing.status, 1);
  assert.match(
    missing.stderr,
    /^sstpd: something is not installed, run npm ci: Cannot find package 'no-such-package'[^\n]*\n$/,
  );
});

const CACHED = 'console.log(arguments[2] ?? "none"); return 0;';

function cacheFolder(env: NodeJS.ProcessEnv): string {
  const { stdout } = spawnSync(process.execPath, [join(folder, 'bin/sstpd.js')], { encoding: 'utf8', env });
  return stdout.trim();
}

test('what may be kept between runs goes into a folder of our own below XDG_CACHE_HOME', () => {
  main(CACHED);
  const base = join(realpathSync(folder), 'cache');
  assert.equal(cacheFolder({ XDG_CACHE_HOME: base }), join(base, 'sstpd'));
  assert.equal(statSync(join(base, 'sstpd')).mode & 0o777, 0o700);
  assert.notEqual(readdirSync(join(base, 'sstpd/compiled')).length, 0);
});

test('a folder that others can write to, on any step of the way, is not used', () => {
  main(CACHED);
  const base = join(folder, 'cache');
  mkdirSync(join(base, 'sstpd'), { recursive: true });
  for (const open of [base, join(base, 'sstpd')]) {
    for (const mode of [0o777, 0o775]) {
      chmodSync(open, mode);
      assert.equal(cacheFolder({ XDG_CACHE_HOME: base }), 'none', `${open} ${mode.toString(8)}`);
    }
    chmodSync(open, 0o755);
  }
  rmSync(join(base, 'sstpd'), { recursive: true });
  symlinkSync(folder, join(base, 'sstpd'));
  assert.equal(cacheFolder({ XDG_CACHE_HOME: base }), 'none');
});

test("root does not use another user's folder", { skip: process.getuid?.() === 0 ? false : 'needs root' }, () => {
  main(CACHED);
  const base = join(folder, 'cache');
  mkdirSync(join(base, 'sstpd'), { recursive: true });
  chownSync(base, 65_534, 65_534);
  assert.equal(cacheFolder({ XDG_CACHE_HOME: base }), 'none');
});

test('without a place for a cache it works all the same', () => {
  main(CACHED);
  writeFileSync(join(folder, 'file'), '');
  assert.equal(cacheFolder({ XDG_CACHE_HOME: join(folder, 'file') }), 'none');
});
