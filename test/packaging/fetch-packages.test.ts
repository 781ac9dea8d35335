import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fetchPackages, remedy } from '../../packaging/fetch-packages.mjs';
import { FakeMachine } from './fake-machine.ts';

const GCC = ['g++', 'g++'] as const;
const NFT = ['nft', 'nftables'] as const;
const OPTIONS = '-q -o DPkg::Lock::Timeout=0';
const INSTALL = `${OPTIONS} install -y --no-install-recommends -o Dpkg::Options::=--force-confold`;

test('root in a clone: one line, then update and install, with a clean environment and no input', (t) => {
  const machine = new FakeMachine(t);
  process.env.SSTPD_TEST_SECRET = 'x';
  t.after(() => delete process.env.SSTPD_TEST_SECRET);
  assert.deepEqual(fetchPackages([GCC, NFT], machine.given()), { missing: [], why: '' });
  assert.deepEqual(machine.said, [
    'sstpd: apt-get installs what this machine lacks (SSTPD_APT=no forbids it): g++ nftables',
  ]);
  assert.deepEqual(machine.calls, [`${OPTIONS} update`, `${INSTALL} g++ nftables`]);
  // The shell that stands in for apt-get adds PWD, and env itself `_`.
  assert.deepEqual(
    machine.environment.filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line)),
    ['DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=a', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
  );
  assert.equal(machine.input, '/dev/null');
});

test('by default it waits two minutes for a lock', (t) => {
  const machine = new FakeMachine(t);
  const { lockSeconds: _, ...given } = machine.given();
  fetchPackages([GCC], given);
  assert.match(machine.calls[0] ?? '', / -o DPkg::Lock::Timeout=120 update$/);
});

test('nothing is done where nothing lacks', (t) => {
  const machine = new FakeMachine(t);
  assert.deepEqual(fetchPackages([], machine.given()), { missing: [], why: '' });
  assert.deepEqual([machine.said, machine.calls], [[], []]);
});

test('a package is asked for once, however many programs it has', (t) => {
  const machine = new FakeMachine(t);
  fetchPackages(
    [
      ['ip', 'iproute2'],
      ['tc', 'iproute2'],
    ],
    machine.given(),
  );
  assert.equal(machine.calls.at(-1), `${INSTALL} iproute2`);
});

for (const [name, refused] of Object.entries<[string, (machine: FakeMachine) => object]>({
  'SSTPD_APT=no': ['SSTPD_APT=no', () => ({ setting: 'no' })],
  'a word for SSTPD_APT that it does not know': ['SSTPD_APT is neither "yes" nor "no"', () => ({ setting: '0' })],
  'anybody but root': ['only root may install packages', () => ({ user: 1000 })],
  'an installed package': [
    'this is no clone of the repository',
    (machine) => {
      rmSync(join(machine.root, 'cli'), { recursive: true });
      return {};
    },
  ],
  'sources without .git': [
    'this is no clone of the repository',
    (machine) => {
      rmSync(join(machine.root, '.git'), { recursive: true });
      return {};
    },
  ],
  'another distribution': ['this machine has no apt-get', () => ({ programs: '/nonexistent' })],
})) {
  test(`${name}: no apt-get, and the reason`, (t) => {
    const machine = new FakeMachine(t);
    assert.deepEqual(fetchPackages([GCC], machine.given(refused[1](machine))), { missing: [GCC], why: refused[0] });
    assert.deepEqual([machine.said, machine.calls], [[], []]);
  });
}

test('a work tree, whose .git is a file, is a clone; SSTPD_APT=yes and an empty one allow it', (t) => {
  const machine = new FakeMachine(t);
  rmSync(join(machine.root, '.git'), { recursive: true });
  writeFileSync(join(machine.root, '.git'), 'gitdir: /elsewhere\n');
  assert.equal(fetchPackages([GCC], machine.given({ setting: 'yes' })).why, '');
  assert.equal(fetchPackages([NFT], machine.given({ setting: '' })).why, '');
});

test("a source that fails does not keep the others' packages out", (t) => {
  const machine = new FakeMachine(t);
  machine.program('apt-get', `case "$*" in *update) echo 'E: no signature' >&2; exit 100;; esac`);
  assert.deepEqual(fetchPackages([GCC], machine.given()), { missing: [], why: '' });
});

test('what this release does not have is left out of the line that would fail for it', (t) => {
  const machine = new FakeMachine(t);
  machine.program(
    'apt-cache',
    'printf "g++:\\n  Candidate: 1\\n  Version table:\\n     1 500\\nnftables:\\n  Candidate: (none)\\n"',
  );
  const { missing, why } = fetchPackages([GCC, NFT], machine.given());
  assert.equal(machine.calls.at(-1), `${INSTALL} g++`);
  assert.deepEqual([missing, why], [[NFT], 'the packages do not hold it']);
});

for (const [name, apt, why] of [
  [
    'apt-get that fails',
    'echo "W: x" >&2; echo "E: Unable to correct problems" >&2; exit 100',
    'Unable to correct problems',
  ],
  ['apt-get that fails without a word', 'exit 3', 'status 3'],
] as const) {
  test(`${name}: its first complaint`, (t) => {
    const machine = new FakeMachine(t);
    machine.program('apt-get', apt);
    assert.deepEqual(fetchPackages([GCC], machine.given()), { missing: [GCC], why: `apt-get: ${why}` });
  });
}

test('without a network: what could not be fetched', (t) => {
  const machine = new FakeMachine(t);
  machine.program('apt-get', `echo "W: Failed to fetch http://deb.example/x  Temporary failure" >&2; exit 0`);
  machine.program('apt-cache', '');
  assert.deepEqual(
    fetchPackages([GCC], machine.given()).why,
    'apt-get: Failed to fetch http://deb.example/x  Temporary failure',
  );
});

test("another's lock on the lists is waited for", (t) => {
  const machine = new FakeMachine(t);
  const marker = join(machine.bin, 'asked');
  machine.program(
    'apt-get',
    `case "$*" in *update) if [ ! -e '${marker}' ]; then : > '${marker}'
      echo 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1 (apt)' >&2; exit 100; fi;; esac`,
  );
  assert.equal(fetchPackages([GCC], machine.given({ lockSeconds: 60 })).why, '');
  assert.equal(machine.calls.filter((words) => words.endsWith(' update')).length, 2);
});

test('the remedy is the whole command, with "as root" for others than root, and names alone where there is no apt-get', (t) => {
  const machine = new FakeMachine(t);
  const command = 'run "apt-get update && apt-get install -y --no-install-recommends g++ nftables"';
  assert.equal(remedy([GCC, NFT], machine.given()), command);
  assert.equal(remedy([GCC, NFT], machine.given({ user: 1000 })), `as root ${command}`);
  const elsewhere = machine.given({ programs: '/nonexistent' });
  assert.equal(remedy([GCC, NFT], elsewhere), 'install what brings them (on Debian: g++ nftables)');
  assert.equal(remedy([['clang++-19', undefined]], machine.given()), 'install it');
});
