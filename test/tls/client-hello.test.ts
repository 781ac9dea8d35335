import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import fc from 'fast-check';
import { ClientHelloReader } from '../../tls/client-hello.ts';
import { readClientHello } from '../../tls/index.ts';

/** What OpenSSL sends first. */
async function firstBytes(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ...options });
  client.on('error', () => undefined);
  const [socket] = await once(server, 'connection');
  const [chunk] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  server.close();
  return chunk as Buffer;
}

// TLS 1.0 as old systems send it: no supported_versions, CBC and RC4 ciphers, SNI.
const TLS10 = Buffer.from(
  '1603010055010000510301000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f000014002f' +
    '00350005000ac013c014c009c00a003200380100001400000010000e00000b76706e2e746573742e6d65',
  'hex',
);

test('TLS 1.3 with SNI and ALPN: versions newest first, ciphers in order, no GREASE', async () => {
  const bytes = await firstBytes({ servername: 'VPN.Example.com', ALPNProtocols: ['h2', 'http/1.1'] });
  const result = readClientHello(bytes);
  assert.equal(result.kind, 'hello');
  if (result.kind !== 'hello') return;
  assert.equal(result.hello.serverName, 'vpn.example.com');
  assert.deepEqual(result.hello.versions, ['TLSv1.3', 'TLSv1.2']);
  assert.deepEqual(result.hello.protocols, ['h2', 'http/1.1']);
  assert.equal(result.hello.ciphers[0], 0x1302);
});

test('TLS 1.0: the version of the message is all it has', () => {
  assert.deepEqual(readClientHello(TLS10), {
    kind: 'hello',
    hello: {
      serverName: 'vpn.test.me',
      versions: ['TLSv1'],
      ciphers: [0x2f, 0x35, 0x05, 0x0a, 0xc013, 0xc014, 0xc009, 0xc00a, 0x32, 0x38],
      protocols: [],
    },
  });
});

test('TLS 1.2 alone, no extensions asked for: the version is that of the message', async () => {
  const bytes = await firstBytes({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' });
  const result = readClientHello(bytes);
  assert.ok(result.kind === 'hello');
  assert.deepEqual(result.hello.versions, ['TLSv1.2']);
  assert.ok(result.hello.ciphers.includes(0xc030));
  assert.equal(result.hello.serverName, undefined);
});

test('a name with its port, as sstpc sends it, is the name', async () => {
  const result = readClientHello(await firstBytes({ servername: 'vpn.example.test:4443' }));
  assert.equal(result.kind === 'hello' && result.hello.serverName, 'vpn.example.test');
});

test('every beginning of it is incomplete, in one record or in several', async () => {
  const bytes = await firstBytes({ servername: 'vpn.example.com' });
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(readClientHello(bytes.subarray(0, length)).kind, 'incomplete', `${length} bytes`);
  }
  const body = bytes.subarray(5);
  const record = (part: Buffer) =>
    Buffer.concat([bytes.subarray(0, 3), Buffer.of(part.length >> 8, part.length & 0xff), part]);
  const cut = Buffer.concat([record(body.subarray(0, 3)), record(body.subarray(3, 60)), record(body.subarray(60))]);
  assert.deepEqual(readClientHello(cut), readClientHello(bytes));
});

test('what is no ClientHello is told from one that is not there yet', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n\r\n',
    'SSH-2.0-x\r\n',
    '\x16\x02\x00\x00\x01\x01',
    '\x15\x03\x01\x00\x02\x02\x28',
  ]) {
    assert.equal(readClientHello(Buffer.from(text, 'latin1')).kind, 'other', JSON.stringify(text));
  }
  assert.equal(readClientHello(Buffer.alloc(0)).kind, 'incomplete');
});

test('whatever the lengths inside say, the answer is one of the three', async () => {
  const bytes = await firstBytes({ servername: 'vpn.example.com', ALPNProtocols: ['http/1.1'] });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 8 }), (changes) => {
      const damaged = Buffer.from(bytes);
      for (const [at, value] of changes) damaged[at] = value;
      assert.ok(['incomplete', 'other', 'hello'].includes(readClientHello(damaged).kind));
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
      assert.ok(['incomplete', 'other', 'hello'].includes(readClientHello(Buffer.from(random)).kind));
    }),
  );
});

/** The message in records of so many bytes. */
function inRecords(bytes: Buffer, size: number): Buffer {
  const body = bytes.subarray(5);
  const records = Array.from({ length: Math.ceil(body.length / size) }, (_, index) => {
    const part = body.subarray(index * size, (index + 1) * size);
    return Buffer.concat([bytes.subarray(0, 3), Buffer.of(part.length >> 8, part.length & 0xff), part]);
  });
  return Buffer.concat(records);
}

test('sixteen records are read, more are an attack, and known as one at the seventeenth', async () => {
  const bytes = await firstBytes({ servername: 'vpn.example.com' });
  const length = bytes.length - 5;
  assert.deepEqual(readClientHello(inRecords(bytes, Math.ceil(length / 16))), readClientHello(bytes));
  assert.equal(readClientHello(inRecords(bytes, Math.floor(length / 17))).kind, 'fragmented');
  const reader = new ClientHelloReader();
  const kinds = Array.from({ length: 17 }, (_, i) => reader.push(inRecords(bytes, 1).subarray(6 * i, 6 * i + 6)).kind);
  assert.deepEqual(kinds, [...Array<string>(16).fill('incomplete'), 'fragmented']);
});

test('however the segments fall, the answer and the bytes are the same', async () => {
  const whole = inRecords(await firstBytes({ servername: 'vpn.example.com' }), 100);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 100 }), (cuts) => {
      const reader = new ClientHelloReader();
      let at = 0;
      for (const cut of [...cuts, whole.length]) {
        const chunk = whole.subarray(at, at + cut);
        at += chunk.length;
        const { kind } = reader.push(chunk);
        if (kind === 'incomplete') continue;
        assert.equal(kind, 'hello');
        break;
      }
      assert.deepEqual(reader.bytes, whole.subarray(0, at));
    }),
  );
});

test('a ClientHello of the largest size, byte by byte, costs no more than its bytes', () => {
  // 16 KiB of extensions in one record: put together anew with each byte that would be 134 MB of copies, some 200 ms.
  const body = Buffer.alloc(16_384);
  body.writeUInt32BE(0x01000000 + 16_380, 0);
  const record = Buffer.concat([Buffer.from('1603014000', 'hex'), body]);
  const reader = new ClientHelloReader();
  const copied: number[] = [];
  const copy = Buffer.prototype.copy;
  Buffer.prototype.copy = function (this: Buffer, ...rest: Parameters<Buffer['copy']>): number {
    copied.push(this.length);
    return copy.apply(this, rest);
  };
  try {
    for (let i = 0; i < record.length - 1; i++) assert.equal(reader.push(record.subarray(i, i + 1)).kind, 'incomplete');
  } finally {
    Buffer.prototype.copy = copy;
  }
  assert.ok(copied.length <= 8, `${copied.length} copies of what had come`);
});
