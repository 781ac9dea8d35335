import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CertificateError, canonicalIp, checkName, checkNames } from '../../certs/index.ts';

test('names come back valid, lower case, once, sorted into DNS names and addresses', () => {
  assert.deepEqual(
    checkNames([
      'VPN.Example.com',
      'vpn.example.com.',
      '192.0.2.7',
      '2001:DB8:0:0::1',
      '[2001:db8::1]',
      '*.x.test',
      'host_1',
    ]),
    { dns: ['vpn.example.com', '*.x.test', 'host_1'], ip: ['192.0.2.7', '2001:db8::1'], first: 'vpn.example.com' },
  );
});

test('the first name may be an address', () => {
  assert.equal(checkNames(['2001:DB8::1', 'vpn.test']).first, '2001:db8::1');
});

test('an internationalised name becomes its A-label (RFC 5891), behind a wildcard too', () => {
  assert.deepEqual(checkName('vpn.BÜCHER.example'), { kind: 'dns', text: 'vpn.xn--bcher-kva.example' });
  assert.deepEqual(checkName('*.bücher.example'), { kind: 'dns', text: '*.xn--bcher-kva.example' });
});

const REFUSED: readonly [string, RegExp][] = [
  ['', /empty/],
  ['vpn.test:443', /without the port/],
  ['[2001:db8::1]:443', /without the port/],
  ['https://vpn.test/', /bare host name/],
  ['user@vpn.test', /bare host name/],
  ['10.0.0.0/8', /bare host name/],
  ['fe80::1%eth0', /bare host name/],
  ['vpn .test', /white space/],
  ['vpn.te\nst', /white space/],
  ['vpn\u0000.test', /white space/],
  ['-a.test', /labels/],
  ['a-.test', /labels/],
  ['a..test', /labels/],
  ['.test', /labels/],
  ['a.*.test', /labels/],
  ['a*.test', /labels/],
  ['*', /labels/],
  ['*.test', /wildcard/],
  [`${'a'.repeat(64)}.test`, /labels/],
  [`${'a.'.repeat(126)}aa`, /longer than 253/],
  ['1.2.3.256', /neither/],
  ['1.2.3', /neither/],
  ['0x7f.1', /neither/],
  ['vpn.0x1f', /neither/],
  ['１２７.０.０.１', /neither/],
  ['vpn.test,DNS:evil.test', /bare host name/],
  ['vpn.test"', /labels/],
];

for (const [name, why] of REFUSED) {
  test(`refused with one line: ${JSON.stringify(name.slice(0, 40))}`, () => {
    assert.throws(
      () => checkNames(['good.test', name]),
      (error) =>
        error instanceof CertificateError &&
        why.test(error.message) &&
        error.message.endsWith('--host NAME') &&
        !error.message.includes('\n'),
    );
  });
}

test('no name at all, and more than 100, are refused', () => {
  const remedied = { code: 'ERR_CERTIFICATE', message: /--host NAME$/ };
  assert.throws(() => checkNames([]), remedied);
  assert.throws(() => checkNames(Array.from({ length: 101 }, (_, i) => `h${i}.test`)), remedied);
  assert.equal(checkNames(Array.from({ length: 100 }, (_, i) => `h${i}.test`)).dns.length, 100);
});

test('any text is refused with our error or gives printable ASCII that is accepted again, unchanged', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.domain(),
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ unit: 'grapheme' }),
  );
  fc.assert(
    fc.property(text, (name) => {
      try {
        const checked = checkName(name);
        assert.match(checked.text, /^[a-z0-9.:*_-]{1,253}$/);
        assert.deepEqual(checkName(checked.text), checked);
      } catch (error) {
        if (!(error instanceof CertificateError)) throw error;
      }
    }),
    { numRuns: 300 },
  );
});

test('addresses have one spelling (RFC 5952)', () => {
  assert.equal(canonicalIp('2001:0DB8:0000::0001'), '2001:db8::1');
  assert.equal(canonicalIp('[::1]'), '::1');
  assert.equal(canonicalIp('192.0.2.1'), '192.0.2.1');
  for (const text of ['192.0.2.01', '0300.0.2.1', '192.0.2', '[192.0.2.1]', 'x', '']) {
    assert.equal(canonicalIp(text), undefined, text);
  }
});
