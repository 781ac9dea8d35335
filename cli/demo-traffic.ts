/**
 * The load of `sstpd demo`, run in its two namespaces: `listen ADDRESS PORT` answers, `download|upload ADDRESS PORT
 * SECONDS` moves data over one TCP connection and prints the bytes that arrived and the milliseconds it took.
 */
import { connect, createServer, type Socket } from 'node:net';

const BLOCK = Buffer.alloc(256 * 1024, 'sstpd demo ');

const [role = '', address = '', port = '0', seconds = '3'] = process.argv.slice(2);

/** Writes as fast as the connection takes it. */
function pour(socket: Socket): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(BLOCK)) {}
  };
  socket.on('drain', more);
  more();
}

function listen(): void {
  const server = createServer((socket) => {
    let received = 0;
    let wish = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      if (wish === '') {
        wish = String.fromCharCode(chunk[0] ?? 0);
        if (wish === 'd') pour(socket);
      }
      received += chunk.length;
    });
    // The sender of an upload hangs up one half when it is done, and waits for the count.
    socket.on('end', () => socket.end(wish === 'u' ? String(received) : ''));
  });
  server.listen({ port: Number(port), host: address }, () => process.stdout.write('ready\n'));
}

function transfer(): void {
  const startedAt = performance.now();
  const socket = connect(Number(port), address);
  let received = 0;
  let answer = '';
  const done = (bytes: number): void => {
    const figures = `${JSON.stringify({ bytes, ms: performance.now() - startedAt })}\n`;
    process.stdout.write(figures, () => process.exit(0));
  };
  socket.on('connect', () => {
    socket.write(role === 'download' ? 'd' : 'u');
    if (role === 'upload') pour(socket);
  });
  socket.on('data', (chunk) => {
    received += chunk.length;
    if (role === 'upload') answer += chunk.toString();
  });
  socket.on('end', () => done(Number(answer)));
  socket.on('error', (error) => {
    process.stderr.write(`${error.message}\n`, () => process.exit(1));
  });
  setTimeout(() => {
    if (role === 'download') done(received);
    else socket.removeAllListeners('drain').end();
  }, Number(seconds) * 1000);
}

if (role === 'listen') listen();
else transfer();
