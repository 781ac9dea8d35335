import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeHttpAccept,
  encodeHttpRefusal,
  encodeHttpRequest,
  type HttpRefusalStatus,
  PreambleReader,
  type PreambleResult,
  SSTP_URI,
} from '../../sstp/index.ts';

const URI = '/sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/';
const LENGTH = 'Content-Length: 18446744073709551615';

/** As Windows 10 sends it: the correlation id first, Host last. */
const WINDOWS = request(
  `SSTP_DUPLEX_POST ${URI} HTTP/1.1`,
  'SSTPCORRELATIONID: {48B82435-099A-4158-A987-052E7570CFAA}',
  LENGTH,
  'Host: vyos.io',
);

type AcceptedCase = readonly [
  name: string,
  wire: string,
  correlationId?: string | undefined,
  host?: string | undefined,
  tenantId?: string | undefined,
];

const ACCEPTED: readonly AcceptedCase[] = [
  ['Windows 10', WINDOWS, '{48B82435-099A-4158-A987-052E7570CFAA}', 'vyos.io'],
  [
    'sstpc 1.0.18, whose correlation id is not a GUID',
    request(
      `SSTP_DUPLEX_POST ${URI} HTTP/1.1`,
      'Host: vpn.example.test:4443',
      LENGTH,
      'SSTPCORRELATIONID: {46649A51-9601-AEDC-25A63085}',
    ),
    '{46649A51-9601-AEDC-25A63085}',
    'vpn.example.test:4443',
  ],
  [
    'the Android client: Content-Length first',
    request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, LENGTH, 'Host: vpn', 'SSTPCORRELATIONID: {x}'),
    '{x}',
    'vpn',
  ],
  ['the least: no Host, no correlation id', request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, LENGTH)],
  [
    'names in any case, any white space around values (RFC 9112 5.1)',
    request(
      `SSTP_DUPLEX_POST ${URI} HTTP/1.1`,
      'HOST:\t vpn \t',
      'content-LENGTH:18446744073709551615  ',
      'sstpCorrelationId:',
    ),
    undefined,
    'vpn',
  ],
  ['the GUID in lower case', request(`SSTP_DUPLEX_POST ${URI.toLowerCase()} HTTP/1.1`, LENGTH)],
  [
    'braces percent-encoded by something in between',
    request('SSTP_DUPLEX_POST /sra_%7BBA195980-CD49-458b-9E23-C84EE0ADCD75%7d/ HTTP/1.1', LENGTH),
  ],
  [
    'the absolute form of a proxy (RFC 9112 3.2.2)',
    request(`SSTP_DUPLEX_POST https://vpn.example:443${URI} HTTP/1.1`, LENGTH),
  ],
  [
    'tenantid in the query (MS-SSTP 3.2.4.1)',
    request(`SSTP_DUPLEX_POST ${URI}?a=b&tenantid=x%20y&c HTTP/1.1`, LENGTH),
    undefined,
    undefined,
    'x%20y',
  ],
  [
    'the same Content-Length twice, and headers that we do not know',
    request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, LENGTH, 'X-Forwarded-For: 192.0.2.1', 'Connection: keep-alive', LENGTH),
  ],
];

for (const [name, wire, correlationId, host, tenantId] of ACCEPTED) {
  test(`accepted: ${name}`, () => {
    const result = read(wire);
    assert.ok(result.kind === 'sstp');
    const { head, isOnePacketReader: _, ...request } = result.request;
    assert.deepEqual(request, { correlationId, host, tenantId, isPppListening: false });
    assert.ok(head.startsWith('SSTP_DUPLEX_POST '));
    assert.equal(result.rest.length, 0);
  });
}

