/**
 * `npm test` behind the checks: the unit tests anywhere, then e2e/ (namespaces, TUN, real sockets) and browser/ (the
 * pages in Chromium) as root with /dev/net/tun and the Debian packages below. What had to be left out stands in the last
 * lines.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Programs that e2e/ calls, with the Debian package of each; browser/ calls them, too. */
const PROGRAMS: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  ping: 'iputils-ping',
  curl: 'curl',
  openssl: 'openssl',
  haproxy: 'haproxy',
  nginx: 'nginx',
  pebble: 'pebble',
  promtool: 'prometheus',
  'systemd-analyze': 'systemd',
};

const BROWSER_PROGRAMS: Readonly<Record<string, string>> = {
  chromium: 'chromium',
};

// What `sstpd` keeps between runs.
process.env.XDG_CACHE_HOME = mkdtempSync(join(tmpdir(), 'sstpd-cache-'));
process.once('exit', () => rmSync(process.env.XDG_CACHE_HOME ?? '', { recursive: true, force: true }));

const isCi = process.env.CI !== undefined;
const pattern = process.argv[2];

function has(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(join(folder, program)));
}

function runTests(files: readonly string[], concurrency: number): boolean {
  const chosen = pattern === undefined ? files : files.filter((file) => file.includes(pattern));
  if (chosen.length === 0) return true;
  const result = spawnSync(process.execPath, ['--test', `--test-concurrency=${concurrency}`, ...chosen], {
    stdio: 'inherit',
  });
  return result.status === 0;
}

const all = globSync('test/**/*.test.ts').sort();
const isApart = (file: string): boolean => /^test\/(e2e|browser|interop|container)\//.test(file);
const unitPassed = runTests(
  all.filter((file) => !isApart(file)),
  2,
);

function missingPrograms(programs: Readonly<Record<string, string>>): string[] {
  return Object.entries(programs).flatMap(([program, debianPackage]) =>
    has(program) ? [] : [`${program} (apt install ${debianPackage})`],
  );
}

/** @returns whether they passed; where they had to be left out, whether that is allowed */
function runWith(folder: string, missing: readonly string[]): boolean {
  if (missing.length === 0) {
    return runTests(
      all.filter((file) => file.startsWith(`${folder}/`)),
      1,
    );
  }
  leftOut.push(`\nLEFT OUT: the tests in ${folder} need ${missing.join(', ')}`);
  return !isCi;
}

const missing = missingPrograms(PROGRAMS);
if (!existsSync('/dev/net/tun')) missing.unshift('/dev/net/tun');
if (process.getuid?.() !== 0) missing.unshift('root');
const leftOut: string[] = [];
const endToEndPassed = runWith('test/e2e', missing);
const browserPassed = runWith('test/browser', [...missing, ...missingPrograms(BROWSER_PROGRAMS)]);
for (const text of leftOut) console.log(text);
if (leftOut.length > 0 && isCi) console.log('In CI that is a failure.');
process.exitCode = unitPassed && endToEndPassed && browserPassed ? 0 : 1;
