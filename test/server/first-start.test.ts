import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { NetworkInterfaceInfo } from 'node:os';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Authenticator, UserStore } from '../../auth/index.ts';
import { checkNames } from '../../certs/index.ts';
import { ensureFirstUser, machineNames } from '../../server/first-start.ts';

const address = (text: string, internal = false): NetworkInterfaceInfo => {
  const common = { address: text, netmask: '', mac: '', internal, cidr: null };
  return text.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' };
};

const interfaces =
  (...lists: NetworkInterfaceInfo[][]) =>
  () =>
    Object.fromEntries(lists.map((list, i) => [`eth${i}`, list]));

test('names to dial: the full host name, IPv4, IPv6; loopback and link-local are of no use', () => {
  const host = interfaces(
    [address('127.0.0.1', true), address('::1', true)],
    [address('2001:db8::5'), address('fe80::1'), address('FE80::2'), address('192.0.2.5')],
    [address('169.254.7.7'), address('10.0.0.5'), address('192.0.2.5')],
  );
  assert.deepEqual(machineNames('vpn.example.com', host), ['vpn.example.com', '192.0.2.5', '10.0.0.5', '2001:db8::5']);
});

test('the devices of a server that runs give no name to dial', () => {
  const host = interfaces([address('192.0.2.5')], [address('10.86.0.1')], [address('fd00::1'), address('10.86.0.1')]);
  assert.deepEqual(machineNames('vpn.example.com', host, { tunnels: ['eth1', 'eth2'] }), [
    'vpn.example.com',
    '192.0.2.5',
  ]);
  const isTunnel = (device: string): boolean => device !== 'eth0';
  assert.deepEqual(machineNames('vpn.example.com', host, { isTunnel }), ['vpn.example.com', '192.0.2.5']);
});

test('a short host name is the last resort of a client on the same network, so it comes last', () => {
  assert.deepEqual(machineNames('box', interfaces([address('192.0.2.5')])), ['192.0.2.5', 'box']);
});

test('a machine without any of these is localhost', () => {
  const loopback = interfaces([address('127.0.0.1', true)]);
  assert.deepEqual(machineNames('', loopback), ['localhost']);
  assert.deepEqual(machineNames('localhost', loopback), ['localhost']);
});

test('a host name that no certificate can carry, or that means another machine to a client, is left out', () => {
  const host = interfaces([address('192.0.2.5')]);
  const local = [
    'localhost',
    'LOCALHOST',
    'localhost.localdomain',
    'localhost.lan',
    'box.localdomain',
    'box.LocalDomain.',
  ];
  for (const name of [...local, 'a b', '-box', 'box:1', '10.0.0', `${'a'.repeat(64)}.example`]) {
    assert.deepEqual(machineNames(name, host), ['192.0.2.5'], name);
  }
  assert.deepEqual(machineNames('localhost.localdomain', interfaces()), ['localhost']);
  assert.deepEqual(machineNames('localhosts.example', host), ['localhosts.example', '192.0.2.5']);
});

test('there are as many names as a certificate takes; of more the addresses stay, IPv4 first', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}`);
  const host = (count: number) => interfaces([address('2001:db8::5'), ...many(count).map((text) => address(text))]);
  assert.deepEqual(machineNames('vpn.example.com', host(120)), many(100));
  assert.deepEqual(machineNames('box', host(99)), [...many(99), '2001:db8::5']);
  assert.deepEqual(machineNames('vpn.example.com', host(98)), ['vpn.example.com', ...many(98), '2001:db8::5']);
  for (const count of [98, 99, 100, 120]) assert.doesNotThrow(() => checkNames(machineNames('box', host(count))));
});

function newStore(t: TestContext): { directory: string; store: UserStore } {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-first-'));
  const store = UserStore.open(directory, { keep: 'password' });
  t.after(() => {
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { directory, store };
}

function canLogIn(store: UserStore, name: string, password: string): boolean {
  const authenticator = new Authenticator({ store });
  return authenticator.verify(authenticator.read({ method: 'pap', name, password })).reason === 'ok';
}

/** At least 64 bits in characters that nobody mistakes for one another when reading them out. */
const PASSWORD = /^[a-hjkmnp-z2-9]{4}(-[a-hjkmnp-z2-9]{4}){3}$/;

test('on a terminal the first user comes with the password to show, and nothing is written to a file', (t) => {
  const { directory, store } = newStore(t);
  const user = ensureFirstUser(store, directory, true);
  assert.ok(user !== undefined && 'password' in user);
  assert.match(user.password, PASSWORD);
  assert.ok(canLogIn(store, user.name, user.password));
  assert.throws(() => statSync(join(directory, 'first-user.txt')), { code: 'ENOENT' });
});

test('without a terminal name and password go to a file for its owner alone', (t) => {
  const { directory, store } = newStore(t);
  const user = ensureFirstUser(store, directory, false);
  const file = join(directory, 'first-user.txt');
  assert.deepEqual(user, { name: 'vpn', passwordFile: file });
  assert.equal((statSync(file).mode & 0o777).toString(8), '600');
  const [name = '', password = '', ...rest] = readFileSync(file, 'utf8').split('\n');
  assert.deepEqual(rest, ['']);
  assert.match(password, PASSWORD);
  assert.ok(canLogIn(store, name, password));
});

test('where there is a user no other is made', (t) => {
  const { directory, store } = newStore(t);
  store.add('alice', 'secret of alice');
  assert.equal(ensureFirstUser(store, directory, true), undefined);
  assert.deepEqual(
    store.list().map((user) => user.name),
    ['alice'],
  );
});

test('every first password is another one', (t) => {
  const passwords = new Set<string>();
  for (let i = 0; i < 4; i++) {
    const { directory, store } = newStore(t);
    const user = ensureFirstUser(store, directory, true);
    if (user !== undefined && 'password' in user) passwords.add(user.password);
  }
  assert.equal(passwords.size, 4);
});
