/**
 * Traffic between two namespaces, checked at both ends. Arguments:
 *
 *     serve ADDRESS PORT             answers the others, TCP and UDP
 *     download ADDRESS PORT BYTES    one TCP connection; prints what arrived: {"bytes":…,"sha256":"…"}
 *     upload ADDRESS PORT BYTES      the same in the other direction; prints what the server says arrived there
 *     flood ADDRESS PORT BYTES       as many bytes in datagrams, as fast as they go, to nobody in particular
 *     udp ADDRESS PORT BYTES         sends a datagram of that size until it comes back, prints its checksum and its source
 *                                    as the server saw it
 *
 * The bytes are a keystream that both ends can make, so nothing but them has to be right.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, createServer, isIPv6, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const BLOCK_BYTES = 256 * 1024;
const UDP_TRIES = 50;
const UDP_INTERVAL_MS = 200;

const [role = '', address = '', port = '0', size = '0'] = process.argv.slice(2);

function* keystream(bytes: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(BLOCK_BYTES);
  for (let left = bytes; left > 0; left -= BLOCK_BYTES)
    yield cipher.update(zeros.subarray(0, Math.min(left, BLOCK_BYTES)));
}

/** Reads to the end. */
async function sink(socket: Socket): Promise<string> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of socket) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return JSON.stringify({ bytes, sha256: hash.digest('hex') });
}

/** One byte says what the client wants, four how much: `d` is sent to it, `u` is read from it. */
async function answer(socket: Socket): Promise<void> {
  const head = await new Promise<Buffer>((resolve) => {
    socket.once('readable', function read() {
      const bytes = socket.read(5) as Buffer | null;
      if (bytes === null) socket.once('readable', read);
      else resolve(bytes);
    });
  });
  if (head[0] === 'd'.charCodeAt(0)) await pipeline(Readable.from(keystream(head.readUInt32BE(1))), socket);
  else socket.end(await sink(socket));
}

function serve(): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    answer(socket).catch(() => socket.destroy());
  });
  const udp = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  udp.on('message', (bytes, from) => {
    const seen = JSON.stringify({ from: from.address, sha256: createHash('sha256').update(bytes).digest('hex') });
    // The answer is as long as the question, so that it is fragmented too.
    udp.send(seen.padEnd(bytes.length), from.port, from.address);
  });
  udp.bind(Number(port), address, () => {
    server.listen(Number(port), address, () => process.stdout.write('ready\n'));
  });
}

function wish(letter: 'd' | 'u', bytes: number): Buffer {
  const head = Buffer.alloc(5, letter);
  head.writeUInt32BE(bytes, 1);
  return head;
}

async function download(): Promise<void> {
  const socket = connect(Number(port), address);
  socket.write(wish('d', Number(size)));
  process.stdout.write(`${await sink(socket)}\n`);
}

async function upload(): Promise<void> {
  const socket = connect({ port: Number(port), host: address, allowHalfOpen: true });
  socket.write(wish('u', 0));
  let answerText = '';
  socket.on('data', (chunk) => {
    answerText += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => socket.once('end', () => resolve()));
  for (const block of keystream(Number(size))) {
    if (!socket.write(block)) await new Promise<void>((resolve) => socket.once('drain', () => resolve()));
  }
  socket.end();
  await ended;
  process.stdout.write(`${answerText}\n`);
}

async function flood(): Promise<void> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const datagram = Buffer.alloc(1200, 'flood ');
  // Some at a time: a full queue of the kernel is reported as an error, which is not what this is about.
  for (let left = Number(size); left > 0; left -= datagram.length * 64) {
    await Promise.all(
      Array.from(
        { length: 64 },
        () => new Promise<void>((sent) => socket.send(datagram, Number(port), address, () => sent())),
      ),
    );
  }
  socket.close();
}

async function udp(): Promise<void> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const bytes = Buffer.concat([...keystream(Number(size))]);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  for (let attempt = 0; attempt < UDP_TRIES; attempt += 1) {
    const reply = await new Promise<Buffer | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), UDP_INTERVAL_MS);
      socket.once('message', (message) => {
        clearTimeout(timer);
        resolve(message);
      });
      socket.send(bytes, Number(port), address, () => {});
    });
    if (reply === undefined) continue;
    const seen = JSON.parse(reply.toString()) as { from: string; sha256: string };
    process.stdout.write(`${JSON.stringify({ from: seen.from, bytes: reply.length, same: seen.sha256 === sha256 })}\n`);
    socket.close();
    return;
  }
  socket.close();
  process.exitCode = 1;
}

const ROLES: Readonly<Record<string, () => unknown>> = { serve, download, upload, flood, udp };
await ROLES[role]?.();
