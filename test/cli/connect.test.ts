import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTarget } from '../../cli/target.ts';
import { inProcess } from './support.ts';

test('a target is a name or an address, with or without a port', () => {
  for (const [target, host, port] of [
    ['vpn.example.com', 'vpn.example.com', 443],
    ['vpn:8443', 'vpn', 8443],
    ['192.0.2.1', '192.0.2.1', 443],
    ['192.0.2.1:1', '192.0.2.1', 1],
    ['2001:db8::1', '2001:db8::1', 443],
    ['[2001:db8::1]', '2001:db8::1', 443],
    ['[2001:db8::1]:65535', '2001:db8::1', 65_535],
  ] as const) {
    assert.deepEqual(parseTarget(target), { host, port });
  }
  for (const target of [
    '',
    ':443',
    'a:0',
    'a:65536',
    'a:x',
    '[::1',
    '[a]:5',
    'https://a',
    'a/b',
    '-a',
    'a b',
    '1.2.3',
    '1::2::3',
  ]) {
    assert.equal(parseTarget(target), undefined, target);
  }
});

test('wrong flags are refused before anything is connected: exit status 2', async () => {
  for (const args of [
    [],
    ['vpn'],
    ['vpn', '--user', 'ann'],
    ['vpn', '--user', 'ann', '--auth', 'eap'],
    ['vpn', '--user', 'ann', '--route', '10.0.0.1/8'],
    ['vpn', '--user', 'ann', '--ca', 'x.pem', '--insecure'],
    ['a:b:c', '--user', 'ann'],
  ]) {
    const { code, stdout, stderr } = await inProcess(['connect', ...args]);
    assert.equal(code, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /^sstpd: [^\n]+\n$/);
  }
});

test('files that cannot be read are exit status 1', async () => {
  for (const [args, line] of [
    [['--password-file', '/nowhere'], 'sstpd: /nowhere cannot be read: it does not exist\n'],
    [['--ca', '/nowhere'], 'sstpd: /nowhere cannot be read: it does not exist\n'],
    [['--ca', '/dev/null'], 'sstpd: /dev/null holds no PEM certificate\n'],
  ] as const) {
    assert.deepEqual(await inProcess(['connect', 'vpn', '--user', 'ann', ...args]), {
      code: 1,
      stdout: '',
      stderr: line,
    });
  }
});
