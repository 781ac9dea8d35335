/** A client that has logged in sends what no host sends: what of it arrives, at another client, beyond the server, in it. */
// Needs: tcpdump
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import {
  FRAGMENT,
  ICMP,
  ICMPV6,
  icmp,
  icmp6,
  ipv4Packet,
  ipv6Bytes,
  ipv6Packet,
  LOOSE_SOURCE_ROUTE,
  ROUTING,
  routingHeader,
  STRICT_SOURCE_ROUTE,
  sourceRoute,
  UDP,
  udp,
  udp6,
} from '../../support/hostile-packets.ts';
import { type Netns, tunMissing } from '../../support/netns.ts';
import { hex, IPV6, IPV6CP, RawPeer } from '../../support/raw-peer.ts';
import { FAR, FAR6, INSIDE, PASSWORD, UPLINK, UPLINK6, USER, type VpnLab } from '../../support/vpn-lab.ts';
import { echo, makeLab, PORT } from './reach-lab.ts';

const skip = tunMissing() ?? false;

const IPV4 = 0x0021;
const INSIDE6 = ipv6Bytes('fd00:86::1');
const OURS = ipv6Bytes('fe80::1');
/** Of the host's service by IPv6. */
const PORT6 = 7008;
const METADATA = '169.254.169.254';

/** What arrives there, as text to search marks in. */
async function capture(lab: VpnLab, netns: Netns, device: string): Promise<() => string> {
  const path = join(lab.folder, `${device}.pcap`);
  const child = netns.spawn('tcpdump', ['-i', device, '-U', '--immediate-mode', '-w', path]);
  if (child.stderr !== null) await once(child.stderr, 'data');
  return () => readFileSync(path, 'latin1');
}

/** Both protocols up, and all its frames as text. */
class Client {
  readonly peer: RawPeer;
  readonly ipv4: string;
  readonly ipv6: Buffer;
  readonly linkLocal: Buffer;
  seen = '';

  private constructor(peer: RawPeer, ipv4: string, interfaceId: Buffer, prefix: Buffer) {
    this.peer = peer;
    this.ipv4 = ipv4;
    this.ipv6 = Buffer.concat([prefix, interfaceId]);
    this.linkLocal = Buffer.concat([hex('fe80000000000000'), interfaceId]);
  }

  static async up(lab: VpnLab, from: number): Promise<Client> {
    const { peer, address } = await RawPeer.up(await lab.door(from), USER, PASSWORD);
    const interfaceId = (await peer.negotiate(IPV6CP, '010a 0000000000000000')).subarray(2);
    const advertisement = (await peer.ppp(IPV6)).payload;
    const option = advertisement.indexOf(hex('030440'), 56);
    const client = new Client(peer, address.join('.'), interfaceId, advertisement.subarray(option + 16, option + 24));
    void client.#read();
    return client;
  }

  async #read(): Promise<void> {
    for (;;) {
      const next = await this.peer.next('a frame').catch(() => undefined);
      if (next === undefined) return;
      if (next.kind === 'ppp') this.seen += next.payload.toString('latin1');
    }
  }
}

/** Sends packets that each bear a mark, and knows which of them are to arrive nowhere. */
class Attacker {
  readonly client: Client;
  readonly other: Client;
  /** What a packet is, by its mark. */
  readonly bad = new Map<string, string>();
  #marks = 0;

  constructor(client: Client, other: Client) {
    this.client = client;
    this.other = other;
  }

  get ipv4(): string {
    return this.client.ipv4;
  }

  get ipv6(): Buffer {
    return this.client.ipv6;
  }

  /** @returns the mark */
  honest(packets: (mark: string) => Buffer | readonly Buffer[]): string {
    this.#marks += 1;
    const mark = `<mark-${this.#marks}>`;
    for (const packet of [packets(mark.padEnd(12))].flat()) {
      this.client.peer.sendPpp((packet[0] ?? 0) >> 4 === 4 ? IPV4 : IPV6, packet);
    }
    return mark;
  }

  hostile(what: string, packets: (mark: string) => Buffer | readonly Buffer[]): void {
    this.bad.set(this.honest(packets), what);
  }

  v4(to: string, protocol: number, body: (mark: string) => Buffer, from: string = this.ipv4): void {
    this.hostile(`${protocol} ${from} > ${to}`, (mark) => ipv4Packet(from, to, protocol, body(mark)));
  }

  icmp6(to: Buffer, type: number, from: Buffer = this.ipv6): void {
    this.hostile(`icmp6 ${type} > ${to.toString('hex')}`, (mark) =>
      ipv6Packet(from, to, ICMPV6, icmp6(from, to, type, hex('20000000'), mark), 255),
    );
  }

  udp6(to: Buffer, ports: readonly [number, number], from: Buffer = this.ipv6): void {
    this.hostile(`udp6 > ${to.toString('hex')}:${ports[1]}`, (mark) =>
      ipv6Packet(from, to, UDP, udp6(from, to, ports, mark)),
    );
  }

