/** Who has taken a worker over speaks to the supervisor in its name: the worker is ended, the clients of the other one go on. */
// Needs: python3
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { frame } from '../../../server/workers/frames.ts';
import { eventually } from '../../support/eventually.ts';
import { tunMissing } from '../../support/netns.ts';
import type { SstpdServer } from '../../support/sstpd-server.ts';
import { INSIDE, VpnLab } from '../../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

/**
 * Takes the descriptor 3 of a process (pidfd_getfd(2)), and writes to it what a file has, so many times. The process itself
 * is stopped meanwhile: what it says would stand in the middle of ours.
 */
const INTRUDER = `import os, sys, ctypes, signal, socket
libc = ctypes.CDLL(None, use_errno=True)
pid, path, times = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
fd = libc.syscall(438, os.pidfd_open(pid), 3, 0)
if fd < 0: sys.exit('pidfd_getfd: ' + os.strerror(ctypes.get_errno()))
channel = socket.socket(fileno=fd)
channel.setblocking(True)
data = open(path, 'rb').read()
os.kill(pid, signal.SIGSTOP)
try:
    for _ in range(times): channel.sendall(data)
except OSError as error:
    print(error.strerror)
channel.setblocking(False)
try: os.kill(pid, signal.SIGCONT)
except ProcessLookupError: pass`;

async function workerPid(server: SstpdServer, worker: number): Promise<number> {
  await server.logged('worker.ready', { worker });
  return Number(server.log('worker.ready', { worker }).at(-1)?.pid);
}

/** A client of the one worker that stays, and what says something in the name of the other one. */
async function scene(t: TestContext) {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  const server = await lab.serveAnn({ args: ['--workers', '2'] });
  const client = lab.connect();
  const up = await client.up();
  const session = (await server.sessions()).find(({ ipv4 }) => ipv4 === up.ipv4) ?? assert.fail(up.ipv4);
  const honest = Number.parseInt(session.id.slice(0, 2), 16);
  const liar = 1 - honest;
  const say = async (bytes: Buffer, times = 1): Promise<string> => {
    const path = join(lab.folder, 'said');
    writeFileSync(path, bytes);
    const pid = await workerPid(server, liar);
    return lab.server.run('python3', ['-c', INTRUDER, String(pid), path, String(times)]);
  };
  const passes = (): Promise<string> => client.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', INSIDE]);
  return { lab, server, session, liar, say, passes };
}

const said = (message: unknown): Buffer => frame(Buffer.from(JSON.stringify(message)));

test('lies end the worker that tells them, each with its reason; the other one and its clients stay', {
  skip,
}, async (t) => {
  const { lab, server, session, liar, say, passes } = await scene(t);
  const end = { reason: 'x', bytesIn: 0, bytesOut: 0 };
  const lies: readonly (readonly [Buffer, RegExp])[] = [
    [said({ kind: 'closed', session: session.id, end }), /session: "[0-9a-f]{8}" instead of/],
    [Buffer.from([0xff, 0xff, 0xff, 0xff]), /is too long/],
    [said({ kind: 'ticket-closed', ticket: -1 }), /-1 instead of/],
  ];
  for (const [bytes, why] of lies) {
    const from = server.mark;
    const before = await workerPid(server, liar);
    await say(bytes);
    const fault = await server.logged('worker.fault', { pid: before }, from);
    assert.match(String(fault.error), why);
    await server.logged('worker.ended', { worker: liar, signal: 'SIGKILL' }, from);
    await server.logged('worker.ready', { worker: liar }, from);
    assert.equal(
      (await server.sessions()).some(({ id }) => id === session.id),
      true,
    );
    await passes();
  }
  const again = lab.connect();
  await again.up();
  await again.stop();
  assert.equal((await server.stop()).status, 0);
});

test('a worker that has served and says that nobody can go on ends alone', { skip }, async (t) => {
  const { server, session, liar, say, passes } = await scene(t);
  const from = server.mark;
  const pid = await workerPid(server, liar);
  await say(said({ kind: 'failed', message: 'the machine is on fire' }));
  await eventually('it has been heard', async () => (await server.sessions()).length === 1);
  process.kill(pid, 'SIGKILL');
  await server.logged('worker.ended', { worker: liar, complaint: 'the machine is on fire' }, from);
  await server.logged('worker.ready', { worker: liar }, from);
  assert.deepEqual(server.log('server.fault'), []);
  assert.equal((await server.sessions())[0]?.id, session.id);
  await passes();
  assert.equal((await server.stop()).status, 0);
});

/** Uses standard output of a process as it likes: writes to it, and shuts it for everybody who has the same socket. */
const SHOUTER = `import os, sys, ctypes, socket
libc = ctypes.CDLL(None, use_errno=True)
pid = int(sys.argv[1])
fd = libc.syscall(438, os.pidfd_open(pid), 1, 0)
if fd < 0: sys.exit('pidfd_getfd: ' + os.strerror(ctypes.get_errno()))
os.write(fd, b'\\x1b[2Jthe machine is yours\\n')
os.write(fd, b'{"level":"info","time":"2026-01-01T00:00:00.000Z","worker":' + sys.argv[2].encode() + b',"msg":"admin.login","user":"root"}\\n')
output = socket.socket(fileno=fd)
output.shutdown(socket.SHUT_RDWR)`;

test('its output is its own: what it writes there is told as its words, and nobody else loses the log', {
  skip,
}, async (t) => {
  const { lab, server, liar, passes } = await scene(t);
  const honest = 1 - liar;
  const from = server.mark;
  await lab.server.run('python3', ['-c', SHOUTER, String(await workerPid(server, liar)), String(honest)]);
  const words = await server.logged('worker.output', { worker: liar }, from);
  assert.equal(words.text, '\u001b[2Jthe machine is yours', 'as the text of a field, which shows what it hides');
  assert.equal((await server.logged('admin.login', {}, from)).worker, liar, 'whoever it says it is');
  await passes();
  assert.equal((await server.stop()).status, 0);
  assert.equal(server.log('connection.closed', { worker: honest }).length, 1);
  assert.equal(server.log('server.stopped').length, 1);
});

test('a flood of words is read slowly, takes no memory, and no client of the other worker notices', {
  skip,
}, async (t) => {
  const { server, liar, say, passes } = await scene(t);
  const resident = (): number =>
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.process.pid}/status`, 'utf8'))?.[1]);
  const before = resident();
  // Some 60,000 in three seconds: above what is read.
  const flooding = say(Buffer.concat(Array(2_000).fill(said({ kind: 'alive', call: 1 }))), 30);
  await server.logged('worker.slowed', { worker: liar });
  await passes();
  await flooding;
  await eventually('it has been heard', async () => (await server.sessions()).length === 1);
  assert.ok(resident() - before < 100_000, `${resident() - before} kB`);
  assert.deepEqual(server.log('worker.fault'), []);
  assert.equal((await server.stop()).status, 0);
});
