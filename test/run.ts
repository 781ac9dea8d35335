/**
 * `npm test` behind the checks: the unit tests anywhere, then e2e/ (namespaces, TUN, real sockets) as root with
 * /dev/net/tun and the Debian packages below. What had to be left out stands in the last lines.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Programs that e2e/ calls, with the Debian package of each. */
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
const isApart = (file: string): boolean => /^test\/(e2e|interop|container)\//.test(file);
const unitPassed = runTests(
  all.filter((file) => !isApart(file)),
  2,
);

const missing: string[] = [];
if (process.getuid?.() !== 0) missing.push('root');
if (!existsSync('/dev/net/tun')) missing.push('/dev/net/tun');
for (const [program, debianPackage] of Object.entries(PROGRAMS)) {
  if (!has(program)) missing.push(`${program} (apt install ${debianPackage})`);
}

let endToEndPassed = true;
if (missing.length === 0) {
  endToEndPassed = runTests(
    all.filter((file) => file.startsWith('test/e2e/')),
    1,
  );
} else {
  console.log(`\nLEFT OUT: the end-to-end tests in test/e2e need ${missing.join(', ')}`);
  if (isCi) console.log('In CI that is a failure.');
  endToEndPassed = !isCi;
}
process.exitCode = unitPassed && endToEndPassed ? 0 : 1;
