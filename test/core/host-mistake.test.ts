import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hostMistake } from '../../core/index.ts';

test('a name with something around it: what to write, and what to leave out', () => {
  for (const [text, expected] of [
    ['https://vpn.example.com', 'write vpn.example.com, without https://'],
    ['HTTPS://vpn.example.com/', 'write vpn.example.com, without https:// and what stands behind the name'],
    ['sstp://vpn.example.com:443', 'write vpn.example.com, without sstp:// and the port'],
    ['//vpn.example.com', 'write vpn.example.com, without the slashes'],
    ['vpn.example.com:443', 'write vpn.example.com, without the port'],
    ['vpn.example.com:', 'write vpn.example.com, without the port'],
    ['vpn.example.com/portal?x=1', 'write vpn.example.com, without what stands behind the name'],
    ['ann@vpn.example.com', 'write vpn.example.com, without the user name'],
    ['[2001:db8::1]', 'write 2001:db8::1, without the brackets'],
    ['[2001:db8::1]:443', 'write 2001:db8::1, without the port and the brackets'],
    ['192.0.2.1:443', 'write 192.0.2.1, without the port'],
    ['10.0.0.0/8', 'write 10.0.0.0, without what stands behind the name'],
    ['vpn.example.com', undefined],
    ['2001:db8::1', undefined],
    ['999.1.1.1', undefined],
    ['a b', undefined],
    ['https://', undefined],
    ['', undefined],
  ] as const) {
    assert.equal(hostMistake(text), expected, text);
  }
});

test('where a port may stand it stays', () => {
  for (const [text, expected] of [
    ['https://vpn.example.com:8443/', 'write vpn.example.com:8443, without https:// and what stands behind the name'],
    ['https://[2001:db8::1]:8443', 'write [2001:db8::1]:8443, without https://'],
    ['vpn.example.com:99999', undefined],
  ] as const) {
    assert.equal(hostMistake(text, true), expected, text);
  }
});

test('of any text it is one line, in bounded time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.boolean(), (text, mayHavePort) => {
      const said = hostMistake(text, mayHavePort);
      assert.ok(said === undefined || !/[\r\n]/.test(said), said);
    }),
  );
  assert.doesNotThrow(() => hostMistake('a'.repeat(1_000_000)));
});
