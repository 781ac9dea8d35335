/** One client, or many, that take more than their part: the server and its neighbours do not notice. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { tunMissing } from '../support/netns.ts';
import { RawPeer } from '../support/raw-peer.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { INSIDE, TRAFFIC, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

async function makeLab(t: TestContext, clients: number): Promise<VpnLab> {
  const lab = await VpnLab.create({ clients });
  t.after(() => lab.destroy());
  return lab;
}

const REQUEST =
  'SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\n' +
  'Content-Length: 18446744073709551615\r\nHost: x\r\n\r\n';

test('too many unauthenticated connections of an address: HTTP 503 that says why; others get in', {
  skip,
}, async (t) => {
  const lab = await makeLab(t, 2);
  const server = await lab.serveAnn({ env: { SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS: '2' } });
  const door = await lab.door(0);
  const held = [await RawPeer.sstp(door), await RawPeer.sstp(door)];
  const refused = await RawPeer.tls(door);
  refused.send(Buffer.from(REQUEST));
  const answer = await refused.rest();
  assert.match(answer, /^HTTP\/1\.1 503 /);
  assert.match(answer, /\r\n\r\n.*limits\.unauthenticatedPerAddress/s);
  await server.logged('connection.refused', { limit: 'limits.unauthenticatedPerAddress' });
  const mine = await lab.connect({ from: 0 }).ended();
  assert.deepEqual({ reason: mine.reason, status: mine.exit.status }, { reason: 'http-refused', status: 1 });
  assert.match(mine.detail, /503.*limits\.unauthenticatedPerAddress/);
  const other = lab.connect({ from: 1 });
  await other.up();

  for (const peer of held) peer.destroy();
  for (const { correlationId } of held) await server.logged('connection.closed', { correlationId });
  const again = lab.connect({ from: 0 });
  await again.up();
  await Promise.all([other.stop(), again.stop()]);
});

/** Memory of the server's processes in MiB. */
const residentMiB = (server: SstpdServer): number =>
  server.pids.reduce((sum, pid) => sum + Number.parseInt(server.status('VmRSS', pid), 10) / 1024, 0);

test('a client that stops reading loses packets: the server’s memory is bounded, its neighbour pings on', {
  skip,
}, async (t) => {
  const lab = await makeLab(t, 2);
  const server = await lab.serveAnn();
  const [stopped, neighbour] = [lab.connect({ from: 0 }), lab.connect({ from: 1 })];
  const { ipv4 } = await stopped.up();
  await neighbour.up();
  const flood = (megabytes: number) =>
    lab.server.run(process.execPath, [TRAFFIC, 'flood', ipv4, '9', String(megabytes * 1_000_000)]);
  await flood(20);
  const before = residentMiB(server);

  stopped.process.child.kill('SIGSTOP');
  const flooded = flood(300);
  const { stdout } = await neighbour.netns.exec('ping', ['-c', '20', '-i', '0.1', '-W', '2', INSIDE]);
  const answered = Number(/(\d+) received/.exec(stdout)?.[1]);
  assert.ok(answered >= 18, stdout);
  await flooded;
  const grown = residentMiB(server) - before;
  assert.ok(grown < 60, `${grown} MiB more`);

  stopped.process.child.kill('SIGCONT');
  await stopped.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '10', INSIDE]);
  await Promise.all([stopped.stop(), neighbour.stop()]);
  const lines = server.log('connection.closed', { ipv4 }).map((line) => line.drops as Record<string, number>);
  assert.ok((lines[0]?.dropsQueue ?? 0) > 1000, JSON.stringify(lines));
  assert.equal((await server.stop()).status, 0);
});
