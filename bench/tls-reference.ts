/** The reference: a bare node:tls server with sstpd's certificate and TLS options. `node tls-reference.ts DATA PORT`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { createServerTls } from '../tls/index.ts';

const [data = '', port = '0'] = process.argv.slice(2);
const { serverOptions } = createServerTls(
  {
    certificatePem: readFileSync(join(data, 'server.pem'), 'utf8'),
    keyPem: readFileSync(join(data, 'server.key'), 'utf8'),
  },
  { minVersion: 'TLSv1.2' },
);
const server = createServer(serverOptions, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.resume();
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
