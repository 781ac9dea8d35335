/** How the packets of a link stand in TLS records, counted on the wire: links of both paths over Node's TLS. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { DataLink, type DataLinkOwner, type LinkOptions, type PeerLink } from '../../datapath/index.ts';
import { TlsRecordTap } from '../support/tls-records.ts';
import { authority, certificate } from '../tls/support.ts';
import { makeNativeLab } from './native-packets.ts';
import { CLIENT4, ECHO_REQUEST, hex, ipv4, makeLink, pppIpv4, SERVER_LINK_LOCAL, sstpData } from './packets.ts';

const LCP_ECHO = sstpData(hex('ff03 c021 0901 0008 00000000'));
const IPCP_ACK = sstpData(hex('ff03 8021 0201 000a 0306 0a000001'));
/** Bytes that a record of AES-GCM adds: RFC 5288 §3; RFC 8446 §5.2. */
const OVERHEAD = { 'TLSv1.2': 24, 'TLSv1.3': 17 } as const;
type TlsVersion = keyof typeof OVERHEAD;

interface Wire {
  readonly link: PeerLink;
  /** IP packets for the client, in one turn of the loop. */
  readonly send: (packets: readonly Buffer[]) => void;
  /** What the records since the last call held, once `bytes` of content have arrived. */
  readonly records: (bytes: number) => Promise<number[]>;
}

const PATHS = {
  plain: (_t: TestContext, owner: DataLinkOwner, options: LinkOptions) => {
    const { tun, pool, clock } = makeLink();
    const link = new DataLink(owner, { tun, pool, clock, ...options });
    link.openIpv4(CLIENT4);
    const send = (packets: readonly Buffer[]) => {
      for (const packet of packets) link.sendPacket(packet, 0, packet.length, 0x0021);
    };
    return { link, send };
  },
  native: (t: TestContext, owner: DataLinkOwner, options: LinkOptions) => {
    const lab = makeNativeLab();
    t.after(() => lab.close());
    const link = lab.path.makeLink(owner, options);
    link.openIpv4(CLIENT4);
    lab.path.addIpv4(CLIENT4, link);
    return { link, send: (packets: readonly Buffer[]) => lab.network.inject(packets) };
  },
};
type PathName = keyof typeof PATHS;

async function openWire(
  t: TestContext,
  name: PathName,
  options: Partial<LinkOptions> = {},
  version: TlsVersion = 'TLSv1.3',
): Promise<Wire> {
  const { certificatePem, keyPem } = certificate();
  const server = createServer({ cert: certificatePem, key: keyPem, minVersion: version, maxVersion: version });
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const tap = await TlsRecordTap.open((server.address() as AddressInfo).port);
  t.after(() => tap.close());
  const client = connect({ host: '127.0.0.1', port: tap.port, ca: authority.certificatePem });
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket];
  for (const end of [client, socket]) end.on('error', () => undefined);
  let arrived = 0;
  client.on('data', (chunk: Buffer) => {
    arrived += chunk.length;
  });
  const arrives = async (bytes: number): Promise<void> => {
    while (arrived < bytes) await once(client, 'data');
    arrived = 0;
  };
  // The session tickets of TLS 1.3 are records too: they have gone when this byte is there.
  socket.write('x');
  await arrives(1);
  let counted = tap.contents('server', 0).length;
  const owner: DataLinkOwner = {
    control: () => {},
    pppFrame: () => {},
    received: () => {},
    write: (bytes, done) => socket.write(bytes, done),
    overflow: () => assert.fail('overflow'),
    broken: (error) => assert.fail(String(error)),
  };
  return {
    ...PATHS[name](t, owner, { ingress: 'from-client', serverLinkLocal: SERVER_LINK_LOCAL, ...options }),
    records: async (bytes) => {
      await arrives(bytes);
      const all = tap.contents('server', OVERHEAD[version]);
      const before = counted;
      counted = all.length;
      return all.slice(before);
    },
  };
}

/** Packets of different lengths, so that a record says which it holds. */
const packets = (count: number, payload = 20): Buffer[] =>
  Array.from({ length: count }, (_, i) => ipv4('cb007105', 'c0a84d0a', Buffer.alloc(payload + i, i)));
const sizes = (all: readonly Buffer[]): number[] => all.map((packet) => pppIpv4(packet).length);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

for (const name of Object.keys(PATHS) as PathName[]) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${name}, ${version}: each control packet of a turn is a record of its own`, async (t) => {
      const { link, records } = await openWire(t, name, {}, version);
      const all = [ECHO_REQUEST, LCP_ECHO, IPCP_ACK, LCP_ECHO, ECHO_REQUEST];
      for (const packet of all) link.sendControl(packet);
      const lengths = all.map(({ length }) => length);
      assert.deepEqual(await records(sum(lengths)), lengths);
    });
  }

  test(`${name}: a control packet shares no record with data, before it or behind it`, async (t) => {
    const { link, send, records } = await openWire(t, name);
    const data = packets(20);
    link.sendControl(LCP_ECHO);
    send(data);
    link.sendControl(IPCP_ACK);
    const expected = [LCP_ECHO.length, IPCP_ACK.length, sum(sizes(data))];
    assert.deepEqual(await records(sum(expected)), expected);
    send(data);
    link.sendControl(ECHO_REQUEST);
    const again = [ECHO_REQUEST.length, sum(sizes(data))];
    assert.deepEqual(await records(sum(again)), again);
  });

  test(`${name}: fewer than eight packets that wait have a record each, eight share one`, async (t) => {
    const { send, records } = await openWire(t, name);
    for (const count of [1, 2, 5, 7]) {
      const few = packets(count);
      send(few);
      assert.deepEqual(await records(sum(sizes(few))), sizes(few));
    }
    for (const count of [8, 9, 30]) {
      const many = packets(count);
      send(many);
      assert.deepEqual(await records(sum(sizes(many))), [sum(sizes(many))]);
    }
  });

  test(`${name}: a client that takes one packet of a record gets each in its own, however many wait`, async (t) => {
    const { send, records } = await openWire(t, name, { isOnePacketReader: true });
    const many = packets(60, 700);
    send(many);
    assert.deepEqual(await records(sum(sizes(many))), sizes(many));
  });
}