const REFUSED: readonly (readonly [name: string, status: HttpRefusalStatus, wire: string])[] = [
  ['HTTP/1.0 (MS-SSTP 4.1)', 505, request(`SSTP_DUPLEX_POST ${URI} HTTP/1.0`, LENGTH)],
  ['HTTP/2.0', 505, request(`SSTP_DUPLEX_POST ${URI} HTTP/2.0`, LENGTH)],
  ['no version', 400, request(`SSTP_DUPLEX_POST ${URI}`, LENGTH)],
  ['a version that is none', 400, request(`SSTP_DUPLEX_POST ${URI} HTTP/1.10`, LENGTH)],
  ['a word behind the version', 400, request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1 x`, LENGTH)],
  ['a word too many', 400, request(`SSTP_DUPLEX_POST ${URI} x HTTP/1.1`, LENGTH)],
  ['another URI', 404, request('SSTP_DUPLEX_POST / HTTP/1.1', LENGTH)],
  ['a longer URI', 404, request(`SSTP_DUPLEX_POST ${URI}x HTTP/1.1`, LENGTH)],
  ['no Content-Length (MS-SSTP 3.2.4.1)', 411, request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, 'Host: vpn')],
  ['another Content-Length', 400, request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, 'Content-Length: 0')],
  [
    'the right number with a sign',
    400,
    request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, 'Content-Length: +18446744073709551615'),
  ],
  ['two Content-Lengths that differ', 400, request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, LENGTH, 'Content-Length: 1')],
  [
    'Transfer-Encoding (RFC 9112 6.3)',
    400,
    request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, LENGTH, 'Transfer-Encoding: chunked'),
  ],
  ['two Hosts (RFC 9112 3.2)', 400, request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, LENGTH, 'Host: a', 'Host: b')],
  [
    'white space before the colon (RFC 9112 5.1)',
    400,
    request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, 'Host : vpn', LENGTH),
  ],
  ['a folded line (RFC 9112 5.2)', 400, request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, LENGTH, ' more: x')],
  ['a line without a colon', 400, request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, 'Host', LENGTH)],
  ['a line without a name', 400, request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, ': vpn', LENGTH)],
];

for (const [name, status, wire] of REFUSED) {
  test(`refused with ${status}: ${name}`, () => assertRefused(read(wire), status));
}

for (const [name, bytes] of [
  ['a bare LF', 'Host: vpn\n'],
  ['a bare CR', 'Host: vpn\rx'],
  ['a NUL', 'Host: v\0'],
  ['an escape', 'Host: \x1b'],
  ['a DEL', 'Host: \x7f'],
] as const) {
  test(`refused with 400 as soon as it is there, without waiting for the blank line: ${name}`, () => {
    const reader = new PreambleReader();
    assert.equal(reader.push(latin1(`SSTP_DUPLEX_POST ${URI} HTTP/1.1\r\n`)).kind, 'need-more');
    assertRefused(reader.push(latin1(bytes)), 400);
  });
}

test('refused with 400: a LF that ends the request line alone', () => {
  assertRefused(read(`SSTP_DUPLEX_POST ${URI} HTTP/1.1\n\n`), 400);
});

test('refused with 431: 8 KiB without a blank line, but 8 KiB with it are taken (default limit)', () => {
  const start = `SSTP_DUPLEX_POST ${URI} HTTP/1.1\r\n${LENGTH}\r\nX: `;
  const fits = `${start}${'a'.repeat(8192 - start.length - 4)}\r\n\r\n`;
  assert.equal(fits.length, 8192);
  assert.equal(read(fits).kind, 'sstp');
  assertRefused(read(fits.replace('X: ', 'X: a')), 431);
  assert.equal(read(fits.slice(0, 8191)).kind, 'need-more');
  assertRefused(read(fits.replace('X: ', 'X: a').slice(0, 8192)), 431);
  assertRefused(read(`${start}${'a'.repeat(9000)}`), 431);
});

test('the limit counts the head, not what is pipelined behind it', () => {
  const result = new PreambleReader(WINDOWS.length).push(Buffer.concat([latin1(WINDOWS), Buffer.alloc(20_000, 7)]));
  assert.ok(result.kind === 'sstp');
  assert.deepEqual(result.rest, Buffer.alloc(20_000, 7));
  assertRefused(new PreambleReader(WINDOWS.length - 1).push(latin1(WINDOWS)), 431);
});

test('bytes pipelined behind the blank line are kept, in any cut', () => {
  const pipelined = '\x10\x01\x80\x0e\x00\x01\x00\x01\x00\x01\x00\x06\x00\x01\r\n\r\n';
  const whole = latin1(WINDOWS + pipelined);
  for (let cut = 0; cut <= whole.length; cut++) {
    const reader = new PreambleReader();
    const first = reader.push(Buffer.from(whole.subarray(0, cut)));
    if (cut < WINDOWS.length) assert.equal(first.kind, 'need-more');
    const result = cut < WINDOWS.length ? reader.push(whole.subarray(cut)) : first;
    assert.ok(result.kind === 'sstp');
    const expected = cut < WINDOWS.length ? pipelined : pipelined.slice(0, cut - WINDOWS.length);
    assert.equal(result.rest.toString('latin1'), expected);
    assert.equal(result.request.host, 'vyos.io');
  }
});

test('in pieces of three bytes, each in the same buffer: the same request', () => {
  const reader = new PreambleReader();
  const wire = latin1(WINDOWS);
  const buffer = Buffer.alloc(3);
  let result: PreambleResult = { kind: 'need-more' };
  for (let offset = 0; offset < wire.length; offset += 3) {
    assert.equal(result.kind, 'need-more');
    result = reader.push(buffer.subarray(0, wire.copy(buffer, 0, offset, offset + 3)));
  }
  assert.deepEqual(result, read(WINDOWS));
});

for (const other of [
  'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST / HTTP/1.1\r\n\r\n',
  'SSTP_DUPLEX_POSTS / HTTP/1.1\r\n\r\n',
  'sstp_duplex_post / HTTP/1.1\r\n\r\n',
  'SSTP_DUPLEX_POST\r\n\r\n',
  '\x16\x03\x01',
  '\r\n\r\n',
]) {
  test(`other HTTP: ${JSON.stringify(other)} goes to the web server whole, decided at the first byte that differs`, () => {
    assert.deepEqual(read(other), { kind: 'other-http', bytes: latin1(other) });
    const method = 'SSTP_DUPLEX_POST ';
    const reader = new PreambleReader();
    for (let i = 0; ; i++) {
      const result = reader.push(latin1(other.charAt(i)));
      if (other[i] === method[i]) {
        assert.equal(result.kind, 'need-more');
        continue;
      }
      assert.deepEqual(result, { kind: 'other-http', bytes: latin1(other.slice(0, i + 1)) });
      break;
    }
  });
}

test('the head for diagnosis: lines as read, secrets as their length, at most 1 KiB of printable ASCII', () => {
  const result = read(
    request(
      `SSTP_DUPLEX_POST ${URI} HTTP/1.1`,
      LENGTH,
      'Cookie: session=hunter2',
      'Authorization: Basic abcd',
      'X-Name: J\xfcrgen',
    ),
  );
  assert.ok(result.kind === 'sstp');
  assert.deepEqual(result.request.head.split('\n'), [
    `SSTP_DUPLEX_POST ${URI} HTTP/1.1`,
    'content-length: 18446744073709551615',
    'cookie: (15 characters)',
    'authorization: (10 characters)',
    'x-name: J?rgen',
  ]);
  const long = read(request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, LENGTH, `SSTPCORRELATIONID: ${'x'.repeat(5000)}`));
  assert.ok(long.kind === 'sstp');
  assert.equal(long.request.head.length, 1024);
  assert.equal(long.request.correlationId, 'x'.repeat(128));
});

test('of a Host 255 characters are kept (RFC 1035 2.3.4), whatever was sent: it goes into the log before any login', () => {
  for (const length of [254, 255, 256, 8000]) {
    const result = read(request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, LENGTH, `Host: ${'x'.repeat(length)}`));
    assert.ok(result.kind === 'sstp');
    assert.equal(result.request.host, 'x'.repeat(Math.min(length, 255)));
  }
});

test('any bytes behind the method, in any chunks: the same answer as in one', () => {
  const line = fc.constantFrom(URI, ' ', 'HTTP/1.1', '\r\n', 'Host: a', LENGTH, ':', '\n', '\r', 'x', '\xff', '\t');
  const any = fc.array(fc.oneof(line, fc.string({ maxLength: 5 })), { maxLength: 30 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(any, fc.array(fc.nat(60), { maxLength: 20 }), (text, sizes) => {
      const bytes = latin1(`SSTP_DUPLEX_POST ${text}`);
      const reader = new PreambleReader();
      let result: PreambleResult = { kind: 'need-more' };
      let offset = 0;
      for (const size of [...sizes, bytes.length]) {
        if (result.kind !== 'need-more') break;
        result = reader.push(bytes.subarray(offset, offset + size));
        offset = Math.min(bytes.length, offset + size);
      }
      const whole = new PreambleReader().push(bytes);
      if (result.kind === 'sstp' && whole.kind === 'sstp') assert.deepEqual(result.request, whole.request);
      else assert.deepEqual(result, whole);
    }),
    { numRuns: 300 },
  );
});

test('the accepting answer (MS-SSTP 4.1, with its date)', () => {
  assert.equal(
    encodeHttpAccept(new Date('2006-11-09T00:51:09Z')).toString('latin1'),
    'HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\nServer: Microsoft-HTTPAPI/2.0\r\n' +
      'Date: Thu, 09 Nov 2006 00:51:09 GMT\r\n\r\n',
  );
});

test('a refusing answer has a body, its length in bytes, and ends the connection', () => {
  assert.equal(
    encodeHttpRefusal(503, 'f\u00fcll', new Date('2006-11-09T00:51:09Z')).toString('utf8'),
    'HTTP/1.1 503 Service Unavailable\r\nDate: Thu, 09 Nov 2006 00:51:09 GMT\r\n' +
      'Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\nConnection: close\r\n\r\nf\u00fcll',
  );
});

test('the request of a client (MS-SSTP 3.2.4.1)', () => {
  assert.equal(SSTP_URI, URI);
  assert.equal(
    encodeHttpRequest('vpn.example:4443', '{48B82435-099A-4158-A987-052E7570CFAA}').toString('latin1'),
    `SSTP_DUPLEX_POST ${URI} HTTP/1.1\r\nHost: vpn.example:4443\r\n${LENGTH}\r\n` +
      'SSTPCORRELATIONID: {48B82435-099A-4158-A987-052E7570CFAA}\r\nSSTP-PPP: listening\r\n\r\n',
  );
  assert.throws(() => encodeHttpRequest('a\r\nX: y', '{}'), RangeError);
  assert.throws(() => encodeHttpRequest('a', ''), RangeError);
});

test('only a client whose PPP listens says so', () => {
  const listening = (...more: string[]) => {
    const result = read(request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, LENGTH, ...more));
    return result.kind === 'sstp' && result.request.isPppListening;
  };
  const ours = new PreambleReader().push(encodeHttpRequest('a', '{}'));
  assert.ok(ours.kind === 'sstp' && ours.request.isPppListening);
  assert.ok(listening('sstp-ppp:  listening '));
  assert.ok(!listening('SSTP-PPP: deaf'));
  assert.ok(!listening());
});

function request(...lines: string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function read(wire: string): PreambleResult {
  return new PreambleReader().push(latin1(wire));
}

function assertRefused(result: PreambleResult, status: HttpRefusalStatus): void {
  assert.ok(result.kind === 'refused', result.kind);
  assert.equal(result.status, status);
  assert.notEqual(result.reason, '');
}

const GUID = '48B82435-099A-4158-A987-052E7570CFAA';
const HOST_LINE = 'Host: vpn.example.com';
const ONE_PACKET_READERS: readonly (readonly [name: string, is: boolean, headers: readonly string[]])[] = [
  ['sstp-client 1.0.18 by itself', true, [HOST_LINE, LENGTH, 'SSTPCORRELATIONID: {46649A51-9601-AEDC-25A63085}']],
  ['sstp-client under NetworkManager', true, [HOST_LINE, LENGTH, `SSTPCORRELATIONID: ${GUID.toLowerCase()}`]],
  ['sstp-client --uuid with a proper GUID', true, [HOST_LINE, LENGTH, `SSTPCORRELATIONID: {${GUID}}`]],
  [
    'the same in lower case, with what a proxy adds',
    true,
    ['via: 1.1 a', 'host: vpn', LENGTH.toLowerCase(), 'x-real-ip: 192.0.2.1', `sstpcorrelationid: {${GUID}}`],
  ],
  ['a proxy that puts the headers in another order', true, [LENGTH, `SSTPCORRELATIONID: ${GUID}`, HOST_LINE]],
  ['an identifier of nothing but braces', true, [LENGTH, 'SSTPCORRELATIONID: {}', HOST_LINE]],
  ['an empty identifier', true, ['SSTPCORRELATIONID:', LENGTH, HOST_LINE]],
  ['Windows', false, [`SSTPCORRELATIONID: {${GUID}}`, LENGTH, HOST_LINE]],
  ['Windows, were its GUID in lower case', false, [`SSTPCORRELATIONID: {${GUID.toLowerCase()}}`, LENGTH, HOST_LINE]],
  ['the Android client', false, [LENGTH, HOST_LINE, `SSTPCORRELATIONID: {${GUID}}`]],
  ['a client without an identifier', false, [HOST_LINE, LENGTH]],
  ['our own', false, [HOST_LINE, LENGTH, `SSTPCORRELATIONID: {${GUID}}`, 'SSTP-PPP: listening']],
];

for (const [name, is, headers] of ONE_PACKET_READERS) {
  test(`${is ? 'one packet for each record' : 'several packets in a record'}: ${name}`, () => {
    const result = read(request(`SSTP_DUPLEX_POST ${URI} HTTP/1.1`, ...headers));
    assert.ok(result.kind === 'sstp');
    assert.equal(result.request.isOnePacketReader, is);
  });
}
