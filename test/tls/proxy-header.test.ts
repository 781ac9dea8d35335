import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PROXY_HEADER_MOST, type ProxyHeaderResult, readProxyHeader } from '../../tls/proxy-header.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';

interface Vector {
  readonly name: string;
  /** Text, or hexadecimal digits after `0x`. */
  readonly wire: string;
  /** `ADDRESS PORT`, or undefined where the proxy names nobody. */
  readonly source: string | undefined;
  readonly isLocal?: true;
}

/** Each is whole; whatever follows is the client's. The lines are those of the specification's examples and limits. */
const VECTORS: readonly Vector[] = [
  { name: 'v1 IPv4', wire: 'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n', source: '192.168.0.1 56324' },
  { name: 'v1 IPv6', wire: 'PROXY TCP6 2001:db8::1 2001:DB8::2 1 65535\r\n', source: '2001:db8::1 1' },
  {
    name: 'v1, the longest TCP6 line',
    wire: `PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`,
    source: `${'ffff:'.repeat(7)}ffff 65535`,
  },
  { name: 'v1 UNKNOWN alone', wire: 'PROXY UNKNOWN\r\n', source: undefined },
  {
    name: 'v1 UNKNOWN, the longest line of all',
    wire: `PROXY UNKNOWN ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`,
    source: undefined,
  },
  {
    name: 'v1 of an IPv4 client of a dual-stack proxy',
    wire: 'PROXY TCP6 ::ffff:192.0.2.1 ::1 5 443\r\n',
    source: '192.0.2.1 5',
  },
  { name: 'v2 IPv4', wire: `0x${SIGNATURE}2111000cc0000201c6336401c35001bb`, source: '192.0.2.1 50000' },
  {
    name: 'v2 IPv6',
    wire: `0x${SIGNATURE}2121002420010db800000000000000000000000120010db8000000000000000000000002c35001bb`,
    source: '2001:db8::1 50000',
  },
  {
    name: 'v2 of an IPv4 client of a dual-stack proxy',
    wire: `0x${SIGNATURE}2121002400000000000000000000ffffc000020120010db8000000000000000000000002c35001bb`,
    source: '192.0.2.1 50000',
  },
  // PP2_TYPE_NOOP (0x04) with three bytes.
  {
    name: 'v2 with a TLV',
    wire: `0x${SIGNATURE}21110012c0000201c6336401c35001bb040003000000`,
    source: '192.0.2.1 50000',
  },
  { name: 'v2 LOCAL of a health check', wire: `0x${SIGNATURE}20000000`, source: undefined, isLocal: true },
  {
    name: 'v2 LOCAL with addresses',
    wire: `0x${SIGNATURE}2011000cc0000201c6336401c35001bb`,
    source: undefined,
    isLocal: true,
  },
  { name: 'v2 UNSPEC', wire: `0x${SIGNATURE}21000000`, source: undefined },
  { name: 'v2 of a unix socket', wire: `0x${SIGNATURE}213100d8${'00'.repeat(216)}`, source: undefined },
];

const bytesOf = (wire: string): Buffer =>
  wire.startsWith('0x') ? Buffer.from(wire.slice(2), 'hex') : Buffer.from(wire, 'latin1');

for (const { name, wire, source, isLocal = false } of VECTORS) {
  test(`${name}: read with what follows left alone; every cut of it is incomplete`, () => {
    const bytes = bytesOf(wire);
    const [address = '', port] = source?.split(' ') ?? [];
    const expected: ProxyHeaderResult = {
      kind: 'header',
      length: bytes.length,
      source: source === undefined ? undefined : { address, port: Number(port) },
      isLocal,
    };
    assert.deepEqual(readProxyHeader(bytes), expected);
    for (const rest of ['16030100', '0d0a', '50524f585920']) {
      assert.deepEqual(readProxyHeader(Buffer.concat([bytes, Buffer.from(rest, 'hex')])), expected);
    }
    for (let length = 0; length < bytes.length; length += 1) {
      assert.equal(readProxyHeader(bytes.subarray(0, length)).kind, 'incomplete', `${length} bytes`);
    }
  });
}

