/**
 * Both ends of a bare node:tls connection, the least that a server on node:tls can cost:
 * `node tls-stream.ts serve ADDRESS PORT` and `node tls-stream.ts connect ADDRESS PORT down|up SECONDS`.
 */
import { connect, createServer, type TLSSocket } from 'node:tls';
import { createAuthority } from '../certs/index.ts';
import { createServerTls } from '../tls/index.ts';

/** As large as what the data path writes at once at full speed. */
const CHUNK = Buffer.alloc(131_072);

const [role, address = '', port = '0', direction, seconds = '1'] = process.argv.slice(2);
if (role === 'serve') serve();
else load();

function serve(): void {
  const shown = createAuthority({ commonName: 'sstpd bench', now: new Date() });
  const { serverOptions } = createServerTls(shown, { minVersion: 'TLSv1.2' });
  const server = createServer(serverOptions, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      if (first[0] === 'd'.charCodeAt(0)) send(socket);
      else socket.on('data', () => {});
    });
  });
  server.listen(Number(port), address, () => console.log('ready'));
}

function load(): void {
  let bytes = 0;
  let startedAt = 0;
  const socket = connect({ host: address, port: Number(port), rejectUnauthorized: false }, () => {
    startedAt = performance.now();
    socket.write(direction === 'down' ? 'd' : 'u');
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    if (direction === 'up') {
      send(socket, (length) => {
        bytes += length;
      });
    }
    setTimeout(() => {
      console.log(JSON.stringify({ bytes, seconds: (performance.now() - startedAt) / 1e3 }));
      process.exit(0);
    }, Number(seconds) * 1e3);
  });
}

/** One write after the other, each when the one before is done. */
function send(socket: TLSSocket, sent: (length: number) => void = () => {}): void {
  const next = (): void => {
    if (socket.destroyed) return;
    socket.write(CHUNK, (error) => {
      if (error) return;
      sent(CHUNK.length);
      next();
    });
  };
  next();
}
