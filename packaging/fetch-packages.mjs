/**
 * Has apt-get install what a clone lacks: for the install script and for `npm test`. Plain JavaScript for Node 18 and
 * later, without a dependency.
 *
 * Only in a clone, never in an installed package; only as root, only from the sources that this machine has already,
 * and not where `SSTPD_APT=no` says so. apt-get gets no variable of ours: npm's environment has its PATH, and proxies
 * and languages of one user, and what apt needs stands in apt's own configuration.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isThere } from './debian-packages.mjs';

const ENVIRONMENT = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  DEBIAN_FRONTEND: 'noninteractive',
  NEEDRESTART_MODE: 'a',
};
/** How long another apt or dpkg may keep the machine's packages locked, such as the upgrades after a boot. */
const LOCK_SECONDS = 120;
const LOCK_PAUSE_MS = 2000;
/** apt-get waits for dpkg's lock by itself, but not for that of the lists. */
const LISTS_LOCKED = /^E: Could not get lock .*\/lists\/lock/m;
const MOST_OUTPUT_BYTES = 64 * 1024 * 1024;

/** What tests replace. */
const MACHINE = {
  root: resolve(dirname(fileURLToPath(import.meta.url)), '..'),
  programs: '/usr/bin',
  user: process.geteuid?.(),
  setting: process.env.SSTPD_APT,
  folders: undefined,
  say: (line) => console.log(line),
  lockSeconds: LOCK_SECONDS,
};

/** @param {string} root of the package @returns whether it is a clone of the repository (`.git` is a file in a work tree) */
export function isClone(root = MACHINE.root) {
  return existsSync(join(root, 'cli/main.ts')) && existsSync(join(root, '.git'));
}

/**
 * Installs the packages of what is missing, and says so in one line before.
 * @param {readonly (readonly [string, string])[]} missing programs or files, each with its package
 * @param {Partial<typeof MACHINE>} [given]
 * @returns what is still missing, and why in some words; '' if nothing was to be done
 */
export function fetchPackages(missing, given = {}) {
  const machine = { ...MACHINE, ...given };
  if (missing.length === 0) return { missing: [], why: '' };
  const packages = namesOf(missing);
  const refusal = packages.length === 0 ? 'no package is known for it' : refusalOf(machine);
  if (refusal !== undefined) return { missing: [...missing], why: refusal };
  machine.say(`sstpd: apt-get installs what this machine lacks (SSTPD_APT=no forbids it): ${packages.join(' ')}`);
  const complaint = install(machine, packages);
  const left = missing.filter(([what]) => !isThere(what, machine.folders));
  return { missing: left, why: left.length === 0 ? '' : (complaint ?? 'the packages do not hold it') };
}

/** The packages of programs or files, each once; a program that somebody chose himself has none. */
export function namesOf(missing) {
  return [...new Set(missing.flatMap(([, name]) => name ?? []))];
}

/** What brings them, as a sentence without its full stop. @param {readonly (readonly [string, string])[]} missing */
export function remedy(missing, given = {}) {
  const machine = { ...MACHINE, ...given };
  const names = namesOf(missing).join(' ');
  if (names !== '' && !hasApt(machine)) return `install what brings them (on Debian: ${names})`;
  const who = machine.user === 0 ? '' : 'as root ';
  return names === ''
    ? 'install it'
    : `${who}run "apt-get update && apt-get install -y --no-install-recommends ${names}"`;
}

function refusalOf(machine) {
  if (!isClone(machine.root)) return 'this is no clone of the repository';
  if (!hasApt(machine)) return 'this machine has no apt-get';
  if (![undefined, '', 'yes'].includes(machine.setting)) {
    return machine.setting === 'no' ? 'SSTPD_APT=no' : `SSTPD_APT is neither "yes" nor "no"`;
  }
  return machine.user === 0 ? undefined : 'only root may install packages';
}

/** ALT Linux has an apt-get for RPM packages with other names. */
function hasApt({ programs }) {
  return ['apt-get', 'dpkg'].every((name) => existsSync(join(programs, name)));
}

/** @returns what apt-get complained of; undefined if it did not */
function install(machine, packages) {
  // A source of others that fails does not keep what can be had from being installed.
  const updated = update(machine);
  const available = availableOf(machine, packages);
  if (available.length === 0) return complaintOf(updated) ?? 'the sources of apt do not have them';
  const options = ['--no-install-recommends', '-o', 'Dpkg::Options::=--force-confold'];
  return complaintOf(aptGet(machine, ['install', '-y', ...options, ...available]));
}

function update(machine) {
  const end = Date.now() + machine.lockSeconds * 1000;
  for (;;) {
    const result = aptGet(machine, ['update']);
    if (result.status === 0 || !LISTS_LOCKED.test(result.stderr ?? '') || Date.now() >= end) return result;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_PAUSE_MS);
  }
}

/** One unknown name would have apt-get install none at all; another release may not have each. */
function availableOf(machine, packages) {
  const { status, stdout } = run(machine, 'apt-cache', ['policy', ...packages]);
  if (status !== 0) return packages;
  const parts = stdout.split(/^(?=\S+:\n)/m).filter((part) => /^ {2}Candidate: (?!\(none\))/m.test(part));
  const known = parts.map((part) => part.slice(0, part.indexOf(':\n')));
  return packages.filter((name) => known.includes(name));
}

function aptGet(machine, words) {
  return run(machine, 'apt-get', ['-q', '-o', `DPkg::Lock::Timeout=${machine.lockSeconds}`, ...words]);
}

function run({ programs }, program, words) {
  return spawnSync(join(programs, program), words, {
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: MOST_OUTPUT_BYTES,
  });
}

/** Its first complaint in one line. An update that no source answered ends well, with a warning. */
function complaintOf({ status, signal, stderr, error }) {
  const [unreached] = (stderr ?? '').match(/(?<=^W: )Failed to fetch .+/m) ?? [];
  if (status === 0) return unreached === undefined ? undefined : `apt-get: ${unreached}`;
  if (error !== undefined) return `apt-get cannot be run: ${error.message}`;
  if (signal !== null) return `apt-get was ended by ${signal}`;
  const [first = `status ${status}`] = (stderr ?? '').match(/(?<=^E: ).+/m) ?? [];
  return `apt-get: ${first.trim()}`;
}
