/**
 * Sender and receiver of datapath-*.test.ts, in namespaces: `tcp-receive|udp-receive ADDRESS BYTES` prints its port and
 * later the digest of what came; `tcp-send|udp-send ADDRESS BYTES PORT` sends and prints the digest of that.
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, createServer, isIPv6 } from 'node:net';

const [role = '', address = '', size = '0', port = '0'] = process.argv.slice(2);
const bytes = Number(size);
const DATAGRAM = 1200;

/** The same bytes at every call, without a period that a wrong order could hide in. */
function content(): Buffer {
  const result = Buffer.alloc(bytes);
  let state = 1;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    result[i] = state >>> 24;
  }
  return result;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const digest = (data: Buffer): string => `digest ${data.length} ${createHash('sha256').update(data).digest('hex')}`;

switch (role) {
  case 'tcp-receive': {
    const server = createServer((socket) => {
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('end', () => {
        say(digest(Buffer.concat(chunks)));
        socket.end();
        server.close();
      });
    });
    server.listen(0, address, () => say(`port ${(server.address() as { port: number }).port}`));
    break;
  }
  case 'tcp-send': {
    const data = content();
    const socket = connect(Number(port), address, () => socket.end(data));
    socket.resume();
    socket.on('close', () => say(digest(data)));
    break;
  }
  case 'udp-receive': {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const parts: Buffer[] = [];
    let got = 0;
    socket.on('message', (message) => {
      parts.push(message);
      got += message.length;
      if (got < bytes) return;
      say(digest(Buffer.concat(parts)));
      socket.close();
    });
    socket.bind(0, address, () => {
      socket.setRecvBufferSize(1 << 20);
      say(`port ${socket.address().port}`);
    });
    break;
  }
  case 'udp-send': {
    const data = content();
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    // In bursts that no socket buffer on the way overflows from; the last datagram is shorter than the others.
    for (let at = 0; at < data.length; at += DATAGRAM) {
      const sent = new Promise((resolve) =>
        socket.send(data.subarray(at, at + DATAGRAM), Number(port), address, resolve),
      );
      if (at + DATAGRAM >= data.length) await sent; // `close` forgets what was not handed to the kernel yet
      if ((at / DATAGRAM) % 16 === 15) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    socket.close();
    say(digest(data));
    break;
  }
  default:
    throw new Error(`no role ${role}`);
}
