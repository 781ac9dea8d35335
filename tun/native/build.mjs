/**
 * Builds the addon: for the install script (packaging/install.mjs), and for `sstpd build-addon` where the package was
 * installed without scripts. Plain JavaScript for Node 18 and later, because npm may run it with the machine's own Node
 * before any other is installed. `--force` builds it also if there is one.
 *
 * One line when all is well or when something is missing; the compiler's output only when it fails.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isThere, neededBy } from '../../packaging/debian-packages.mjs';
import { remedy } from '../../packaging/fetch-packages.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const output = join(here, 'build/Release/tun.node');
/** Else this is the package as `npm pack` makes it, with compiled sources. */
const isClone = existsSync(join(root, 'cli/main.ts'));
const again = isClone ? 'npm ci' : 'sstpd build-addon';

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = buildAddon(process.argv.includes('--force'));
}

/**
 * @param {boolean} [isForced] also if there is one
 * @returns {number} exit status
 */
export function buildAddon(isForced = false) {
  if (process.platform !== 'linux') {
    // The pure layers and their tests work anywhere, so this is no reason to fail the installation.
    console.log('sstpd: the TUN addon is for Linux only and was not built');
    return 0;
  }
  if (!isForced && !isNeeded()) return 0;
  const missing = findMissingTools();
  if (missing.length > 0) {
    const names = missing.map(([program]) => program).join(', ');
    return fail(`${names} not found: ${remedy(missing)}, then "${again}" again`);
  }
  const nodedir = findNodeDirectory();
  if (nodedir === undefined) {
    const remedy = isClone ? 'run "npm ci" without --omit=dev, or install' : 'install';
    return fail(`no Node headers found: ${remedy} the headers of your Node (for Debian's, the package libnode-dev)`);
  }
  const nodeGyp = findNodeGyp();
  if (nodeGyp === undefined) {
    return fail(`node-gyp not found: ${isClone ? 'run "npm ci" without --omit=dev' : 'install npm, which brings it'}`);
  }

  const run = spawnSync(process.execPath, [nodeGyp, 'rebuild', '-C', here, `--nodedir=${nodedir}`], {
    env: environment(),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.status !== 0) {
    console.error(`${run.stdout ?? ''}${run.stderr ?? ''}`);
    return fail(`the TUN addon did not build (${run.error?.message ?? `node-gyp ended with ${run.status}`})`);
  }
  console.log('sstpd: TUN addon built');
  return 0;
}

function fail(line) {
  console.error(`sstpd: ${line}`);
  return 1;
}

/** Whether the package holds an addon that loads here. */
function cameWithPackage() {
  try {
    createRequire(import.meta.url)(join(root, `prebuilds/${process.platform}-${process.arch}-glibc/tun.node`));
    return true;
  } catch {
    return false;
  }
}

function isUpToDate() {
  if (!existsSync(output)) return false;
  const built = statSync(output).mtimeMs;
  return readdirSync(here, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .every((entry) => statSync(join(here, entry.name)).mtimeMs <= built);
}

function isNeeded() {
  return !isUpToDate() && (isClone || !cameWithPackage());
}

/**
 * What lacks for a build, if there is something to build.
 * @returns {[string, string | undefined][]} program, and its Debian package
 */
export function missingTools() {
  return isNeeded() ? findMissingTools() : [];
}

/** The commands that node-gyp needs and that are not there. */
function findMissingTools() {
  const chosen = { 'g++': process.env.CXX, make: process.env.MAKE, python3: process.env.PYTHON };
  return neededBy(['build']).flatMap(([program, name]) => {
    const command = chosen[program] || program;
    const called = command.split(' ').at(-1) ?? command; // CXX may be "ccache g++"
    if (isThere(called, folders())) return [];
    return [called === program ? [program, name] : [called, undefined]];
  });
}

/**
 * Of PATH those that the user has put there. npm puts node_modules/.bin of each parent folder in front, so whoever can
 * write to one of them would choose what compiles for us, perhaps as root.
 */
function folders() {
  const all = (process.env.PATH ?? '').split(delimiter);
  return all.filter((folder) => isAbsolute(folder) && !/\/node_modules\/\.bin\/?$/.test(folder));
}

/**
 * The folder with include/node/node_api.h: of the npm package `node`, whose binary runs the server (npm puts its link
 * first in PATH; it nests the package with headers inside), else of the Node that runs this.
 */
function findNodeDirectory() {
  const nested = `node-${process.platform}-${process.arch}`;
  const beside = resolve(dirname(process.execPath), '..');
  return [
    join(root, 'node_modules/node/node_modules', nested),
    join(root, 'node_modules', nested),
    join(beside, 'node_modules', nested),
    beside,
  ].find((folder) => existsSync(join(folder, 'include/node/node_api.h')));
}

/** Our own node-gyp, else npm's: npm names it to its scripts; else it lies within npm, or beside it where Debian has it. */
function findNodeGyp() {
  const beside = resolve(dirname(process.execPath), '..');
  const places = [join(beside, 'lib/node_modules/npm'), join(beside, 'share/nodejs/npm'), ...npmFolders()];
  return [
    // Not by require.resolve: that also looks in the folders above, where others may have put theirs.
    programIn(join(root, 'node_modules/node-gyp')),
    process.env.npm_config_node_gyp,
    ...places.flatMap((npm) => [join(npm, 'node_modules/node-gyp'), join(npm, '../node-gyp')]).map(programIn),
  ].find((file) => file !== undefined && existsSync(file));
}

function programIn(folder) {
  return join(folder, 'bin/node-gyp.js');
}

/** Of each npm in PATH, whose command is a link to bin/npm-cli.js. */
function npmFolders() {
  return folders().flatMap((folder) => {
    const command = join(folder, 'npm');
    return existsSync(command) ? [resolve(dirname(realpathSync(command)), '..')] : [];
  });
}

/** node-gyp lets these variables (an `nodedir` in the user's .npmrc makes one) override --nodedir without a word. */
function environment() {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(package_)?config_(node_gyp_)?(nodedir|devdir|target|disturl|directory)$/i.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: folders().join(delimiter) };
}
