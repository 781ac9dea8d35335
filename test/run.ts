/**
 * `npm test`: has the packages installed that the tests lack (as root on Debian, see packaging/fetch-packages.mjs), checks
 * format, lint and types, and runs the unit tests, then e2e/ (namespaces, TUN, real sockets) and browser/ (the pages in
 * Chromium). A file whose needs are not met is left out; the last line says how many, and why. With a word behind it,
 * `npm test -- ppp`, only the files with that word in their path; with `--unit` only the unit tests.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchPackages, remedy } from '../packaging/fetch-packages.mjs';
import { lackingOf, needsOf, packagesFor } from './needs.ts';
import type { Counts } from './support/count-reporter.ts';
import { describeLeftOut, type LeftOut, lastLine } from './verdict.ts';

const isCi = process.env.CI !== undefined;
const isUnitOnly = process.argv.includes('--unit');
const [pattern = ''] = process.argv.slice(2).filter((word) => word !== '--unit');
const folder = mkdtempSync(join(tmpdir(), 'sstpd-test-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
// What `sstpd` keeps between runs.
process.env.XDG_CACHE_HOME = folder;

process.exitCode = main();

function main(): number {
  const files = globSync('test/**/*.test.ts', { exclude: ['test/{interop,container}/**'] })
    .filter((file) => file.includes(pattern) && !(isUnitOnly && isApart(file)))
    .sort();
  const needs = new Map(files.map((file) => [file, needsOf(file)]));
  const why = fetchMissing([...new Set([...needs.values()].flat())]);
  if (spawnSync('npm', ['run', '--silent', 'check'], { stdio: 'inherit' }).status !== 0) return 1;

  const leftOut: LeftOut[] = files
    .map((file) => ({ file, lacking: lackingOf(needs.get(file) ?? []) }))
    .filter(({ lacking }) => lacking.length > 0);
  const chosen = files.filter((file) => !leftOut.some((one) => one.file === file));
  const unit = chosen.filter((file) => !isApart(file));
  const runs = [
    runTests(unit, 2),
    ...['e2e', 'browser'].map((name) =>
      runTests(
        chosen.filter((file) => file.startsWith(`test/${name}/`)),
        1,
      ),
    ),
  ];
  for (const line of describeLeftOut(leftOut)) console.log(line);
  if (leftOut.length > 0) {
    const missing = packagesFor([...new Set(leftOut.flatMap(({ lacking }) => lacking))]);
    if (missing.length > 0) console.log(`${why === '' ? '' : `${why}: `}${remedy(missing)}`);
    if (isCi) console.log('In CI it is a failure to leave tests out.');
  }
  console.log(lastLine(runs, leftOut));
  return runs.some(({ failed }) => failed > 0) || (isCi && leftOut.length > 0) ? 1 : 0;
}

function isApart(file: string): boolean {
  return /^test\/(?:e2e|browser)\//.test(file);
}

/** @returns why packages are still missing; '' if none are */
function fetchMissing(needs: readonly string[]): string {
  return fetchPackages(packagesFor(lackingOf(needs))).why;
}

/** Each run has a process of its own for each file; a run that breaks off counts as one failure. */
function runTests(files: readonly string[], concurrency: number): Counts {
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const counted = join(folder, 'counts.json');
  rmSync(counted, { force: true });
  const reporters = [
    ['spec', 'stdout'],
    [join(import.meta.dirname, 'support/count-reporter.ts'), counted],
  ].flatMap(([reporter, destination]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${destination}`]);
  const args = ['--test', `--test-concurrency=${concurrency}`, ...reporters, ...files];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  const counts = countsIn(counted);
  return status === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

function countsIn(file: string): Counts {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Counts;
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
