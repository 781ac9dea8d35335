import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cageArguments, pathsOfWorker, probeCage } from '../../../server/host/cage.ts';
import { judgeCage, workerEnvironment } from '../../../server/host/cage-plan.ts';

const RUN = { user: '', workers: 2, cage: 'auto', link: false } as const;
const HTTP = { preambleMs: 1_000, fallback: { kind: 'page' } } as const;
const FOLDER = { preambleMs: 1_000, fallback: { kind: 'directory', path: '/srv/site' } } as const;
const WHOLE = { landlock: 6, seccomp: true, landlockError: undefined, seccompError: undefined } as const;
const NO_LANDLOCK = { ...WHOLE, landlock: 0, landlockError: 'ENOSYS' } as const;

test('both layers: fine, with the ABI and what it lacks', () => {
  assert.deepEqual(judgeCage({ run: RUN, http: HTTP }, WHOLE), {
    check: 'cage',
    result: 'ok',
    text: 'workers are shut in by Landlock, ABI 6, and seccomp',
  });
  assert.match(
    judgeCage({ run: RUN, http: HTTP }, { ...WHOLE, landlock: 2 }).text,
    /ABI 2 \(without its rules for truncation \(Linux 6\.2\), TCP \(Linux 6\.7\), .*: there seccomp alone forbids it\)/,
  );
});

test('a layer that is missing is named with its reason and with what it leaves open, and is no start with `require`', () => {
  const finding = judgeCage({ run: RUN, http: HTTP }, NO_LANDLOCK);
  assert.equal(finding.result, 'warning');
  assert.match(finding.text, /missing for the workers' cage: Landlock \(ENOSYS\); .*open no file/);
  assert.match(judgeCage({ run: RUN, http: FOLDER }, NO_LANDLOCK).text, /read all files that their user may/);
  const neither = { ...NO_LANDLOCK, seccomp: false, seccompError: 'EPERM' };
  assert.match(
    judgeCage({ run: RUN, http: HTTP }, neither).text,
    /Landlock \(ENOSYS\) and seccomp \(EPERM\); nothing does/,
  );
  const run = { ...RUN, cage: 'require' } as const;
  assert.equal(judgeCage({ run, http: HTTP }, NO_LANDLOCK).result, 'problem');
  assert.equal(judgeCage({ run, http: HTTP }, WHOLE).result, 'ok');
});

test('what holds the cage down for a test is never content, nor enough for `require`', () => {
  const held = { ...WHOLE, landlock: 2, heldDownTo: 2 };
  assert.match(judgeCage({ run: RUN, http: HTTP }, held).text, /Landlock beyond ABI 2 \(SSTPD_CAGE_ABI/);
  assert.equal(judgeCage({ run: { ...RUN, cage: 'require' }, http: HTTP }, held).result, 'problem');
});

test('no cage, and no worker, is warned of', () => {
  assert.match(judgeCage({ run: { ...RUN, cage: 'off' }, http: HTTP }, undefined).text, /nothing but the user id/);
  assert.match(judgeCage({ run: { ...RUN, workers: 0 }, http: HTTP }, undefined).text, /this process/);
});

test('without Landlock no paths are told, without seccomp no filter is asked for', () => {
  const paths = { read: ['/lib'], run: ['/bin/node'] };
  assert.deepEqual(cageArguments({ landlock: 0, seccomp: true }, paths), ['--seccomp', '--']);
  assert.deepEqual(cageArguments({ landlock: 2, seccomp: false }, paths, [6]), [
    ...['--landlock', '2', '--run', '/bin/node', '--read', '/lib', '--drop', '6', '--'],
  ]);
});

test('a worker reads neither the whole clone nor a folder of data in it', () => {
  const { read, run } = pathsOfWorker(process.execPath, ['/srv/site']);
  assert.ok(read.some((path) => path.endsWith('/server')) && read.includes('/srv/site'));
  assert.ok(!read.includes(process.cwd()) && !read.includes('/') && !read.includes('/etc') && !read.includes('/usr'));
  assert.ok(run.includes(process.execPath));
  assert.ok(
    run.every((path) => path === process.execPath || /\/ld-[^/]*$/.test(path)),
    run.join(' '),
  );
});

test('the probe answers here, and knows of Landlock no more than it is let', () => {
  const { landlock, landlockError, seccomp, seccompError } = probeCage();
  assert.equal(landlock > 0, landlockError === undefined);
  assert.equal(seccomp, seccompError === undefined);
  assert.deepEqual(probeCage(0).landlock, 0);
  assert.ok(probeCage(2).landlock <= 2);
});

test('a worker is told of a file of authorities only where it may read it and needs it', () => {
  const environment = { PATH: '/bin', NODE_EXTRA_CA_CERTS: '/etc/own.pem' };
  const fallback = (url: string) => ({ kind: 'proxy', url }) as const;
  for (const http of [HTTP, FOLDER, { fallback: fallback('http://127.0.0.1:8080') }]) {
    assert.deepEqual(workerEnvironment(http, environment), { PATH: '/bin' });
  }
  assert.deepEqual(workerEnvironment({ fallback: fallback('https://web.example') }, environment), environment);
});
