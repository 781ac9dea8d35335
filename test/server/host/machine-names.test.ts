import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { checkNames } from '../../../certs/index.ts';
import { machineNames } from '../../../server/host/machine-names.ts';

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
