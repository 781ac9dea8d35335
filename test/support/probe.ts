/**
 * Whether something answers, as one word on standard output. Arguments:
 *
 *     tcp ADDRESS PORT     `open`, `refused` (by a RST or an ICMP error), or `silent` after 1.5 s
 *     udp ADDRESS PORT     the same of a datagram that is sent three times
 *     echo ADDRESS PORT    answers both, and prints `ready` first
 */
import { createSocket } from 'node:dgram';
import { connect, createServer, isIPv6 } from 'node:net';

const SILENT_MS = 1_500;
const [role = '', address = '', digits = '0'] = process.argv.slice(2);
const port = Number(digits);

function done(word: string): never {
  process.stdout.write(`${word}\n`);
  process.exit(0);
}

function datagrams() {
  return createSocket(isIPv6(address.replace(/%.*/, '')) ? 'udp6' : 'udp4');
}

switch (role) {
  case 'tcp': {
    const socket = connect({ host: address, port });
    socket.once('connect', () => done('open'));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => done(code === 'ETIMEDOUT' ? 'silent' : 'refused'));
    setTimeout(() => done('silent'), SILENT_MS);
    break;
  }
  case 'udp': {
    const socket = datagrams();
    socket.once('message', () => done('open'));
    socket.on('error', () => done('refused'));
    socket.connect(port, address, (error?: Error) => {
      if (error !== undefined) done(error.message);
      const send = (): void => void socket.send('anybody?');
      send();
      setInterval(send, SILENT_MS / 3);
    });
    setTimeout(() => done('silent'), SILENT_MS);
    break;
  }
  case 'echo': {
    const socket = datagrams();
    socket.on('message', (message, { address: from, port: to }) => socket.send(message, to, from));
    const server = createServer((stream) => stream.on('error', () => {}).pipe(stream));
    socket.bind(port, address, () => server.listen(port, address, () => process.stdout.write('ready\n')));
    break;
  }
  default:
    throw new Error(`no role ${role}`);
}
