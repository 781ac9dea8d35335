import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeLcpOption, encodeLcpOption, judgeLcpOption, type LcpOption } from '../../ppp/lcp-options.ts';
import { decodeOptions, encodeOptions } from '../../ppp/options.ts';
import { hex } from './support.ts';

const OPTIONS: readonly { readonly wire: string; readonly option: LcpOption }[] = [
  { wire: '0104 0ffb', option: { type: 'Mru', mru: 4091 } },
  { wire: '0206 000a0000', option: { type: 'Accm', map: 0x000a0000 } },
  { wire: '0304 c023', option: { type: 'AuthProtocol', protocol: 0xc023, data: hex('') } },
  { wire: '0305 c223 81', option: { type: 'AuthProtocol', protocol: 0xc223, data: hex('81') } },
  { wire: '0506 fedcba98', option: { type: 'MagicNumber', magic: 0xfedcba98 } },
  { wire: '0702', option: { type: 'Other', code: 7, data: hex('') } },
  { wire: '0802', option: { type: 'Other', code: 8, data: hex('') } },
  { wire: '0d03 06', option: { type: 'Other', code: 13, data: hex('06') } },
  { wire: '1104 064e', option: { type: 'Other', code: 17, data: hex('064e') } },
  { wire: '1202', option: { type: 'Other', code: 18, data: hex('') } },
  { wire: '1305 0101 02', option: { type: 'Other', code: 19, data: hex('010102') } },
  { wire: '0103 05', option: { type: 'Other', code: 1, data: hex('05') } },
  { wire: '0105 05dc00', option: { type: 'Other', code: 1, data: hex('05dc00') } },
  { wire: '0303 c0', option: { type: 'Other', code: 3, data: hex('c0') } },
  { wire: '0505 fedcba', option: { type: 'Other', code: 5, data: hex('fedcba') } },
];

for (const { wire, option } of OPTIONS) {
  test(`LCP option ${wire}: both directions (RFC 1661 §6)`, () => {
    assert.deepEqual(decodeOptions(hex(wire))?.map(decodeLcpOption), [option]);
    assert.deepEqual(encodeOptions([encodeLcpOption(option)]), hex(wire));
  });
}

const TERMS = {
  ownMagic: 0x11111111,
  suggestMagic: () => 0x22222222,
  judgeAuth: () => ({ kind: 'reject' }) as const,
};
const ACK = { kind: 'ack' } as const;

test('MRU from 576 is acked, below it 1500 is suggested (RFC 1661 §6.1)', () => {
  for (const mru of [576, 1400, 1500, 4091, 65535]) assert.deepEqual(judgeLcpOption({ type: 'Mru', mru }, TERMS), ACK);
  for (const mru of [0, 128, 575]) {
    const suggest = { type: 'Mru', mru: 1500 };
    assert.deepEqual(judgeLcpOption({ type: 'Mru', mru }, TERMS), { kind: 'nak', suggest });
  }
});

test('Magic-Number: zero and our own are answered with another one (RFC 1661 §6.4)', () => {
  assert.deepEqual(judgeLcpOption({ type: 'MagicNumber', magic: 1 }, TERMS), ACK);
  for (const magic of [0, 0x11111111]) {
    const suggest = { type: 'MagicNumber', magic: 0x22222222 };
    assert.deepEqual(judgeLcpOption({ type: 'MagicNumber', magic }, TERMS), { kind: 'nak', suggest });
  }
});

test('PFC, ACFC, Callback, MRRU, SSNHF, EPDISC and unknown options are rejected; ACCM means nothing under SSTP', () => {
  for (const code of [0, 4, 6, 7, 8, 9, 13, 17, 18, 19, 255]) {
    assert.deepEqual(judgeLcpOption({ type: 'Other', code, data: hex('') }, TERMS), { kind: 'reject' });
  }
  assert.deepEqual(judgeLcpOption({ type: 'Accm', map: 0 }, TERMS), ACK);
});

test('a demand that we authenticate is for the side to judge', () => {
  const option: LcpOption = { type: 'AuthProtocol', protocol: 0xc023, data: hex('') };
  assert.deepEqual(judgeLcpOption(option, TERMS), { kind: 'reject' });
  assert.deepEqual(judgeLcpOption(option, { ...TERMS, judgeAuth: () => ACK }), ACK);
});
