/**
 * Run as a process of its own in the server's network namespace: `dns-server.ts ADDRESS NAME ANSWER`. A DNS server on port
 * 53 of that address that knows one name with one IPv4 address (RFC 1035 §4.1).
 */
import { createSocket } from 'node:dgram';

const HEADER = 12;
const TYPE_A = 1;
/** An answer's name is the question's: a pointer to it, RFC 1035 §4.1.4. Then type A, class IN, 60 s, 4 bytes. */
const ANSWER_HEAD = Buffer.from('c00c000100010000003c0004', 'hex');

const [address = '', name = '', answer = ''] = process.argv.slice(2);
const socket = createSocket('udp4');
socket.on('message', (query, { address: peer, port }) => {
  let at = HEADER;
  const labels: string[] = [];
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const isKnown = labels.join('.').toLowerCase() === name;
  const hasAnswer = isKnown && query.readUInt16BE(at + 1) === TYPE_A;
  const head = Buffer.from(query.subarray(0, at + 5));
  head.writeUInt16BE(isKnown ? 0x8180 : 0x8183, 2); // an answer, recursion offered; 3: no such name
  head.writeUInt16BE(hasAnswer ? 1 : 0, 6);
  head.fill(0, 8, HEADER); // no authority, nothing additional: EDNS is not echoed
  const record = Buffer.concat([ANSWER_HEAD, Buffer.from(answer.split('.').map(Number))]);
  socket.send(hasAnswer ? Buffer.concat([head, record]) : head, port, peer);
});
socket.bind(53, address, () => console.log('listening'));
