import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTun } from '../../tun/index.ts';

test('a name that no device can have is refused before the kernel is asked', () => {
  for (const name of ['', 'a/b', 'a b', 'a:b', 'sixteen-bytes-xx', 'ü', 'a\0b', 'a\n']) {
    assert.throws(() => openTun({ name, mtu: 1400 }), RangeError, JSON.stringify(name));
  }
});

test('an MTU outside RFC 791 (68) and 65535 is refused before the kernel is asked', () => {
  for (const mtu of [67, 65_536, 1400.5, Number.NaN, -1]) {
    assert.throws(() => openTun({ name: 'sstpd-test', mtu }), RangeError, String(mtu));
  }
});
