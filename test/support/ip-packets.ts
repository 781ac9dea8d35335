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
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
