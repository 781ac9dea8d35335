import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { install } from '../../packaging/install.mjs';
import { FakeMachine } from './fake-machine.ts';

const TOOLS = ['g++', 'make', 'python3'] as const;

/** As missingTools() of the build: those of the machine's folder. */
function toolsOf(machine: FakeMachine, isThere: (name: string) => boolean): () => [string, string][] {
  return () => TOOLS.filter((name) => !isThere(join(machine.bin, name))).map((name) => [name, name]);
}

function exists(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}

test('a bare machine: what lacks to build and to run comes in one go, then the addon is built', (t) => {
  const machine = new FakeMachine(t);
  let built = 0;
  const status = install(machine.given({ tools: toolsOf(machine, exists), build: () => built++ }));
  assert.deepEqual([status, built, machine.complained], [0, 1, []]);
  assert.match(machine.calls.at(-1) ?? '', / g\+\+ make python3 iproute2 nftables$/);
});

test('a machine that has all: not a word, and the addon is built', (t) => {
  const machine = new FakeMachine(t);
  machine.has(...TOOLS, 'ip', 'nft');
  let built = 0;
  assert.equal(install(machine.given({ tools: toolsOf(machine, exists), build: () => built++ })), 0);
  assert.deepEqual([built, machine.said, machine.complained, machine.calls], [1, [], [], []]);
});

test('an addon that is up to date needs no compiler', (t) => {
  const machine = new FakeMachine(t);
  machine.has('ip', 'nft');
  assert.equal(install(machine.given({ tools: () => [] })), 0);
  assert.deepEqual(machine.calls, []);
});

test('a compiler that cannot be had: one message with all that is missing and the command, exit 1, nothing is built', (t) => {
  const machine = new FakeMachine(t);
  machine.has('make');
  const build = (): number => assert.fail('built');
  const status = install(machine.given({ setting: 'no', tools: toolsOf(machine, exists), build }));
  assert.equal(status, 1);
  assert.deepEqual(machine.complained, [
    'sstpd: g++, python3, ip, nft not found (SSTPD_APT=no): run "apt-get update && apt-get install -y ' +
      '--no-install-recommends g++ python3 iproute2 nftables", then "npm ci" again',
  ]);
});

test('ip and nft that cannot be had: one warning line, and it goes on', (t) => {
  const machine = new FakeMachine(t);
  machine.has(...TOOLS, 'ip');
  machine.program('apt-get', 'echo "E: broken packages" >&2; exit 100');
  assert.equal(install(machine.given({ tools: toolsOf(machine, exists) })), 0);
  assert.deepEqual(machine.complained, [
    'sstpd: nft not found (apt-get: broken packages): run "apt-get update && apt-get install -y ' +
      '--no-install-recommends nftables"; without them the server does not start or clients get no further than it',
  ]);
});

test('an installed package only builds: no look at the machine, no word', (t) => {
  const machine = new FakeMachine(t);
  rmSync(join(machine.root, 'cli'), { recursive: true });
  assert.equal(install(machine.given({ tools: () => assert.fail('asked'), build: () => 7 })), 7);
  assert.deepEqual([machine.said, machine.complained, machine.calls], [[], [], []]);
});

test('npm ci and npm install run it', () => {
  const { scripts, files } = JSON.parse(readFileSync('package.json', 'utf8'));
  assert.equal(scripts.install, 'node packaging/install.mjs');
  for (const file of ['install.mjs', 'fetch-packages.mjs', 'debian-packages.mjs', 'debian-packages.json']) {
    assert.ok(files.includes(`packaging/${file}`), file);
  }
});
