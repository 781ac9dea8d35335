import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMessages } from '../../tun/nft-messages.ts';

// nlmsghdr: length, type, flags, sequence, port. linux/netlink.h
const CHAIN = '20000000 030a 0200 00000000 00000000 01000000 0c00 0100 7373747064 000000';
const DONE = '14000000 0300 0200 00000000 00000000 00000000';

const read = (...hex: string[]) => readMessages(Buffer.from(hex.join('').replaceAll(' ', ''), 'hex'));

test('a list that ends well has its messages, and no error', () => {
  const { messages, errno } = read(CHAIN, DONE);
  assert.equal(errno, 0);
  assert.deepEqual(
    messages.map(({ type, attributes }) => [type, attributes[0]?.value.toString()]),
    [[3, 'sstpd\0\0\0']],
  );
});

for (const [name, wire, errno] of [
  ['one during which something changed (NLM_F_DUMP_INTR)', [CHAIN.replace('0200', '1200'), DONE], 4],
  ['one whose end alone says so', [CHAIN, DONE.replace('0200', '1200')], 4],
  ['one that the kernel could not end (NLMSG_DONE with an errno)', [CHAIN, DONE.replace(/0{8}$/, 'f4ffffff')], 12],
  ['an error', ['24000000 0200 0000 00000000 00000000 feffffff 00000000 00000000 00000000 00000000'], 2],
] as const) {
  test(`an incomplete list is never taken for whole: ${name}`, () => {
    assert.equal(read(...wire).errno, errno);
  });
}
