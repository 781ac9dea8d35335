/**
 * Builds the addon: `npm ci` runs this as the package's install script, and `sstpd build-addon` where the package was
 * installed without scripts. Plain JavaScript for Node 18 and later, because npm may run it with the machine's own Node
 * before any other is installed. `--force` builds it also if there is one.
 *
 * One line when all is well or when something is missing; the compiler's output only when it fails.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const output = join(here, 'build/Release/tun.node');
/** Else this is the package as `npm pack` makes it, with compiled sources. */
const isClone = existsSync(join(root, 'cli/main.ts'));
const again = isClone ? 'npm ci' : 'sstpd build-addon';

process.exitCode = main();

function main() {
  if (process.platform !== 'linux') {
    // The pure layers and their tests work anywhere, so this is no reason to fail the installation.
    console.log('sstpd: the TUN addon is for Linux only and was not built');
    return 0;
  }
  const isForced = process.argv.includes('--force');
  if (!isForced && (isUpToDate() || (!isClone && cameWithPackage()))) return 0;
  const missing = missingTools();
  if (missing.length > 0) {
    return fail(`${missing.join(', ')} not found: run "apt install g++ make python3", then "${again}" again`);
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

/** The commands node-gyp needs and that are not there. */
function missingTools() {
  return [process.env.CXX ?? 'g++', process.env.MAKE ?? 'make', process.env.PYTHON ?? 'python3'].filter((command) => {
    const program = command.split(' ').at(-1) ?? command; // CXX may be "ccache g++"
    if (program.includes('/')) return !isExecutable(program);
    return !(process.env.PATH ?? '').split(delimiter).some((folder) => isExecutable(join(folder, program)));
  });
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
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

/** Our own node-gyp, else npm's: npm names it in the environment of its scripts; it lies beside Node, or where Debian has it. */
function findNodeGyp() {
  try {
    return createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  } catch {
    const beside = resolve(dirname(process.execPath), '..');
    return [
      process.env.npm_config_node_gyp,
      join(beside, 'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js'),
      join(beside, 'share/nodejs/node-gyp/bin/node-gyp.js'),
    ].find((file) => file !== undefined && existsSync(file));
  }
}

/** node-gyp lets these variables (an `nodedir` in the user's .npmrc makes one) override --nodedir without a word. */
function environment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(package_)?config_(node_gyp_)?(nodedir|devdir|target|disturl|directory)$/i.test(name),
    ),
  );
}
