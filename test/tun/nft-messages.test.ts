import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Attribute,
  batch,
  bytesOf,
  EBADMSG,
  EINTR,
  NftMessage,
  nested,
  numberOf,
  readAttributes,
  readMessages,
  text,
  textOf,
} from '../../tun/nft-messages.ts';

const hex = (...parts: string[]): Buffer => Buffer.from(parts.join('').replaceAll(' ', ''), 'hex');

// nlmsghdr: length, type, flags, sequence, port. linux/netlink.h
const CHAIN = '20000000 030a 0200 00000000 00000000 01000000 0c00 0100 7373747064 000000';
const DONE = '14000000 0300 0200 00000000 00000000 00000000';

const read = (...parts: string[]) => readMessages(hex(...parts));

test('a list that ends well has its messages, and no error', () => {
  const { messages, errno, isEnded } = read(CHAIN, DONE);
  assert.deepEqual({ errno, isEnded }, { errno: 0, isEnded: true });
  assert.deepEqual(
    messages.map(({ type, attributes }) => [type, attributes[0]?.value.toString()]),
    [[3, 'sstpd\0\0\0']],
  );
});

for (const [name, wire, errno] of [
  ['one during which something changed (NLM_F_DUMP_INTR)', [CHAIN.replace('0200', '1200'), DONE], EINTR],
  ['one whose end alone says so', [CHAIN, DONE.replace('0200', '1200')], EINTR],
  ['one that the kernel could not end (NLMSG_DONE with an errno)', [CHAIN, DONE.replace(/0{8}$/, 'f4ffffff')], 12],
  ['an error', ['24000000 0200 0000 00000000 00000000 feffffff 00000000 00000000 00000000 00000000'], 2],
  ['an error that no kernel has', [CHAIN, DONE.replace(/0{8}$/, '00f0ffff')], EBADMSG],
  ['the number that has no negation', [CHAIN, DONE.replace(/0{8}$/, '00000080')], EBADMSG],
  ['a number above 0', [CHAIN, DONE.replace(/0{8}$/, '01000000')], EBADMSG],
  ['an end without its number', [CHAIN, '10000000 0300 0200 00000000 00000000'], EBADMSG],
  ['a message shorter than its header', [CHAIN, CHAIN.replace('20', '0f'), DONE], EBADMSG],
  ['a message longer than what came', [CHAIN, DONE, CHAIN.replace('20', '21')], EBADMSG],
  ['half a header', [CHAIN, DONE, '14000000 0300'], EBADMSG],
] as const) {
  test(`an incomplete list is never taken for whole: ${name}`, () => {
    assert.equal(read(...wire).errno, errno);
  });
}

test('a list is over when a message says so, and not before', () => {
  assert.equal(read(CHAIN).isEnded, false);
  assert.equal(read('').isEnded, false);
  const whole = hex(CHAIN, DONE);
  for (let length = 0; length < whole.length; length += 1) {
    const { isEnded, errno } = readMessages(whole.subarray(0, length));
    assert.equal(isEnded, false);
    assert.equal(errno, length === 0 || length === 32 ? 0 : EBADMSG, `${length} bytes`);
  }
});

// As nft 1.0.6 sends them (`nft --debug=mnl`); sequence numbers, which nothing here uses, are 0.
const NFT: readonly [command: string, ...wire: string[]][] = [
  [
    "delete element inet t nets '{ 192.0.2.7 }'",
    '14000000 1000 0100 00000000 00000000 0000000a',
    '54000000 0e0a 0100 00000000 00000000 01000000',
    '0600 0100 74000000 0900 0200 6e65747300000000 2c00 0380',
    '1000 0180 0c00 0180 0800 0100 c0000207',
    '1800 0280 0800 0300 00000001 0c00 0180 0800 0100 c0000208',
    '14000000 1100 0100 00000000 00000000 0000000a',
  ],
  [
    "add element inet t nets '{ 192.0.2.7 }'",
    '14000000 1000 0100 00000000 00000000 0000000a',
    '74000000 0c0a 0104 00000000 00000000 01000000',
    '0600 0100 74000000 0900 0200 6e65747300000000 0800 0400 00000001 4400 0380',
    '1800 0180 0800 0300 00000001 0c00 0180 0800 0100 00000000',
    '1000 0280 0c00 0180 0800 0100 c0000207',
    '1800 0380 0800 0300 00000001 0c00 0180 0800 0100 c0000208',
    '14000000 1100 0100 00000000 00000000 0000000a',
  ],
];

