import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createServer, type TLSSocket } from 'node:tls';
import { SstpClient } from '../../client/index.ts';
import { systemClock } from '../../core/index.ts';
import { PlainPath } from '../../datapath/index.ts';
import { MemoryTun } from '../../tun/index.ts';
import { TlsRecordTap } from '../support/tls-records.ts';
import { authority, certificate } from '../tls/support.ts';

const HTTP_OK = 'HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n';
/** Call Connect Ack, then LCP Configure-Request: MRU 1500, MS-CHAPv2, a magic number. */
const ACK_AND_REQUEST = Buffer.from(
  `10010030000200010004002800000003${'5a'.repeat(32)}1000001bff03c02101010013010405dc0305c22381050611223344`,
  'hex',
);
/** RFC 8446 §5.2, AES-GCM: content type and tag. */
const OVERHEAD = 17;

test('our client writes each control packet alone: its Configure-Request and the Ack of the one it got with the Call Connect Ack', async (t) => {
  const { certificatePem, keyPem } = certificate();
  const server = createServer({ cert: certificatePem, key: keyPem, minVersion: 'TLSv1.3' });
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const tap = await TlsRecordTap.open((server.address() as AddressInfo).port);
  t.after(() => tap.close());

  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  const path = new PlainPath({ tun: new MemoryTun(), clock: systemClock });
  const client = new SstpClient({
    ...{ host: '127.0.0.1', port: tap.port, caPem: authority.certificatePem, clock: systemClock, path },
    ...{ user: 'alice', password: 'wonderland', methods: ['mschapv2'] },
  });
  path.sendAllTo(client.link);
  client.start();
  t.after(() => client.destroy());
  const [socket] = await accepted;
  socket.on('error', () => undefined);

  let received: Buffer = Buffer.alloc(0);
  const more = async (): Promise<void> => {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, chunk]);
  };
  while (!received.includes('\r\n\r\n')) await more();
  // From TLS 1.3's Finished and the request on; what follows are SSTP packets.
  const before = tap.contents('client', OVERHEAD).length;
  received = Buffer.alloc(0);
  socket.write(HTTP_OK);
  while (split(received).length < 1) await more();
  socket.write(ACK_AND_REQUEST);
  const isAck = (packet: Buffer): boolean => packet.subarray(4, 9).toString('hex') === 'ff03c02102';
  while (!split(received).some(isAck)) await more();

  const packets = split(received);
  assert.ok(packets.length >= 3, `${packets.length} packets: Call Connect Request, Configure-Request, Configure-Ack`);
  assert.deepEqual(
    tap.contents('client', OVERHEAD).slice(before),
    packets.map(({ length }) => length),
  );
});

/** The whole SSTP packets in `bytes`, MS-SSTP 2.2.1. */
function split(bytes: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + (bytes.readUInt16BE(at + 2) & 0x0fff);
    if (end > bytes.length) break;
    packets.push(bytes.subarray(at, end));
    at = end;
  }
  return packets;
}
