/** Clients that stop reading at each stage: what is for them waits within a bound, and keeps nobody else, nor the stop. */
// Needs: python3
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { tunMissing } from '../../support/netns.ts';
import { RawPeer } from '../../support/raw-peer.ts';
import { SstpdProcess } from '../../support/sstpd-process.ts';
import { INSIDE, PASSWORD, SERVER, USER, VpnLab } from '../../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

/** Four connections for each stage, with the least window that Linux has, of which nothing is read; some end their half. */
const STALLED = `import socket, ssl, time
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
def tcp():
    plain = socket.socket()
    plain.connect(('${SERVER}', 443))
    return plain
def narrow(one):
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    return one
def hello():
    plain, received, sent = tcp(), ssl.MemoryBIO(), ssl.MemoryBIO()
    try: context.wrap_bio(received, sent).do_handshake()
    except ssl.SSLWantReadError: pass
    narrow(plain).sendall(sent.read())
    return plain
def said(data, half=False):
    secured = narrow(context.wrap_socket(tcp()))
    secured.setblocking(False)
    try: secured.send(data)
    except ssl.SSLWantWriteError: pass
    if half: secured.shutdown(socket.SHUT_WR)
    return secured
sstp = b'SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\\r\\nContent-Length: 18446744073709551615\\r\\nHost: x\\r\\n\\r\\n'
connect = bytes.fromhex('1001000e00010001000100060001')
page, portal = (b'GET %s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' % path * 400 for path in (b'/', b'/portal'))
held = [hello() for _ in range(4)]
for data in (page, portal, sstp, sstp + connect + bytes.fromhex('1001000800080000') * 900):
    held += [said(data) for _ in range(4)] + [said(data, True)]
print('held', flush=True)
time.sleep(600)`;

async function resident(lab: VpnLab): Promise<number> {
  const sizes = (await lab.serverPids()).map((pid) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

test('clients that read nothing, at whatever stage, take little memory; others get in, and the server stops in order', {
  skip,
}, async (t) => {
  const lab = await VpnLab.create({ clients: 3 });
  t.after(() => lab.destroy());
  const server = await lab.serveAnn({ env: { SSTPD_USERS_MAX_PER_USER: '4' } });
  const stopped = lab.connect();
  const { ipv4 } = await stopped.up();
  const before = await resident(lab);
  await new SstpdProcess(lab.client(1), ['python3', '-c', STALLED]).printed(/^held$/);
  process.kill(stopped.process.pid, 'SIGSTOP');
  // More for somebody than fits on the way, who takes none of it.
  await lab.server.exec('ping', ['-q', '-c', '400', '-i', '0.002', '-s', '4000', '-W', '1', ipv4]);
  const grown = (await resident(lab)) - before;
  assert.ok(grown < 100_000, `${grown} kB more`);

  const honest = lab.connect({ from: 2 });
  await honest.up();
  await honest.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', INSIDE]);
  await honest.stop();
  assert.equal((await server.stop()).status, 0);
  const ends = server.log('connection.closed', { ipv4 });
  assert.deepEqual(
    ends.map(({ reason }) => reason),
    ['server-shutdown'],
  );
  assert.deepEqual([server.log('worker.ended'), server.log('connection.fault')], [[], []], 'nobody had to be killed');
});

test('an IPv4 client is one address whatever socket takes it: at limits, and in what is told of it', {
  skip,
}, async (t) => {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  const server = await lab.serveAnn({
    args: ['--auth', 'pap', '--listen', '[::]:9443'],
    env: { SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS: '4' },
  });
  const doors = await Promise.all([lab.door(0, 443), lab.door(0, 9443)]);
  const peers: RawPeer[] = [];
  for (const door of [...doors, ...doors, ...doors]) {
    const peer = await RawPeer.sstp(door).catch((error: Error) =>
      assert.match(error.message, /^HTTP\/1\.1 503 |ended/),
    );
    if (peer !== undefined) peers.push(peer);
  }
  const sessions = await server.sessions();
  assert.ok(sessions.length > 0 && sessions.length <= 4, `${sessions.length} at a limit of 4`);
  for (const peer of peers) peer.destroy();
  await eventually('their places are free', async () => (await server.sessions()).length === 0 || undefined);
  await assert.rejects(RawPeer.pap(doors[1] ?? '', USER, 'not it'), /PAP: 03/);
  const told = [...sessions, ...server.log('auth.refused'), ...server.log('connection.accepted')];
  for (const { peer } of told) assert.match(String(peer), /^198\.18\.1\.2:\d+$/);
  await (await RawPeer.pap(doors[0] ?? '', USER, PASSWORD)).hangUp();
});
