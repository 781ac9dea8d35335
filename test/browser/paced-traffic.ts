/**
 * Traffic that looks like people's: a rate that rises and falls around a mean. Arguments:
 *
 *     serve ADDRESS PORT              sends to each client what it asks for, and takes what comes
 *     client ADDRESS PORT DOWN UP     bytes per second, as a mean
 */
import { connect, createServer, type Socket } from 'node:net';

const INTERVAL_MS = 100;
const SOME_BYTES = Buffer.alloc(4_000_000, 7);

const [role = '', address = '', port = '0', down = '0', up = '0'] = process.argv.slice(2);

function send(socket: Socket, bytesPerSecond: number): void {
  let level = 0.5;
  const timer = setInterval(() => {
    level = Math.min(1, Math.max(0.1, level + (Math.random() - 0.5) * 0.3));
    socket.write(SOME_BYTES.subarray(0, Math.round(2 * level * bytesPerSecond * (INTERVAL_MS / 1000))));
  }, INTERVAL_MS);
  socket.once('close', () => clearInterval(timer));
}

if (role === 'serve') {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (wish) => send(socket, wish.readUInt32BE(0)));
    socket.resume();
  });
  server.listen(Number(port), address, () => process.stdout.write('ready\n'));
} else {
  const socket = connect(Number(port), address);
  const wish = Buffer.alloc(4);
  wish.writeUInt32BE(Number(down), 0);
  socket.write(wish);
  socket.resume();
  send(socket, Number(up));
}
