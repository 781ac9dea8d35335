#!/usr/bin/env node
/**
 * Starts the sstpd command. Plain JavaScript that any Node since 14 can run, so that a wrong one gets a clear line:
 * under an older Node it goes on with the one of the npm package `node` in this clone, if `npm ci` has put it there.
 */
import module from 'node:module';
import { constants, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Before anything else: at SIGUSR1 Node opens its debugger, which runs code for everybody on this machine, with our
// rights. SIGUSR2 would end the process without taking back what it set up. Neither means anything to any command.
for (const signal of ['SIGUSR1', 'SIGUSR2']) process.on(signal, () => undefined);

/** An import would also load what is behind node:fs's lazy exports: see core/builtins.ts. */
const { existsSync, lstatSync, mkdirSync, realpathSync } = module.createRequire(import.meta.url)('fs');

const NEEDED_MAJOR = 24;
const SOURCE = new URL('../cli/main.ts', import.meta.url);
/** Else this is an installed package, where Node takes no TypeScript: it holds what the sources were compiled to. */
const isClone = existsSync(SOURCE);

if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) start();
else startUnderNewerNode();

function start() {
  hideExperimentalWarnings();
  const cache = privateCacheFolder();
  if (cache !== undefined) module.enableCompileCache(join(cache, 'compiled'));
  const main = isClone ? SOURCE : new URL('../dist/programs/main.js', import.meta.url);
  import(main.href)
    .then(({ main: run }) => run(process.argv.slice(2), process, cache))
    .then((code) => process.exit(code))
    .catch((error) => {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      const remedy = isClone ? 'run npm ci' : 'install the package anew';
      console.error(`sstpd: something is not installed, ${remedy}: ${error.message.split('\n')[0]}`);
      process.exit(1);
    });
}

/**
 * Where compiled sources are kept from one start to the next, which halves the time it takes; undefined if there is no
 * safe place. Whoever can write there chooses what we run, so each folder on the way must be root's or ours, and
 * nobody else may write to it, or only as in /tmp.
 */
function privateCacheFolder() {
  try {
    const base = process.env.XDG_CACHE_HOME || join(userInfo().homedir, '.cache');
    if (!existsSync(base)) mkdirSync(base, { mode: 0o700 });
    let folder = realpathSync(base);
    if (!isSafe(folder)) return undefined;
    folder = join(folder, 'sstpd');
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
    return isSafe(folder) ? folder : undefined;
  } catch {
    return undefined; // no home, a file system that is read-only or full
  }
}

/** @param folder without symbolic links on the way */
function isSafe(folder) {
  const stats = lstatSync(folder);
  const isOthers = stats.uid !== 0 && stats.uid !== process.geteuid();
  const isOpen = (stats.mode & 0o022) !== 0 && (stats.mode & 0o1000) === 0;
  if (isOthers || isOpen || !stats.isDirectory()) return false;
  return dirname(folder) === folder || isSafe(dirname(folder));
}

/** Two features of Node that this program relies on; every other warning is shown. */
function hideExperimentalWarnings() {
  const emitWarning = process.emitWarning;
  process.emitWarning = function filtered(warning, ...rest) {
    const type = typeof rest[0] === 'object' && rest[0] !== null ? rest[0].type : rest[0];
    if (type === 'ExperimentalWarning' && /SQLite|Type Stripping/i.test(String(warning))) return;
    emitWarning.call(process, warning, ...rest);
  };
}

async function startUnderNewerNode() {
  const node = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (!existsSync(node)) {
    const remedy = isClone ? 'npm ci brings one along' : 'see https://nodejs.org/en/download';
    console.error(`sstpd: needs Node ${NEEDED_MAJOR} or newer, this is ${process.version}; ${remedy}`);
    process.exit(1);
  }
  const args = [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  if (typeof process.execve === 'function') {
    process.emitWarning = () => undefined;
    process.execve(node, [node, ...args], process.env);
  }
  const { spawn } = await import('node:child_process');
  const child = spawn(node, args, { stdio: 'inherit' });
  const forward = (signal) => {
    // Ctrl-C on a terminal reaches the child too; a second one would make it hurry.
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
  for (const signal of signals) process.on(signal, forward);
  child.on('error', (error) => {
    console.error(`sstpd: cannot start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]));
}
