/** Several worker processes behind one port: whichever a client lands on, it is one server. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import type { SstpdClient, UpLine } from '../support/sstpd-client.ts';
import type { SessionLine, SstpdServer } from '../support/sstpd-server.ts';
import { FAR, INSIDE, PASSWORD, POOL, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

const FIXED = '198.51.100.77';
/** So often the kernel may send a client to the worker that it is not wanted on. */
const MOST_TRIES = 16;

async function makeLab(t: TestContext, options: Parameters<typeof VpnLab.create>[0] = {}): Promise<VpnLab> {
  const lab = await VpnLab.create(options);
  t.after(() => lab.destroy());
  return lab;
}

interface Session {
  readonly client: SstpdClient;
  readonly up: UpLine;
  readonly session: SessionLine;
  readonly worker: number;
}

/** The first two digits of an id are the worker's number. */
const workerOf = ({ id }: SessionLine): number => Number.parseInt(id.slice(0, 2), 16);

async function connect(lab: VpnLab, server: SstpdServer, options: Parameters<VpnLab['connect']>[0]): Promise<Session> {
  const client = lab.connect(options);
  const up = await client.up();
  const session = (await server.sessions()).find(({ ipv4 }) => ipv4 === up.ipv4) ?? assert.fail(up.ipv4);
  return { client, up, session, worker: workerOf(session) };
}

/** Dials until the kernel has chosen this worker. */
async function connectTo(
  lab: VpnLab,
  server: SstpdServer,
  worker: number,
  options: Parameters<VpnLab['connect']>[0],
): Promise<Session> {
  for (let i = 0; i < MOST_TRIES; i++) {
    const session = await connect(lab, server, options);
    if (session.worker === worker) return session;
    await session.client.stop();
  }
  return assert.fail(`no connection came to worker ${worker}`);
}

/** The pid of each worker that is ready, by its number. */
async function workerPids(server: SstpdServer, count: number): Promise<number[]> {
  const pids: number[] = [];
  for (let worker = 0; worker < count; worker++) {
    await server.logged('worker.ready', { worker });
    pids.push(Number(server.log('worker.ready', { worker }).at(-1)?.pid));
  }
  return pids;
}

/** A line of /proc/PID/status of each thread of a process. */
function ofThreads(pid: number, name: string): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(text)?.[1] ?? '';
  });
}

test('clients of different workers: one network, one list, and what happens to one worker concerns only its own', {
  skip,
}, async (t) => {
  const lab = await makeLab(t, { clients: 2, far: true });
  const before = await lab.state();
  const server = await lab.serveAnn({ args: ['--workers', '2', '--pool6', 'fd00:86::/56'] });
  await server.addUser('bob', PASSWORD);
  const route = ['--route', POOL, '--route', `${FAR}/32`];
  const ann = await connect(lab, server, { from: 0, args: route });
  const other = 1 - ann.worker;
  const bob = await connectTo(lab, server, other, { from: 1, user: 'bob', args: route });

  for (const { client } of [ann, bob]) {
    await client.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', INSIDE]);
    await client.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', FAR]);
  }
  await ann.client.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', bob.up.ipv4]);
  const ids = (await server.sessions()).map(({ id }) => id);
  assert.deepEqual(new Set(ids), new Set([ann.session.id, bob.session.id]));
  for (const { up, worker, session } of [ann, bob]) {
    const routes = await lab.server.run('ip', ['route', 'show', 'dev', `sstp${worker}`]);
    assert.match(routes, new RegExp(`^${up.ipv4} `, 'm'));
    const routes6 = await lab.server.run('ip', ['-6', 'route', 'show', 'dev', `sstp${worker}`]);
    assert.ok(routes6.includes(session.ipv6 ?? 'no prefix'), routes6);
  }

  const pids = await workerPids(server, 2);
  const pinging = ann.client.netns.exec('ping', ['-c', '150', '-i', '0.02', '-W', '5', INSIDE]);
  const from = server.mark;
  process.kill(pids[other] ?? 0, 'SIGKILL');
  await bob.client.ended();
  await server.logged('worker.ended', { worker: other, signal: 'SIGKILL', sessions: 1 }, from);
  await server.logged('worker.ready', { worker: other }, from);
  assert.deepEqual(
    (await server.sessions()).map(({ id }) => id),
    [ann.session.id],
  );
  assert.match((await pinging).stdout, / 0% packet loss/);

  const again = await connectTo(lab, server, other, { from: 1, user: 'bob', args: route });
  assert.equal(again.up.ipv4, bob.up.ipv4);
  await again.client.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', FAR]);
  await server.must(['sessions', 'kill', again.session.id]);
  await again.client.ended();
  await server.must(['user', 'disable', USER]);
  await ann.client.ended();
  assert.deepEqual(await server.sessions(), []);

  const { status } = await server.stop();
  assert.equal(status, 0);
  // IPv6 forwarding stays on, and brings anycast addresses with it.
  const withoutAnycast = (state: string): string => state.replaceAll(/^anycast .*\n/gm, '');
  assert.equal(withoutAnycast(await lab.state()), withoutAnycast(before));
});

test('the next connection of a fixed address takes it over from another worker, route and all', { skip }, async (t) => {
  const lab = await makeLab(t, { clients: 2, far: true });
  const server = await lab.serve({ args: ['--workers', '2', '--pool-fixed', FIXED] });
  await server.addUser('fay', PASSWORD, '--ip', FIXED);
  const args = ['--route', `${FAR}/32`];
  const first = await connect(lab, server, { from: 0, user: 'fay', args });
  const second = await connectTo(lab, server, 1 - first.worker, { from: 1, user: 'fay', args });
  await first.client.ended();
  const device = `sstp${second.worker}`;
  assert.match(await lab.server.run('ip', ['route', 'show', FIXED]), new RegExp(`^${FIXED} dev ${device} `, 'm'));
  await second.client.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', FAR]);
});

