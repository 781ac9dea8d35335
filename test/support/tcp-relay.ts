/**
 * A door into a network namespace: run inside it, connects each client of a unix socket to an address there, byte for
 * byte and half by half. Arguments: path of the socket, host, port. The test itself stays outside and speaks TLS through.
 */
import { connect, createServer } from 'node:net';

const [path = '', host = '', port = '0'] = process.argv.slice(2);

const server = createServer({ allowHalfOpen: true }, (inside) => {
  const outside = connect({ host, port: Number(port), allowHalfOpen: true });
  inside.pipe(outside);
  outside.pipe(inside);
  for (const [one, other] of [
    [inside, outside],
    [outside, inside],
  ] as const) {
    one.on('error', () => other.destroy());
    one.on('close', () => {
      if (!one.readableEnded) other.destroy();
    });
  }
});
server.listen(path, () => process.stdout.write('ready\n'));
