/**
 * A door into a network namespace: run inside it, connects each client of a unix socket to an address there, byte for
 * byte and half by half. Arguments: path of the socket, host, port and, if it is to come from several addresses, those,
 * which take turns. The test itself stays outside and speaks TLS through.
 */
import { connect, createServer } from 'node:net';

const [path = '', host = '', port = '0', ...addresses] = process.argv.slice(2);
let turn = 0;

const server = createServer({ allowHalfOpen: true }, (inside) => {
  const localAddress = addresses[turn++ % Math.max(addresses.length, 1)];
  const from = localAddress === undefined ? {} : { localAddress };
  const outside = connect({ host, port: Number(port), allowHalfOpen: true, ...from });
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
