/** What a client may send, and to whom: real packets, real kernel. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ping4, ping6 } from '../support/ip-packets.ts';
import { tunMissing } from '../support/netns.ts';
import { ECHO_RESPONSE, hex, IPV6, IPV6CP, RawPeer } from '../support/raw-peer.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { FAR, INSIDE, PASSWORD, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

const IPV4 = 0x0021;

async function makeLab(t: TestContext, options: Parameters<typeof VpnLab.create>[0]): Promise<VpnLab> {
  const lab = await VpnLab.create(options);
  t.after(() => lab.destroy());
  return lab;
}

/** Two clients that are up, and a ping from the one to the other. */
async function twoClients(lab: VpnLab): Promise<{ reaches: boolean; end: () => Promise<unknown> }> {
  const [one, two] = [lab.connect({ from: 0, args: ['--route', '10.86.0.0/24'] }), lab.connect({ from: 1 })];
  const [, { ipv4 }] = [await one.up(), await two.up()];
  // The answer has to come back: the other's route to the pool.
  await two.netns.run('ip', ['route', 'add', '10.86.0.0/24', 'dev', 'sstpc0']);
  await one.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', INSIDE]);
  await two.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', INSIDE]);
  const { code } = await one.netns.exec('ping', ['-c', '2', '-i', '0.2', '-W', '1', ipv4]);
  return { reaches: code === 0, end: () => Promise.all([one.stop(), two.stop()]) };
}

test('clients reach each other', { skip }, async (t) => {
  const lab = await makeLab(t, { clients: 2 });
  await lab.serveAnn();
  assert.equal((await twoClients(lab)).reaches, true);
});

test('--isolate: clients reach the server, not each other, and what they tried is counted', { skip }, async (t) => {
  const lab = await makeLab(t, { clients: 2 });
  const server = await lab.serveAnn({ args: ['--isolate'] });
  const { reaches, end } = await twoClients(lab);
  assert.equal(reaches, false);
  await end();
  const drops = server.log('connection.closed').map((line) => line.drops as Record<string, number> | undefined);
  assert.ok(
    drops.some((each) => (each?.dropsIsolated ?? 0) >= 2),
    JSON.stringify(drops),
  );
});

/** How many echo requests this kernel has taken, IPv4 and IPv6. */
async function echoRequests(lab: VpnLab): Promise<string[]> {
  const text = await lab.server.run('nstat', ['-asz', 'IcmpInEchos', 'Icmp6InEchos']);
  return [...text.matchAll(/^Icmp6?InEchos +(\d+)/gm)].map((match) => match[1] ?? '');
}

/** Sends packets through the tunnel, waits until the server has looked at them, and hangs up. @returns what it dropped */
async function sendAll(
  server: SstpdServer,
  peer: RawPeer,
  protocol: number,
  packets: readonly Buffer[],
): Promise<unknown> {
  for (const packet of packets) peer.sendPpp(protocol, packet);
  // Echo Request: its answer comes when all before it has been dealt with.
  peer.send(hex('10010008 0008 0000'));
  await peer.control(ECHO_RESPONSE);
  peer.destroy();
  return (await server.logged('connection.closed', { correlationId: peer.correlationId })).drops;
}

test('IPv4: only from the own address, and never to loopback; the rest is dropped and counted', { skip }, async (t) => {
  const lab = await makeLab(t, { far: true });
  const server = await lab.serveAnn({ args: ['--auth', 'pap'] });
  // Without the check this kernel would let packets to 127.0.0.1 in.
  await lab.server.run('sysctl', ['-q', '-w', 'net.ipv4.conf.all.route_localnet=1']);
  const door = await lab.door();
  const { peer, address } = await RawPeer.up(door, USER, PASSWORD);
  const own = address.join('.');
  peer.sendPpp(IPV4, ping4(own, INSIDE));
  assert.equal((await peer.ppp(IPV4)).payload[20], 0, 'Echo Reply: with the right source it works');
  peer.sendPpp(IPV4, ping4(own, FAR));
  assert.equal((await peer.ppp(IPV4)).payload[20], 0, 'from behind the server too');

  const before = await echoRequests(lab);
  const drops = await sendAll(server, peer, IPV4, [
    ping4('10.86.0.99', INSIDE),
    ping4(INSIDE, INSIDE),
    ping4('203.0.113.9', FAR),
    ping4('127.0.0.1', INSIDE),
    ping4(own, '127.0.0.1'),
    ping4(own, '127.99.0.1'),
    hex('45'),
    hex('6500001c00004000400100000a560002 0a560001 0800000000010001'),
  ]);
  assert.deepEqual(drops, { dropsSource: 4, dropsDestination: 2, dropsMalformed: 2 });
  assert.deepEqual(await echoRequests(lab), before);
});

test('IPv6: only from the own /64 and link-local address, and never to loopback', { skip }, async (t) => {
  const lab = await makeLab(t, {});
  const server = await lab.serveAnn({ args: ['--auth', 'pap', '--pool6', 'fd00:86::/56'] });
  const { peer } = await RawPeer.up(await lab.door(), USER, PASSWORD);
  const interfaceId = (await peer.negotiate(IPV6CP, '010a 0000000000000000')).subarray(2);
  const advertisement = (await peer.ppp(IPV6)).payload;
  assert.equal(advertisement[40], 134, 'Router Advertisement');
  const prefix = prefixOf(advertisement);
  const own = Buffer.concat([prefix, interfaceId]);
  const inside = hex('fd000086000000000000000000000001');
  const echoReply = async () => {
    for (;;) {
      const { payload } = await peer.ppp(IPV6);
      if (payload[6] === 0x3a && payload[40] === 129) return payload;
    }
  };
  peer.sendPpp(IPV6, ping6(own, inside));
  await echoReply();
  peer.sendPpp(
    IPV6,
    ping6(Buffer.concat([hex('fe80000000000000'), interfaceId]), hex('fe800000000000000000000000000001')),
  );
  await echoReply();

  const before = await echoRequests(lab);
  const drops = await sendAll(server, peer, IPV6, [
    ping6(hex('fd0000860000009900000000000000aa'), inside),
    ping6(inside, inside),
    ping6(hex('20010db8000000000000000000000001'), inside),
    ping6(own, hex('00000000000000000000000000000001')),
    ping6(own, hex('00000000000000000000ffff7f000001')),
  ]);
  assert.deepEqual(drops, { dropsSource: 3, dropsDestination: 2 });
  assert.deepEqual(await echoRequests(lab), before);
});

/** The first 8 bytes of the Prefix Information option, RFC 4861 4.6.2. */
function prefixOf(advertisement: Buffer): Buffer {
  for (let at = 56; at < advertisement.length; at += (advertisement[at + 1] ?? 1) * 8) {
    if (advertisement[at] === 3) return Buffer.from(advertisement.subarray(at + 16, at + 24));
  }
  throw new Error('no Prefix Information');
}