for (const [name, wire, reason] of [
  ['a ClientHello', '0x1603010200010001fc', /no PROXY header/],
  ['a request', 'GET / HTTP/1.1\r\n', /no PROXY header/],
  ['lower case', 'proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n', /no PROXY header/],
  ['UDP', 'PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n', /unknown protocol/],
  ['no protocol', 'PROXY \r\n', /unknown protocol/],
  ['IPv6 as TCP4', 'PROXY TCP4 ::1 ::1 1 2\r\n', /wrong address/],
  ['IPv4 as TCP6', 'PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n', /wrong address/],
  ['a name', 'PROXY TCP4 localhost 192.0.2.2 1 2\r\n', /wrong address/],
  ['a port of six digits', 'PROXY TCP4 192.0.2.1 192.0.2.2 100000 2\r\n', /wrong address/],
  ['a port beyond 65535', 'PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n', /wrong address/],
  ['a leading zero', 'PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n', /wrong address/],
  ['two spaces', 'PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n', /wrong address/],
  ['a field too many', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n', /wrong address/],
  ['a field too few', 'PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n', /wrong address/],
  ['no end within 107 bytes', `PROXY UNKNOWN ${'x'.repeat(200)}\r\n`, /without end/],
  ['version 1 in binary', `0x${SIGNATURE}1111000cc0000201c6336401c35001bb`, /unknown version/],
  ['an unknown command', `0x${SIGNATURE}2211000cc0000201c6336401c35001bb`, /unknown command/],
  ['IPv4 in less than 12 bytes', `0x${SIGNATURE}2111000bc0000201c6336401c35001`, /without room/],
  ['IPv6 in the room of IPv4', `0x${SIGNATURE}2121000cc0000201c6336401c35001bb`, /without room/],
  ['64 KiB of TLVs', `0x${SIGNATURE}2111ffff`, /too long/],
] as const) {
  test(`refused: ${name}`, () => {
    const result = readProxyHeader(bytesOf(wire));
    assert.equal(result.kind, 'bad');
    assert.match('reason' in result ? result.reason : '', reason);
  });
}

/** Written here, not by the codec: version 2 for IPv4 with TLVs of any content. */
const v2 = fc
  .record({
    address: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    port: fc.integer({ min: 0, max: 65_535 }),
    tlvs: fc.uint8Array({ maxLength: 300 }),
  })
  .map(({ address, port, tlvs }) => {
    const body = Buffer.concat([address, Buffer.from('c6336401', 'hex'), Buffer.alloc(4), tlvs]);
    body.writeUInt16BE(port, 8);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(body.length);
    const bytes = Buffer.concat([Buffer.from(`${SIGNATURE}2111`, 'hex'), length, body]);
    return { bytes, source: { address: address.join('.'), port } };
  });

const v1 = fc
  .record({
    address: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    port: fc.integer({ min: 0, max: 65_535 }),
  })
  .map(({ address, port }) => ({
    bytes: Buffer.from(`PROXY TCP4 ${address.join('.')} 198.51.100.1 ${port} 443\r\n`),
    source: { address: address.join('.'), port },
  }));

test('whatever address, port and TLVs, and wherever the stream is cut: the same client (property)', () => {
  fc.assert(
    fc.property(fc.oneof(v1, v2), fc.uint8Array({ maxLength: 40 }), fc.nat(), ({ bytes, source }, rest, cut) => {
      const all = Buffer.concat([bytes, rest]);
      const at = cut % bytes.length;
      assert.equal(readProxyHeader(all.subarray(0, at)).kind, 'incomplete');
      assert.deepEqual(readProxyHeader(all), { kind: 'header', length: bytes.length, source, isLocal: false });
    }),
  );
});

test('any bytes, and any change to a good header, end in an answer, and never wait for more than there can be (fuzz)', () => {
  const starts = [Buffer.alloc(0), Buffer.from('PROXY '), Buffer.from(SIGNATURE, 'hex')];
  const changed = fc
    .tuple(fc.constantFrom(...VECTORS), fc.nat(), fc.integer({ min: 0, max: 255 }))
    .map(([{ wire }, at, value]) => {
      const bytes = bytesOf(wire);
      bytes[at % bytes.length] = value;
      return bytes;
    });
  const random = fc
    .tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 2 * PROXY_HEADER_MOST }))
    .map((parts) => Buffer.concat(parts));
  fc.assert(
    fc.property(fc.oneof(changed, random), (bytes) => {
      const result = readProxyHeader(bytes);
      if (result.kind === 'incomplete') assert.ok(bytes.length < PROXY_HEADER_MOST);
      if (result.kind !== 'header') return;
      assert.ok(result.length <= bytes.length && result.length <= PROXY_HEADER_MOST);
      if (result.source !== undefined) assert.match(result.source.address, /^[0-9a-f.:]+$/);
    }),
    { numRuns: 2_000 },
  );
});
