/** What `npm pack` makes, installed as a user would, without install scripts and with no source in reach. */
// Needs: curl, objdump, g++, make, python3
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { tunMissing } from '../support/netns.ts';
import { SstpdProcess } from '../support/sstpd-process.ts';
import { INSIDE, SERVE_ARGS, SERVER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const CLONE = join(import.meta.dirname, '../..');
/** npm and the program run under the Node of the tests. */
const ENV = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
/** A minute is much for npm, but it may have to ask the registry. */
const NPM_MS = 60_000;
const CAGE = 'prebuilds/linux-x64-glibc/sstpd-cage';
/** What Node 24 itself asks of glibc, and the C++ library of GCC 11. */
const NEWEST_GLIBC = 28;
const NEWEST_GLIBCXX = 29;

let folder: string;
let installed: string;

before(() => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), 'sstpd-package-'));
  chmodSync(folder, 0o755);
  run(CLONE, 'npm', 'pack', '--pack-destination', folder);
  const [tarball = ''] = globSync(join(folder, '*.tgz'));
  installed = join(folder, 'home/empty');
  mkdirSync(installed, { recursive: true });
  run(installed, 'npm', 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', tarball);
});
after(() => {
  if (!skip) rmSync(folder, { recursive: true });
});

function run(cwd: string, command: string, ...args: string[]): string {
  return execFileSync(command, args, { cwd, env: ENV, encoding: 'utf8', stdio: 'pipe', timeout: NPM_MS });
}

const inPackage = (path: string): string => join(installed, 'node_modules/sstpd', path);

test('the package holds JavaScript, the addon and its sources, and leaves none of it in the clone', { skip }, () => {
  assert.deepEqual(globSync(inPackage('**/*.ts')), []);
  const page = globSync('admin/web/**/*.{html,css,js,svg}', { cwd: CLONE });
  for (const path of [
    'bin/sstpd.js',
    'sbom.cdx.json',
    'SECURITY.md',
    'dist/programs/main.js',
    'prebuilds/linux-x64-glibc/tun.node',
    CAGE,
    ...page,
  ]) {
    assert.ok(existsSync(inPackage(path)), path);
  }
  assert.ok(!existsSync(inPackage('tun/native/build')), 'no install script has run');
  for (const path of ['dist', 'prebuilds', 'sbom.cdx.json']) assert.ok(!existsSync(join(CLONE, path)), path);
});