for (const [command, ...wire] of NFT) {
  test(`what nft sends is read, and written byte by byte: ${command}`, () => {
    const { messages, errno } = read(...wire);
    assert.equal(errno, 0);
    const [message = assert.fail()] = messages;
    assert.deepEqual([messages.length, textOf(message, 1), textOf(message, 2)], [1, 't', 'nets']);
    const elements = readAttributes(message.attributes.find(({ type }) => type === 3)?.value ?? assert.fail());
    const last = readAttributes(elements.at(-1)?.value ?? assert.fail());
    assert.equal(numberOf({ type: 0, attributes: last }, 3), 1, 'the end of an interval');
    assert.equal(batch(messages).toString('hex'), hex(...wire).toString('hex'));
    // The lists inside are written anew where something in them changes.
    const anew = message.attributes.map((one) =>
      one.type === 3
        ? nested(
            3,
            elements.map((each) => nested(each.type, readAttributes(each.value))),
          )
        : one,
    );
    assert.equal(batch([{ ...message, attributes: anew }]).toString('hex'), hex(...wire).toString('hex'));
  });
}

const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  fc.tuple(fc.nat(0x3fff), fc.uint8Array({ maxLength: 40 })).map(([type, value]) => bytesOf(type, value)),
  fc.tuple(fc.nat(20), fc.string({ maxLength: 20 })).map(([type, value]) => text(type, value)),
  fc.tuple(fc.nat(20), fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 3 })).map(([type, values]) =>
    nested(
      type,
      values.map((value, i) => bytesOf(i, value)),
    ),
  ),
);

test('what is written is read again, message by message', () => {
  const type = fc.constantFrom(...Object.values(NftMessage));
  const message = fc.record({ type, attributes: fc.array(attribute, { maxLength: 6 }) }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
      const answer = readMessages(batch(messages));
      assert.deepEqual(answer, { messages, errno: 0, isEnded: false });
    }),
  );
});

/** A valid list, with bytes changed, removed or put in anywhere, and lengths of any size. */
const hostile: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.constantFrom(hex(CHAIN, DONE), ...NFT.map(([, ...wire]) => hex(...wire))),
    fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }),
    fc.tuple(fc.nat(200), fc.nat(200)),
    fc.uint8Array({ maxLength: 40 }),
  )
  .map(([valid, changes, [from, to], added]) => {
    const bytes = Buffer.from(valid);
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return Buffer.concat([bytes.subarray(0, from), added, bytes.subarray(to)]);
  });

test('whatever comes: no exception, an errno that a kernel has, nothing from outside of it, and it can be written', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        hostile,
        fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      ),
      (bytes) => {
        const before = Buffer.from(bytes);
        const { messages, errno } = readMessages(bytes);
        assert.ok(Number.isInteger(errno) && errno >= 0 && errno <= 4_095, `${errno}`);
        let size = 0;
        const within = ({ value }: Attribute): void => {
          size += value.length;
          assert.ok(value.byteOffset >= bytes.byteOffset);
          assert.ok(value.byteOffset + value.length <= bytes.byteOffset + bytes.length);
        };
        for (const message of messages) {
          message.attributes.forEach(within);
          assert.ok([textOf(message, 1), numberOf(message, 2)].length === 2);
          nested(
            0,
            message.attributes.flatMap(({ value }) => readAttributes(value)),
          );
        }
        assert.ok(size <= bytes.length);
        const again = readMessages(batch(messages));
        assert.deepEqual(again.messages, messages);
        assert.deepEqual(bytes, before);
      },
    ),
    { numRuns: 2_000 },
  );
});
