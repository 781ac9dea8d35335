import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeIpv6cpOption,
  encodeIpv6cpOption,
  type Ipv6cpOption,
  judgeIpv6cpOption,
} from '../../ppp/ipv6cp-options.ts';
import { decodeOptions, encodeOptions } from '../../ppp/options.ts';
import { hex } from './support.ts';

const OPTIONS: readonly { readonly wire: string; readonly option: Ipv6cpOption }[] = [
  { wire: '010a 02005efffe005301', option: { type: 'InterfaceIdentifier', id: hex('02005efffe005301') } },
  { wire: '0109 02005efffe0053', option: { type: 'Other', code: 1, data: hex('02005efffe0053') } },
  { wire: '010b 02005efffe00530100', option: { type: 'Other', code: 1, data: hex('02005efffe00530100') } },
  { wire: '0204 004f', option: { type: 'Other', code: 2, data: hex('004f') } },
];

for (const { wire, option } of OPTIONS) {
  test(`IPv6CP option ${wire}: both directions (RFC 5072 §4)`, () => {
    assert.deepEqual(decodeOptions(hex(wire))?.map(decodeIpv6cpOption), [option]);
    assert.deepEqual(encodeOptions([encodeIpv6cpOption(option)]), hex(wire));
  });
}

test('an identifier that the peer may not have is answered with one that it may (RFC 5072 §4.1)', () => {
  const suggestion = hex('0000000000000002');
  const may = (id: Buffer) => id.equals(suggestion);
  assert.deepEqual(judgeIpv6cpOption({ type: 'InterfaceIdentifier', id: suggestion }, may, suggestion), {
    kind: 'ack',
  });
  assert.deepEqual(judgeIpv6cpOption({ type: 'InterfaceIdentifier', id: hex('0000000000000000') }, may, suggestion), {
    kind: 'nak',
    suggest: { type: 'InterfaceIdentifier', id: suggestion },
  });
  assert.deepEqual(judgeIpv6cpOption({ type: 'Other', code: 2, data: hex('004f') }, may, suggestion), {
    kind: 'reject',
  });
});
