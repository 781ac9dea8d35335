/** What the kernel answers over netlink(7), read by the addon. Numbers are in the byte order of little-endian machines. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import fc from 'fast-check';
import { engine } from './engine.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const { EBADMSG } = constants.errno;
/** linux/netlink.h, linux/netfilter/nfnetlink.h */
const Type = { Error: 2, Done: 3, NewFlow: 0x0100 } as const;
/** DumpState of tun/native/conntrack_dump.h */
const State = { More: 0, Done: 1, Failed: 2 } as const;

const FINDINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = JSON.parse(
  readFileSync(new URL('../../tun/native/fuzz/findings.json', import.meta.url), 'utf8'),
);

/** struct nlmsghdr in front of a body. */
function message(type: number, body: Buffer, length = 16 + body.length): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(length >>> 0, 0);
  header.writeUInt16LE(type, 4);
  return Buffer.concat([header, body, Buffer.alloc(-body.length & 3)]);
}

function int32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(number);
  return bytes;
}

/** As the kernel writes an address into a tuple: CTA_TUPLE_IP with CTA_IP_V4_SRC and CTA_IP_V4_DST. */
function tuple(type: number, source: string, destination: string): Buffer {
  const addresses = Buffer.concat([hex('08000100'), hex(source), hex('08000200'), hex(destination)]);
  return Buffer.concat([hex(`1800 0${type}80 1400 0180`), addresses]);
}

function flow(source: string, destination: string): Buffer {
  return message(Type.NewFlow, Buffer.concat([hex('02000000'), tuple(1, source, destination)]));
}

function readDump(received: Buffer, ...addresses: string[]): { state: number; error: number; requests: Buffer[] } {
  const read = engine.readDump(received, Buffer.concat(addresses.map(hex)));
  const requests: Buffer[] = [];
  for (let at = 12; at < read.length; at += read.readUInt32LE(at)) {
    requests.push(read.subarray(at, at + read.readUInt32LE(at)));
  }
  assert.equal(requests.length, read.readInt32BE(8));
  return { state: read.readInt32BE(0), error: read.readInt32BE(4), requests };
}

const ANSWERS: readonly [name: string, body: Buffer, error: number][] = [
  ['an acknowledgement', int32(0), 0],
  ['EPERM', int32(-1), constants.errno.EPERM],
  ['ESRCH, and the request behind it', Buffer.concat([int32(-3), Buffer.alloc(16)]), constants.errno.ESRCH],
  ['the last error of a kernel', int32(-4_095), 4_095],
  ['one beyond', int32(-4_096), EBADMSG],
  ['the number that has no negation', int32(-(2 ** 31)), EBADMSG],
  ['a number above 0', int32(1), EBADMSG],
  ['the greatest number', int32(2 ** 31 - 1), EBADMSG],
  ['half a number', hex('ffff'), EBADMSG],
  ['nothing', hex(''), EBADMSG],
];

for (const [name, body, error] of ANSWERS) {
  test(`an answer with ${name}: ${error === 0 ? 'no error' : `errno ${error}`}, in an acknowledgement and a dump`, () => {
    assert.equal(engine.readAcknowledgement(message(Type.Error, body)), error);
    const state = error === 0 ? State.Done : State.Failed;
    for (const type of [Type.Error, Type.Done]) {
      assert.deepEqual(readDump(message(type, body)), { state, error, requests: [] });
    }
  });
}

test('what is no whole answer is EBADMSG, and no end of a dump', () => {
  const whole = message(Type.Error, int32(-1));
  const others = [
    ...Array.from(whole.keys(), (length) => whole.subarray(0, length)),
    ...[0, 15, 21, 2 ** 31, 2 ** 32 - 1].map((length) => message(Type.Error, int32(-1), length)),
  ];
  for (const bytes of others) {
    assert.equal(engine.readAcknowledgement(bytes), EBADMSG, bytes.toString('hex'));
    assert.equal(readDump(bytes).state, State.More, bytes.toString('hex'));
  }
  assert.equal(engine.readAcknowledgement(message(Type.Done, int32(0))), EBADMSG);
});

test('a list is over with the message that says so, with an error, and with one that is not whole', () => {
  const chain = message(0x0a03, hex('01000000'));
  const end = message(Type.Done, int32(0));
  const whole = Buffer.concat([chain, chain]);
  assert.equal(engine.endsDump(whole), 0);
  for (const last of [end, message(Type.Error, int32(-1)), message(Type.Error, int32(0))]) {
    assert.equal(engine.endsDump(Buffer.concat([whole, last])), 1);
    assert.equal(engine.endsDump(Buffer.concat([last, whole])), 1);
  }
  for (const length of [0, 15, 21, 2 ** 31, 2 ** 32 - 1]) {
    assert.equal(engine.endsDump(Buffer.concat([whole, message(0x0a03, hex('01000000'), length)])), 1, `${length}`);
  }
  for (const rest of [0, 1, 15]) assert.equal(engine.endsDump(Buffer.concat([whole, end.subarray(0, rest)])), 0);
  for (const rest of [16, 19]) assert.equal(engine.endsDump(Buffer.concat([whole, end.subarray(0, rest)])), 1);
});

test('flows of a dump that fails in the middle are deleted, and the error is told', () => {
  const own = flow('0a560002', 'c6336409');
  const received = Buffer.concat([own, flow('0a560003', 'c6336409'), message(Type.Done, int32(-12))]);
  const { state, error, requests } = readDump(received, '0a560002');
  assert.deepEqual({ state, error }, { state: State.Failed, error: constants.errno.ENOMEM });
  assert.equal(requests.length, 1);
  assert.ok(requests[0]?.subarray(20).equals(tuple(1, '0a560002', 'c6336409')));
});

test('what fuzzers found: an error that is one, or none', () => {
  for (const text of Object.values(FINDINGS.acknowledgement ?? assert.fail())) {
    assert.equal(engine.readAcknowledgement(hex(text)), EBADMSG, text);
  }
  for (const text of Object.values(FINDINGS.conntrack ?? assert.fail())) {
    assert.deepEqual(readDump(hex(text)), { state: State.Failed, error: EBADMSG, requests: [] }, text);
  }
});

test('for any answer an error is one that a kernel has', () => {
  const length = fc.oneof(fc.constantFrom(0, 15, 16, 19, 20, 21, 24, 2 ** 32 - 1), fc.nat(40));
  const type = fc.constantFrom(...Object.values(Type));
  const body = fc.tuple(fc.integer(), fc.uint8Array({ maxLength: 20 }));
  fc.assert(
    fc.property(type, length, body, (drawn, size, [number, rest]) => {
      const bytes = message(drawn, Buffer.concat([int32(number), rest]), size);
      const errors = [engine.readAcknowledgement(bytes), readDump(bytes).error];
      for (const error of errors) assert.ok(error >= 0 && error <= 4_095, `${error}`);
    }),
  );
});
