/** Echo requests as whole IP packets, RFC 792 and RFC 4443 4.1, for peers that write their own source address. */

/** @param data of the ICMP message, an even number of bytes */
export function ping4(source: string, destination: string, data = 'abcdefgh'): Buffer {
  const icmp = Buffer.concat([Buffer.from('0800000000010001', 'hex'), Buffer.from(data)]);
  icmp.writeUInt16BE(checksum(icmp), 2);
  const header = Buffer.from('4500000000000000400100000000000000000000', 'hex');
  header.writeUInt16BE(header.length + icmp.length, 2);
  Buffer.from(source.split('.').map(Number)).copy(header, 12);
  Buffer.from(destination.split('.').map(Number)).copy(header, 16);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, icmp]);
}

/** @param source 16 bytes @param destination 16 bytes */
export function ping6(source: Buffer, destination: Buffer): Buffer {
  const icmp = Buffer.from('8000000000010001', 'hex');
  const header = Buffer.alloc(40);
  header.write('60000000', 'hex');
  header.writeUInt16BE(icmp.length, 4);
  header.writeUInt16BE(0x3a40, 6); // ICMPv6, hop limit 64
  source.copy(header, 8);
  destination.copy(header, 24);
  const pseudo = Buffer.concat([source, destination, Buffer.from([0, 0, 0, icmp.length, 0, 0, 0, 0x3a])]);
  icmp.writeUInt16BE(checksum(Buffer.concat([pseudo, icmp])), 2);
  return Buffer.concat([header, icmp]);
}

/** RFC 1071, over an even number of bytes. */
export function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export const TCP_SYN = 0x02;
export const TCP_ACK = 0x10;

/** A TCP segment without data or options, RFC 9293 3.1. @param flags of the header, such as `TCP_SYN` */
export function tcp4(from: readonly [string, number], to: readonly [string, number], flags: number): Buffer {
  const segment = Buffer.alloc(20);
  segment.writeUInt16BE(from[1], 0);
  segment.writeUInt16BE(to[1], 2);
  segment.writeUInt32BE(flags === TCP_SYN ? 0 : 1, 4);
  segment.writeUInt32BE(flags === TCP_SYN ? 0 : 1, 8);
  segment.set([0x50, flags, 0xff, 0xff], 12);
  const [source, destination] = [from[0], to[0]].map((text) => Buffer.from(text.split('.').map(Number)));
  if (source === undefined || destination === undefined) throw new RangeError('two addresses');
  segment.writeUInt16BE(checksum(Buffer.concat([source, destination, Buffer.from([0, 6, 0, 20]), segment])), 16);
  const header = Buffer.from('4500002800000000400600000000000000000000', 'hex');
  header.set(source, 12);
  header.set(destination, 16);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, segment]);
}
