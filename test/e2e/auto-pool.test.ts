/** `pool.ipv4: auto`: clients live in no network that this machine reaches, however it does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, type Ipv4Cidr, ipv4CidrsOverlap, parseIpv4Cidr } from '../../core/index.ts';
import { tunMissing } from '../support/netns.ts';
import { SstpdServer } from '../support/sstpd-server.ts';
import { FAR, PASSWORD, SERVE_ARGS, SERVER, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

const WITHOUT_POOL = SERVE_ARGS.filter((_, i) => i !== SERVE_ARGS.indexOf('--pool') && SERVE_ARGS[i - 1] !== '--pool');

interface Way {
  readonly name: string;
  /** Takes it, by commands of `ip` on the server's machine, and on the host behind it. */
  readonly takes: (pool: Ipv4Cidr) => { readonly network: string; readonly here: string[]; readonly far?: string };
}

const at = ({ address }: Ipv4Cidr, host: number): string => formatIpv4(address + host);

const WAYS: readonly Way[] = [
  {
    name: 'a network with neighbours',
    takes: (pool) => ({
      network: `${at(pool, 0)}/24`,
      here: [`address add ${at(pool, 200)}/24 dev uplink`],
      far: `address add ${at(pool, 7)}/24 dev cable`,
    }),
  },
  {
    name: 'a route',
    takes: (pool) => ({
      network: `${at(pool, 0)}/24`,
      here: [`route add ${at(pool, 0)}/24 via ${FAR}`],
      far: `address add ${at(pool, 7)}/32 dev lo`,
    }),
  },
  {
    name: 'a route to a larger network',
    takes: (pool) => {
      const network = `${formatIpv4((pool.address & 0xfffffc00) >>> 0)}/22`;
      return { network, here: [`route add ${network} via ${FAR}`], far: `address add ${at(pool, 7)}/32 dev lo` };
    },
  },
  {
    name: 'a route to one host',
    takes: (pool) => ({
      network: `${at(pool, 7)}/32`,
      here: [`route add ${at(pool, 7)}/32 via ${FAR}`],
      far: `address add ${at(pool, 7)}/32 dev lo`,
    }),
  },
  {
    name: 'a route in a table of its own',
    takes: (pool) => ({
      network: `${at(pool, 0)}/24`,
      here: [`route add ${at(pool, 0)}/24 via ${FAR} table 77`, `rule add to ${at(pool, 0)}/24 lookup 77`],
      far: `address add ${at(pool, 7)}/32 dev lo`,
    }),
  },
  {
    name: 'an address of its own',
    takes: (pool) => ({ network: `${at(pool, 7)}/32`, here: [`address add ${at(pool, 7)}/32 dev lo`] }),
  },
  {
    name: 'a network that it keeps from itself',
    takes: (pool) => ({ network: `${at(pool, 128)}/25`, here: [`route add blackhole ${at(pool, 128)}/25`] }),
  },
];

function poolOf(server: SstpdServer): Ipv4Cidr {
  const [, text = ''] =
    /clients in ([\d.]+\/24)$/m.exec(
      server
        .log('network.remark')
        .map(({ remark }) => String(remark))
        .join('\n'),
    ) ?? [];
  return parseIpv4Cidr(text) ?? assert.fail(`no pool: ${text}`);
}

test('what was chosen is taken by another network, in each way: the next start chooses what is free', {
  skip,
}, async (t) => {
  const lab = await VpnLab.create({ far: true });
  t.after(() => lab.destroy());
  const far = lab.far ?? assert.fail();
  const start = (): Promise<SstpdServer> =>
    SstpdServer.start({ netns: lab.server, data: lab.data, args: [...WITHOUT_POOL, '--workers', '1'] });
  // "Everything", as a default route or its halves, is no network.
  for (const all of ['default', '0.0.0.0/1', '128.0.0.0/1'])
    await lab.server.run('ip', ['route', 'add', all, 'via', FAR]);
  const reached: string[] = [];
  const taken: string[] = [];
  let server = await start();
  await server.addUser(USER, PASSWORD);
  const first = poolOf(server);
  assert.equal((await server.stop()).status, 0);
  server = await start();
  assert.deepEqual(poolOf(server), first, 'the same from start to start');
  for (const { name, takes } of WAYS) {
    const pool = poolOf(server);
    assert.equal((await server.stop()).status, 0);
    const { network, here, far: there } = takes(pool);
    for (const command of here) await lab.server.run('ip', command.split(' '));
    if (there !== undefined) {
      await far.run('ip', there.split(' '));
      reached.push(at(pool, 7));
    }
    taken.push(network);
    server = await start();
    for (const one of taken) {
      assert.equal(ipv4CidrsOverlap(poolOf(server), parseIpv4Cidr(one) ?? assert.fail(one)), false, `${name}: ${one}`);
    }
  }

  // All of it is reached as before, by the machine and by a client through it.
  const routes = ['--route', '192.168.0.0/16'];
  const client = lab.connect({ args: routes });
  const { ipv4 } = await client.up();
  assert.equal(ipv4CidrsOverlap(poolOf(server), parseIpv4Cidr(`${ipv4}/32`) ?? assert.fail(ipv4)), true);
  for (const address of reached) {
    for (const from of [lab.server, client.netns]) await from.run('ping', ['-n', '-c', '1', '-W', '5', address]);
  }

  // A second server of this machine stays off the first one's.
  const data = `${lab.data}-two`;
  const place = WITHOUT_POOL.map((one) => (one === `${SERVER}:443` ? `${SERVER}:4443` : one));
  const args = [...place, '--workers', '1', '--admin', 'off'];
  const second = await SstpdServer.start({ netns: lab.server, data, args });
  assert.equal(ipv4CidrsOverlap(poolOf(second), poolOf(server)), false);
  for (const address of reached) await client.netns.run('ping', ['-n', '-c', '1', '-W', '5', address]);
  assert.equal((await second.stop()).status, 0);
  assert.equal((await server.stop()).status, 0);
});
