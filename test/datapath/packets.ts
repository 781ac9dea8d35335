/** Bytes for the tests of this folder, put together here from the RFCs and never by the code under test. */
import type { Clock } from '../../core/index.ts';
import { ChunkPool, DataLink, type DataLinkOptions, type DataLinkOwner } from '../../datapath/index.ts';
import { MemoryTun } from '../../tun/index.ts';

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** 192.168.77.10, the client; 192.168.77.1, the server; 203.0.113.5, a host on the Internet. */
export const CLIENT4 = 0xc0a84d0a;
export const CLIENT_LINK_LOCAL: Uint8Array = hex('fe80 0000 0000 0000 0202 02ff fe02 0202');
export const SERVER_LINK_LOCAL: Uint8Array = hex('fe80 0000 0000 0000 0000 0000 0000 0001');
export const CLIENT_PREFIX: Uint8Array = hex('2001 0db8 0001 0007 0000 0000 0000 0000');

/** An IPv4 header (RFC 791 3.1; checksum left 0, nobody here looks at it) with UDP's protocol number. */
export function ipv4(source: string, destination: string, payload: Buffer, protocol = 17): Buffer {
  const header = hex(`45000000 00004000 40000000 ${source} ${destination}`);
  header.writeUInt16BE(20 + payload.length, 2);
  header[9] = protocol;
  return Buffer.concat([header, payload]);
}

/** An IPv6 header (RFC 8200 3) with UDP's protocol number. */
export function ipv6(source: string, destination: string, payload: Buffer, nextHeader = 17): Buffer {
  const header = hex(`60000000 00000040 ${source} ${destination}`);
  header.writeUInt16BE(payload.length, 4);
  header[6] = nextHeader;
  return Buffer.concat([header, payload]);
}

/** An SSTP data packet (MS-SSTP 2.2.3) around a PPP frame. */
export function sstpData(frame: Buffer): Buffer {
  const length = 4 + frame.length;
  return Buffer.concat([Buffer.from([0x10, 0x00, length >> 8, length & 0xff]), frame]);
}

export const pppIpv4 = (packet: Buffer): Buffer => sstpData(Buffer.concat([hex('ff03 0021'), packet]));
export const pppIpv6 = (packet: Buffer): Buffer => sstpData(Buffer.concat([hex('ff03 0057'), packet]));

/** Echo Request, MS-SSTP 2.2.14. */
export const ECHO_REQUEST: Buffer = hex('1001 0008 0008 0000');

/** TCP SYN with MSS 1460 (RFC 9293 3.2) from port 1024 to 80; its checksum counts for nothing here. */
export const SYN_1460: Buffer = hex('0400 0050 00000001 00000000 6002 ffff 0000 0000 0204 05b4');

/** An owner that keeps what it is told, and lets the test say when a write is done. */
export class TestOwner implements DataLinkOwner {
  readonly events: string[] = [];
  readonly writes: Buffer[] = [];
  #done: (() => void) | undefined;
  /** Finish each write at once, as a socket with room does. */
  isFast = false;

  control(packet: Buffer): void {
    this.events.push(`control ${packet.toString('hex')}`);
  }
  pppFrame(frame: Buffer): void {
    this.events.push(`ppp ${frame.toString('hex')}`);
  }
  received(): void {
    this.events.push('received');
  }
  write(bytes: Buffer, done: () => void): void {
    if (this.#done !== undefined) throw new Error('two writes outstanding');
    this.writes.push(Buffer.from(bytes));
    this.#done = done;
    if (this.isFast) this.finishWrite();
  }
  overflow(): void {
    this.events.push('overflow');
  }
  broken(error: unknown): void {
    this.events.push(`broken ${(error as { code?: string }).code ?? String(error)}`);
  }

  get isWriting(): boolean {
    return this.#done !== undefined;
  }
  finishWrite(): void {
    const done = this.#done;
    this.#done = undefined;
    if (done === undefined) throw new Error('no write outstanding');
    done();
  }
}

export class TestClock implements Clock {
  instant = 0;
  now(): number {
    return this.instant;
  }
}

export interface TestLink {
  readonly link: DataLink;
  readonly owner: TestOwner;
  readonly tun: MemoryTun;
  readonly pool: ChunkPool;
  readonly clock: TestClock;
}

export function makeLink(options: Partial<DataLinkOptions> = {}): TestLink {
  const owner = new TestOwner();
  const tun = new MemoryTun({ mtu: 1400 });
  const pool = options.pool ?? new ChunkPool();
  const clock = new TestClock();
  const link = new DataLink(owner, {
    tun,
    pool,
    clock,
    ingress: 'from-client',
    serverLinkLocal: SERVER_LINK_LOCAL,
    ...options,
  });
  return { link, owner, tun, pool, clock };
}

/** All pending microtasks have run when this resolves. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