test('--isolate holds between workers too, inside the pool and outside of it', { skip }, async (t) => {
  const lab = await makeLab(t, { clients: 2 });
  const server = await lab.serveAnn({ args: ['--workers', '2', '--isolate', '--pool-fixed', FIXED] });
  await server.addUser('fay', PASSWORD, '--ip', FIXED);
  const args = ['--route', POOL, '--route', `${FIXED}/32`];
  const ann = await connect(lab, server, { from: 0, args });
  const fay = await connectTo(lab, server, 1 - ann.worker, { from: 1, user: 'fay', args });
  const reaches = async ({ client }: Session, address: string): Promise<boolean> =>
    (await client.netns.exec('ping', ['-c', '2', '-i', '0.2', '-W', '1', address])).code === 0;
  await ann.client.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', INSIDE]);
  assert.equal(await reaches(ann, FIXED), false);
  assert.equal(await reaches(fay, ann.up.ipv4), false);
  // What the address alone shows is stopped without the firewall as well.
  await lab.server.run('nft', ['flush', 'ruleset']);
  assert.equal(await reaches(fay, ann.up.ipv4), false);
});

for (const [who, env] of [
  ['the usual user', {}],
  ['root', { SSTPD_RUN_USER: 'root' }],
] as const) {
  test(`a worker of ${who} has no right at all, in no thread, nor can it get one`, { skip }, async (t) => {
    const lab = await makeLab(t);
    const server = await lab.serve({ args: ['--workers', '2'], env });
    for (const pid of await workerPids(server, 2)) {
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
        assert.deepEqual([...new Set(ofThreads(pid, set))], ['0000000000000000'], set);
      }
      assert.deepEqual([...new Set(ofThreads(pid, 'NoNewPrivs'))], ['1']);
      assert.deepEqual([...new Set(ofThreads(pid, 'Uid'))], [server.status('Uid')]);
      // One filter from before its first instruction, one from when it was ready.
      assert.deepEqual([...new Set(ofThreads(pid, 'Seccomp'))], ['2']);
      const filters = Number(server.status('Seccomp_filters')) + 2;
      assert.deepEqual([...new Set(ofThreads(pid, 'Seccomp_filters'))], [String(filters)]);
      assert.equal(/\b0\b/.test(server.status('Uid')), who === 'root');
    }
  });
}

for (const [workers, processes] of [
  ['1', 2],
  ['0', 1],
] as const) {
  test(`--workers ${workers}: one device, and ${processes} of processes`, { skip }, async (t) => {
    const lab = await makeLab(t);
    const server = await lab.serveAnn({ args: ['--workers', workers] });
    assert.equal((await lab.serverPids()).length, processes);
    assert.equal(server.pids.length, processes);
    assert.equal((await lab.server.run('ip', ['-o', 'link', 'show', 'type', 'tun'])).trim().split('\n').length, 1);
    const client = lab.connect();
    await client.up();
    await client.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', INSIDE]);
  });
}

test('a second instance finds the port taken, although the workers of the first share it', { skip }, async (t) => {
  const lab = await makeLab(t);
  await lab.serve({ args: ['--workers', '2'] });
  const second = lab.launch('exec "$@"', { data: `${lab.data}-2`, args: ['--workers', '2', '--pool', '10.87.0.0/24'] });
  assert.equal((await second.end()).status, 1);
  assert.match(second.text, /^sstpd: cannot listen on 198\.18\.0\.1:443: another program has the port/m);
});

test('a supervisor that is killed takes its workers with it: the next start has the port', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serveAnn({ args: ['--workers', '2'] });
  const client = lab.connect();
  await client.up();
  await server.stop('SIGKILL');
  await eventually('no process of the server', async () => {
    const pids = await lab.serverPids();
    return pids.length === 0 ? true : undefined;
  });
  await client.ended();
  await lab.serve({ args: ['--workers', '2'] });
  await lab.connect().up();
});

test('a worker that ends again and again is started again, more and more slowly', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serve({ args: ['--workers', '2'] });
  for (let i = 0; i < 3; i++) {
    const from = server.mark;
    process.kill(Number(server.log('worker.ready', { worker: 1 }).at(-1)?.pid), 'SIGKILL');
    await server.logged('worker.ready', { worker: 1 }, from);
  }
  const times = [...server.log('worker.ended'), ...server.log('worker.ready', { worker: 1 })]
    .map(({ time }) => Date.parse(String(time)))
    .sort((a, b) => a - b);
  assert.equal(times.length, 7);
  assert.ok((times[6] ?? 0) - (times[5] ?? 0) >= 2_000, String(times));
});

test('a worker that stands still is ended after half a minute, and another one starts', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serveAnn({ args: ['--workers', '2'] });
  const [pid = 0] = await workerPids(server, 1);
  const from = server.mark;
  process.kill(pid, 'SIGSTOP');
  await sleep(35_000); // longer than a line of the log is waited for
  await server.logged('worker.stuck', { pid }, from);
  await server.logged('worker.ready', { worker: 0 }, from);
  await lab.connect().up();
});

test('without its device a server cannot go on, and says so', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serve({ args: ['--workers', '2'] });
  await lab.server.run('ip', ['link', 'delete', 'sstp1']);
  assert.equal((await server.process.end()).status, 1);
  assert.match(JSON.stringify(server.log('server.fault')), /the TUN device sstp1 was removed/);
});
