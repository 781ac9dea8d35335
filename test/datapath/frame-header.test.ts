import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrameHeader } from '../../datapath/frame-header.ts';

test('SSTP version, no C bit, length with both headers; PPP FF 03 and protocol (MS-SSTP 2.2.3, RFC 1662 3.1)', () => {
  for (const [length, protocol, wire] of [
    [20, 0x0021, 'ee1000001cff030021ee'],
    [1400, 0x0057, 'ee10000580ff030057ee'],
    [4087, 0x0021, 'ee10000fffff030021ee'],
  ] as const) {
    const target = Buffer.alloc(10, 0xee);
    encodeFrameHeader(target, 1, length, protocol);
    assert.equal(target.toString('hex'), wire);
  }
});
