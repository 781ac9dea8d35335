/**
 * Answers each TCP SYN that is routed to its TUN device with a SYN-ACK, without remembering anything. Arguments: the
 * device's name, and the network to answer for. Prints `ready`.
 */
import { execFileSync } from 'node:child_process';
import { openTun } from '../../tun/index.ts';
import { TCP_ACK, TCP_SYN, tcp4 } from './ip-packets.ts';

const [name = '', network = ''] = process.argv.slice(2);
const device = openTun({ name, mtu: 1400 });
device.start(({ slab, table, count }) => {
  for (let i = 0; i < count; i++) {
    const start = table[2 * i] ?? 0;
    const packet = slab.subarray(start, start + (table[2 * i + 1] ?? 0));
    const isSyn = packet.length >= 40 && packet[0] === 0x45 && packet[9] === 6 && packet[33] === TCP_SYN;
    if (!isSyn) continue;
    const source = [packet.subarray(12, 16).join('.'), packet.readUInt16BE(20)] as const;
    const destination = [packet.subarray(16, 20).join('.'), packet.readUInt16BE(22)] as const;
    const answer = tcp4(destination, source, TCP_SYN | TCP_ACK);
    device.write(answer, 0, answer.length);
  }
});
execFileSync('ip', ['link', 'set', name, 'up']);
execFileSync('ip', ['route', 'add', network, 'dev', name]);
process.stdout.write('ready\n');
