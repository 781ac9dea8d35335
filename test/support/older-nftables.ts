/**
 * For `node --import`: the kernel refuses tables that a socket owns, as one before Linux 5.12 does. What is asked of it is
 * rewritten on its way: a flag that no kernel has stands in the owner's place, and the rest is the kernel's own doing.
 */
const NLMSG_HEADER = 16;
const NFGEN_HEADER = 4;
/** NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE */
const NEW_TABLE = 0x0a00;
/** NFTA_TABLE_FLAGS, in network byte order; NFT_TABLE_F_OWNER */
const TABLE_FLAGS = 2;
const OWNER = 0x2;
const NO_FLAG_OF_ANY_KERNEL = 0x4000_0000;

type Ask = (fd: number, request: Buffer) => Buffer;

// Not for workers, which have no tables, and whose cage lets them read no test.
process.execArgv.splice(0);

const open = process.dlopen;
process.dlopen = (module: { exports: { netfilterAsk?: Ask } }, ...rest) => {
  open.call(process, module, ...rest);
  const { netfilterAsk: ask } = module.exports;
  if (ask === undefined) return;
  module.exports = { ...module.exports, netfilterAsk: (fd, request) => ask(fd, withoutOwner(request)) };
};

function withoutOwner(request: Buffer): Buffer {
  const bytes = Buffer.from(request);
  for (let at = 0; at < bytes.length; at += aligned(bytes.readUInt32LE(at))) {
    const end = at + bytes.readUInt32LE(at);
    if (bytes.readUInt16LE(at + 4) !== NEW_TABLE) continue;
    for (let place = at + NLMSG_HEADER + NFGEN_HEADER; place < end; place += aligned(bytes.readUInt16LE(place))) {
      const isFlags = bytes.readUInt16LE(place + 2) === TABLE_FLAGS;
      if (isFlags && bytes.readUInt32BE(place + 4) === OWNER) bytes.writeUInt32BE(NO_FLAG_OF_ANY_KERNEL, place + 4);
    }
  }
  return bytes;
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
