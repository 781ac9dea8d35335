import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '../../../server/config/nearest.ts';

test('the nearest key is the one with the fewest edits, of the whole path or of its last part', () => {
  const known = ['data', 'dns', 'dns6', 'network.mtu', 'network.nat', 'http.preambleMs', 'tls.key'];
  for (const [typed, expected] of [
    ['dta', 'data'],
    ['DNS', 'dns'],
    ['dns66', 'dns6'],
    ['nework.mtu', 'network.mtu'],
    ['mtu', 'network.mtu'],
    ['tls.preambleMs', 'http.preambleMs'],
    ['tls.kye', 'tls.key'],
  ] as const) {
    assert.equal(nearest(typed, known), expected, typed);
  }
});

test('there is none without known keys, and a key of any length is compared in bounded time', () => {
  assert.equal(nearest('x', []), undefined);
  assert.equal(nearest('d'.repeat(1_000_000), ['data', 'dns']), 'data');
});