test('the addon of the package asks for no newer libraries than its documentation says', { skip }, () => {
  const symbols = run(installed, 'objdump', '-T', inPackage('prebuilds/linux-x64-glibc/tun.node'));
  for (const [pattern, newest] of [
    [/\(GLIBC_2\.(\d+)/g, NEWEST_GLIBC],
    [/\(GLIBCXX_3\.4\.(\d+)/g, NEWEST_GLIBCXX],
  ] as const) {
    const asked = [...symbols.matchAll(pattern)].map((match) => Number(match[1]));
    assert.ok(asked.length > 0 && Math.max(...asked) <= newest, `${pattern}: ${asked}`);
  }
});

test('help and version', { skip }, () => {
  assert.match(run(installed, 'node_modules/.bin/sstpd', '--help'), /^Usage: sstpd /);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  assert.equal(run(installed, 'node_modules/.bin/sstpd', '--version'), `${version}\n`);
});

/** Not npx, whose signals are npm's. */
function isOurs(pid: string): boolean {
  return /sstpd\0serve|worker-main/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
}

async function tunnel(t: TestContext): Promise<void> {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  const program = ['env', '-C', installed, 'node_modules/.bin/sstpd'];
  const env = { ...ENV, SSTPD_LOG_FORMAT: 'json' };
  const serve = ['serve', '--data', lab.data, '--workers', '2', ...SERVE_ARGS];
  const server = new SstpdProcess(lab.server, [...program, ...serve], env);
  await server.line({ msg: 'server.started', workers: 2 });
  // Read before the rights were dropped.
  const page = await lab.server.run('curl', ['--silent', '--insecure', 'https://127.0.0.1:8443/assets/app.js']);
  assert.equal(page, readFileSync(join(CLONE, 'admin/web/app.js'), 'utf8'));
  const [user = '', password = ''] = readFileSync(join(lab.data, 'first-user.txt'), 'utf8').split('\n');
  const connect = ['connect', SERVER, '--user', user, '--ca', join(lab.data, 'ca.pem'), '--json'];
  const client = new SstpdProcess(lab.client(), [...program, ...connect], { ...ENV, SSTPD_PASSWORD: password });
  await client.line({ event: 'up', ipv4: /./ });
  const processes = (await lab.serverPids()).filter(isOurs);
  assert.equal(processes.length, 3);
  for (const signal of ['SIGUSR1', 'SIGUSR2']) for (const pid of processes) process.kill(Number(pid), signal);
  await lab.client().run('ping', ['-c', '3', '-i', '0.2', '-W', '5', INSIDE]);
  assert.doesNotMatch(server.text, /^Debugger listening/m);
  assert.deepEqual(server.lines({ level: 'error' }), []);
  // The program that shuts workers in came with the package, and may be run.
  assert.deepEqual(server.lines({ msg: 'doctor.finding', check: 'cage' }), []);
  // A worker that crashed is started again by a user who is not root.
  const from = server.mark;
  for (const { pid } of server.lines({ msg: 'worker.ready' })) process.kill(Number(pid), 'SIGKILL');
  for (const worker of [0, 1]) await server.line({ msg: 'worker.ready', worker }, from);
  await client.end();
}

test('a tunnel between serve with workers and connect', { skip }, (t) => tunnel(t));

test('the same where nobody but root may enter the folder above the one that it is installed in', {
  skip,
}, async (t) => {
  const home = dirname(installed);
  chmodSync(home, 0o700);
  t.after(() => chmodSync(home, 0o755));
  await tunnel(t);
});

test('where only root may enter that folder itself, one line says what to do', { skip }, async (t) => {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  chmodSync(installed, 0o700);
  t.after(() => chmodSync(installed, 0o755));
  const serve = ['env', '-C', installed, 'node_modules/.bin/sstpd', 'serve', '--data', lab.data, '--workers', '2'];
  const server = new SstpdProcess(lab.server, serve, ENV);
  assert.equal((await server.end()).status, 1);
  assert.equal(
    server.text.replace(/\(uid \d+\)/, '(uid N)'),
    `sstpd: sstpd is installed below ${installed}, which is closed to the user that its workers run as (uid N): ` +
      `chmod o+x ${installed}, or install it elsewhere`,
  );
});

test('the install script takes the addon of the package; without it sstpd build-addon makes one', { skip }, () => {
  const script = inPackage('packaging/install.mjs');
  const scriptSays = (): unknown[] => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], { env: {}, encoding: 'utf8' });
    return [status, stdout, stderr];
  };
  assert.deepEqual(scriptSays(), [0, '', '']);
  rmSync(inPackage('prebuilds'), { recursive: true });
  const missing =
    'sstpd: g++, make, python3 not found: run "apt-get update && apt-get install -y --no-install-recommends ' +
    'g++ make python3", then "sstpd build-addon" again\n';
  assert.deepEqual(scriptSays(), [1, '', missing]);
  const served = spawnSync('node_modules/.bin/sstpd', ['serve'], { cwd: installed, env: ENV, encoding: 'utf8' });
  const what = 'sstpd: the TUN addon is not built for this machine: run "sstpd build-addon"\n';
  assert.deepEqual([served.status, served.stdout, served.stderr], [1, '', what]);
  assert.equal(run(installed, 'node_modules/.bin/sstpd', 'build-addon'), 'sstpd: TUN addon built\n');
  const started = spawnSync('node_modules/.bin/sstpd', ['serve', '--data', '/proc/none'], {
    cwd: installed,
    env: ENV,
    encoding: 'utf8',
  });
  assert.match(started.stderr, /^sstpd: data directory \/proc\/none can't be made/);
});
