import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressOf, formatEndpoint } from '../../core/index.ts';

test('an address is the same with its port, in brackets, and alone', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.constant('fe80::1%eth0')), fc.nat(65_535), (address, port) => {
      const isV6 = address.includes(':');
      const forms = isV6 ? [address, `[${address}]`, `[${address}]:${port}`] : [address, `${address}:${port}`];
      for (const form of forms) assert.equal(addressOf(form), address, form);
    }),
  );
  fc.assert(
    fc.property(fc.ipV6(), fc.nat(65_535), (address, port) => {
      for (const form of [address, `[${address}]`, `[${address}]:${port}`])
        assert.equal(addressOf(form), address, form);
    }),
  );
});

test('an endpoint is written as in a URL, and read back', () => {
  assert.equal(formatEndpoint('192.0.2.1', 443), '192.0.2.1:443');
  assert.equal(formatEndpoint('2001:db8::1', 443), '[2001:db8::1]:443');
  assert.equal(formatEndpoint('vpn.example.com', 443), 'vpn.example.com:443');
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65_535), (address, port) => {
      assert.equal(addressOf(formatEndpoint(address, port)), address);
    }),
  );
});

test('what is no endpoint stays as it is', () => {
  for (const text of ['', ':', '[]', '[]:5', '::', '::1', '1:2:3', 'x:y', '[a', '192.0.2.1:']) {
    assert.equal(addressOf(text), text);
  }
});