  arrived(where: string): string[] {
    return [...this.bad].filter(([mark]) => where.includes(mark)).map(([, what]) => what);
  }
}

const ping = (mark: string): Buffer => icmp(8, hex('00010001'), mark);

function sourceRoutes(eve: Attacker): void {
  for (const type of [LOOSE_SOURCE_ROUTE, STRICT_SOURCE_ROUTE]) {
    for (const hop of [FAR, eve.other.ipv4, METADATA, '127.0.0.1']) {
      const options = sourceRoute(type, hop);
      eve.hostile(`option ${type} ${hop}`, (mark) => ipv4Packet(eve.ipv4, INSIDE, ICMP, ping(mark), { options }));
    }
  }
  for (const type of [0, 2, 3, 4]) {
    for (const next of [eve.other.ipv6, ipv6Bytes(FAR6)]) {
      const echo = (mark: string): Buffer => icmp6(eve.ipv6, next, 128, hex('00010001'), mark);
      eve.hostile(`routing header ${type}`, (mark) =>
        ipv6Packet(eve.ipv6, INSIDE6, ROUTING, Buffer.concat([routingHeader(ICMPV6, type, next), echo(mark)])),
      );
    }
  }
}

/** Also in a fragment that is not the first. */
function sourcesOfOthers(eve: Attacker): void {
  const { ipv4, ipv6 } = eve.other;
  eve.v4(FAR, ICMP, ping, ipv4);
  eve.icmp6(ipv6Bytes(FAR6), 128, ipv6);
  eve.hostile('a later fragment', (mark) => [
    ipv4Packet(eve.ipv4, FAR, UDP, udp(4000, 9, 'the rest'), { id: 77, fragment: 0x2000 }),
    ipv4Packet(ipv4, FAR, UDP, Buffer.from(mark), { id: 77, fragment: 2 }),
  ]);
}

