/** Who has taken a worker over writes to its device what he likes: nothing leaves in the name of others. */
// Needs: python3
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tunMissing } from '../../support/netns.ts';
import { SstpdProcess } from '../../support/sstpd-process.ts';
import { FAR, INSIDE, VpnLab } from '../../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const PORT = 7007;
const DEVICE_FD = 4;

/** Writes UDP packets, each with the text SOURCE in it, to the TUN device of a process (pidfd_getfd(2)). */
const FORGER = `import os, sys, ctypes, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.syscall(438, os.pidfd_open(int(sys.argv[1])), ${DEVICE_FD}, 0)
if fd < 0: sys.exit('pidfd_getfd: ' + os.strerror(ctypes.get_errno()))
def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
for source in sys.argv[3:]:
    text = source.encode()
    udp = struct.pack('!HHHH', 9, ${PORT}, 8 + len(text), 0) + text
    head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    head += socket.inet_aton(source) + socket.inet_aton(sys.argv[2])
    head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
    os.write(fd, bytes(10) + head + udp)`;

/** Prints what comes, and from where. */
const LISTENER = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', ${PORT}))
print('ready', flush=True)
while True: print('got', s.recv(99).decode(), flush=True)`;

test("nothing leaves a worker with the address of another one's client, of a neighbour or of this host", {
  skip,
}, async (t) => {
  const lab = await VpnLab.create({ clients: 1, far: true });
  t.after(() => lab.destroy());
  const server = await lab.serveAnn({ args: ['--workers', '2'] });
  const up = await lab.connect().up();
  const session = (await server.sessions()).find(({ ipv4 }) => ipv4 === up.ipv4) ?? assert.fail(up.ipv4);
  const honest = Number.parseInt(session.id.slice(0, 2), 16);
  const pidOf = async (worker: number): Promise<string> => {
    await server.logged('worker.ready', { worker });
    return String(server.log('worker.ready', { worker }).at(-1)?.pid);
  };
  const listener = new SstpdProcess(lab.far ?? assert.fail(), ['python3', '-c', LISTENER]);
  await listener.printed(/^ready$/);
  const forge = async (worker: number, ...sources: string[]): Promise<string> =>
    lab.server.run('python3', ['-c', FORGER, await pidOf(worker), FAR, ...sources]);
  await forge(1 - honest, up.ipv4 ?? '', '203.0.113.77', '203.0.113.1', '198.18.0.1', INSIDE, '8.8.8.8');
  // Behind them, on the same path: what a client does.
  await forge(honest, up.ipv4 ?? '');
  await listener.printed(/^got/);
  const got = listener.text.split('\n').filter((line) => line.startsWith('got'));
  assert.deepEqual(got, [`got ${up.ipv4}`]);
});