function toEverybodyAndNobody(eve: Attacker): void {
  for (const to of ['10.86.0.255', '255.255.255.255', '224.0.0.1', '224.0.0.251', '203.0.113.255', '198.18.1.3']) {
    eve.v4(to, ICMP, ping);
    eve.v4(to, UDP, (mark) => udp(137, 137, mark));
  }
  for (const to of [METADATA, '100.100.100.200', '0.0.0.0', '127.0.0.1', '240.0.0.1', '10.86.0.200']) {
    eve.v4(to, UDP, (mark) => udp(4000, 80, mark));
  }
  for (const to of ['ff02::1', 'ff02::fb', 'ff02::1:3', 'ff0e::1', '::1', '::ffff:a9fe:a9fe', '::a9fe:a9fe']) {
    eve.udp6(ipv6Bytes(to), [4000, 80]);
  }
  // Networks of the list, and their addresses for a translator.
  for (const to of ['fd00:ec2::254', 'fe80::9', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1', '64:ff9b::a83f:8110']) {
    eve.udp6(ipv6Bytes(to), [4000, 80]);
  }
}

function whatRoutersSay(eve: Attacker): void {
  const { client, other } = eve;
  const itsPacket = ipv4Packet(other.ipv4, FAR, ICMP, ping('12345678'));
  for (const to of [other.ipv4, INSIDE, FAR]) {
    eve.v4(to, ICMP, (mark) => icmp(5, hex('0a560002'), Buffer.concat([itsPacket, Buffer.from(mark)])));
  }
  for (const type of [134, 137]) {
    for (const to of [other.ipv6, INSIDE6]) eve.icmp6(to, type);
    for (const to of [ipv6Bytes('ff02::1'), OURS]) eve.icmp6(to, type, client.linkLocal);
  }
  eve.icmp6(ipv6Bytes('ff02::1'), 136, client.linkLocal);
  eve.udp6(other.linkLocal, [4000, 9], client.linkLocal);
  for (const to of [other.ipv4, '255.255.255.255']) eve.v4(to, UDP, (mark) => udp(67, 68, mark));
  eve.udp6(other.ipv6, [547, 546]);
}

/** By whatever address, in fragments, within another packet. */
function servicesOfTheHost(eve: Attacker): void {
  const { ipv4, ipv6, client } = eve;
  for (const to of [INSIDE, UPLINK]) eve.v4(to, UDP, (mark) => udp(4000, Number(PORT), mark));
  for (const to of [INSIDE6, ipv6Bytes(UPLINK6), OURS]) eve.udp6(to, [4000, PORT6]);
  eve.udp6(OURS, [4000, PORT6], client.linkLocal);
  for (const to of [INSIDE, UPLINK]) {
    eve.hostile('two fragments', (mark) => {
      const whole = udp(4000, Number(PORT), mark);
      return [
        ipv4Packet(ipv4, to, UDP, whole.subarray(0, 8), { id: 78, fragment: 0x2000 }),
        ipv4Packet(ipv4, to, UDP, whole.subarray(8), { id: 78, fragment: 1 }),
      ];
    });
    const inner = (mark: string): Buffer => ipv4Packet(ipv4, METADATA, UDP, udp(4000, 80, mark));
    eve.v4(to, 4, inner);
    eve.v4(to, 47, (mark) => Buffer.concat([hex('00000800'), inner(mark)]));
    eve.v4(to, 41, (mark) => ipv6Packet(ipv6, OURS, UDP, udp6(ipv6, OURS, [1, PORT6], mark)));
  }
  eve.hostile('two fragments of IPv6', (mark) => {
    const whole = udp6(ipv6, INSIDE6, [4000, PORT6], mark);
    const fragment = (header: string, part: Buffer): Buffer =>
      ipv6Packet(ipv6, INSIDE6, FRAGMENT, Buffer.concat([hex(header), part]));
    return [fragment('1100000100000009', whole.subarray(0, 8)), fragment('1100000800000009', whole.subarray(8))];
  });
}

/** @returns the marks, by who is to see them; what answers comes back to the sender */
function honestUse(eve: Attacker): { far: string[]; other: string[]; back: string[] } {
  const { ipv4, ipv6, other } = eve;
  const ping4 = (to: string, options?: Buffer) =>
    eve.honest((mark) => ipv4Packet(ipv4, to, ICMP, ping(mark), options && { options }));
  const ping6 = (to: Buffer) =>
    eve.honest((mark) => ipv6Packet(ipv6, to, ICMPV6, icmp6(ipv6, to, 128, hex('00010001'), mark)));
  const datagram6 = (to: Buffer, ports: readonly [number, number]) =>
    eve.honest((mark) => ipv6Packet(ipv6, to, UDP, udp6(ipv6, to, ports, mark)));
  const answered = [ping4(FAR), ping4(FAR, hex('070b04 0000000000000000 00')), ping6(ipv6Bytes(FAR6))];
  return {
    far: [
      ...answered,
      eve.honest((mark) => ipv4Packet(ipv4, FAR, 47, Buffer.concat([hex('00000800'), Buffer.from(mark)]))),
      datagram6(ipv6Bytes('64:ff9b::cb00:7109'), [4000, 9]),
    ],
    other: [
      ping4(other.ipv4),
      ping6(other.ipv6),
      datagram6(other.ipv6, [5353, 5353]),
      eve.honest((mark) => ipv4Packet(ipv4, other.ipv4, UDP, udp(68, 67, mark))),
    ],
    back: [...answered, ping4(INSIDE), ping4(UPLINK), ping6(INSIDE6)],
  };
}

test('what only a router or DHCP server says, forged routes and sources, and ways around the list get nowhere', {
  skip,
}, async (t) => {
  const lab = await makeLab(t, { clients: 2, far: true });
  // As on a machine that takes source routes elsewhere.
  for (const devices of ['all', 'default']) {
    for (const name of [
      'ipv4.conf.%.accept_source_route',
      'ipv6.conf.%.accept_source_route',
      'ipv6.conf.%.seg6_enabled',
    ]) {
      await lab.server.exec('sysctl', ['-qw', `net.${name.replace('%', devices)}=1`]);
    }
  }
  await lab.serveAnn({ args: ['--auth', 'pap', '--pool6', 'fd00:86::/56'] });
  await lab.server.run('ip', ['route', 'add', 'default', 'via', FAR]);
  await lab.server.run('ip', ['-6', 'route', 'add', 'default', 'via', FAR6]);
  await echo(lab.server, '0.0.0.0');
  await echo(lab.server, '::', String(PORT6));
  const atFar = await capture(lab, lab.far ?? assert.fail(), 'cable');
  const [client, other] = [await Client.up(lab, 0), await Client.up(lab, 1)];
  const eve = new Attacker(client, other);
  sourceRoutes(eve);
  sourcesOfOthers(eve);
  toEverybodyAndNobody(eve);
  whatRoutersSay(eve);
  servicesOfTheHost(eve);
  // It comes last: once it has arrived, all that was before it has.
  const { far, other: toOther, back } = honestUse(eve);
  await eventually('all that is honest arrives', () => {
    const places = [
      [atFar(), far],
      [other.seen, toOther],
      [client.seen, back],
    ] as const;
    return Promise.resolve(places.every(([where, marks]) => marks.every((mark) => where.includes(mark))) || undefined);
  });
  // The host answers a routing header with an error that has the packet in it.
  const answers = eve.arrived(client.seen).filter((what) => !what.startsWith('routing header'));
  const arrived = { far: eve.arrived(atFar()), other: eve.arrived(other.seen), answers };
  assert.deepEqual(arrived, { far: [], other: [], answers: [] });
});
