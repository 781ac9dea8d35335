/**
 * The packet engine against the kernel: what it writes to a device is taken as meant, and what it cuts is what the
 * kernel's own segmentation gives on a device without offload. The file runs itself again in a namespace of its own.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadNative } from '../../tun/native.ts';
import { tunMissing } from '../support/netns.ts';
import {
  ALL_OFFLOADS,
  build,
  cut,
  engine,
  expand,
  frame,
  GsoType,
  headerLength,
  type PacketSpec,
  splitLengths,
  TCP,
  TcpFlag,
  UDP,
} from '../tun/engine.ts';

const INSIDE = 'SSTPD_TEST_INSIDE_NAMESPACE';
const here = fileURLToPath(import.meta.url);

if (process.env[INSIDE] === undefined) {
  test('the packet engine and the kernel', { skip: tunMissing() ?? false }, () => {
    const env: NodeJS.ProcessEnv = { ...process.env, [INSIDE]: '1' };
    delete env.NODE_TEST_CONTEXT; // else the inner tests would report in a form for the outer runner
    const run = spawnSync('unshare', ['--net', process.execPath, here], { env, encoding: 'utf8', timeout: 60_000 });
    assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
    assert.match(run.stdout, /pass [1-9]/);
  });
} else {
  insideNamespace();
}

/** A device with packets as they are on its descriptor. */
interface RawTun {
  readonly name: string;
  /** TUN_F_* flags, or -1 without a virtio header. */
  readonly offload: number;
  readonly read: Buffer[];
  /** Called for each packet instead of keeping it in `read`. */
  onPacket: ((packet: Buffer) => void) | undefined;
  write(packet: Buffer): boolean;
  close(): void;
}

function insideNamespace(): void {
  const native = loadNative();
  const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
  const slab = Buffer.alloc(1024 * 1024);
  const table = new Int32Array(2 * 256);

  const open = (name: string, wantsOffload: 0 | 1, addresses: readonly string[]): RawTun => {
    const opened = native.open(name, 1500, wantsOffload);
    ip('link', 'set', opened.name, 'addrgenmode', 'none');
    for (const address of addresses) {
      ip('address', 'add', address, 'dev', opened.name, ...(address.includes(':') ? ['nodad'] : []));
    }
    ip('link', 'set', opened.name, 'up');
    const tun: RawTun = {
      name: opened.name,
      offload: opened.offload,
      read: [],
      onPacket: undefined,
      write: (packet) => {
        slab.set(packet);
        return native.writeBatch(opened.handle, slab, Int32Array.of(0, packet.length), 1) === 1;
      },
      close: () => native.close(opened.handle),
    };
    native.watch(opened.handle, (error) => {
      if (error !== undefined) throw error;
      const count = native.readBatch(opened.handle, slab, table);
      const batch: Buffer[] = [];
      for (let i = 0; i < count; i++) {
        const start = table[2 * i] ?? 0;
        batch.push(Buffer.from(slab.subarray(start, start + (table[2 * i + 1] ?? 0))));
      }
      for (const packet of batch) {
        if (tun.onPacket === undefined) tun.read.push(packet);
        else tun.onPacket(packet);
      }
    });
    return tun;
  };
  /** What of `coalesce` the kernel takes: USO (TUN_F_USO4 and 6) came with Linux 6.2. */
  const flagsOf = (tun: RawTun): number => ((tun.offload & 0x60) === 0x60 ? ALL_OFFLOADS : ALL_OFFLOADS & ~8);
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
  /** The packets among `list` with TCP or UDP in them: the kernel also says things of its own on a device. */
  const transports = (list: readonly Buffer[]): Buffer[] =>
    list.filter((packet) => [TCP, UDP].includes(packet[(packet[0] ?? 0) >> 4 === 6 ? 6 : 9] ?? 0));

  ip('link', 'set', 'lo', 'up');
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  writeFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', '0');

  const from = (isIpv6: boolean): Buffer =>
    Buffer.from(isIpv6 ? 'fd990000000000000000000000000002' : '0a630002', 'hex');
  const to = (isIpv6: boolean, net: number): Buffer =>
    Buffer.from(isIpv6 ? `fd98000${net}000000000000000000000005` : `0a620${net}05`, 'hex');
  const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

  const datagram: PacketSpec = {
    isIpv6: false,
    protocol: UDP,
    source: from(false),
    destination: to(false, 2),
    sourcePort: 4000,
    destinationPort: 5000,
    tos: 0,
    flowLabel: 0,
    hopLimit: 33,
    id: 1,
    dontFragment: false,
    ipOptions: Buffer.alloc(0),
    sequence: 0,
    acknowledgement: 0,
    flags: 0,
    window: 0,
    tcpOptions: Buffer.alloc(0),
    zeroChecksum: false,
    payload: bytes(100),
  };

  test('super-packets go through the kernel, and what it segments itself is what we segment', async (t) => {
    const input = open('kin', 1, ['10.99.0.1/24', 'fd99::1/64']);
    const offloaded = open('kgso', 1, ['10.98.1.1/24', 'fd98:1::1/64']);
    const plain = open('kplain', 0, ['10.98.2.1/24', 'fd98:2::1/64']);
    t.after(() => {
      for (const tun of [input, offloaded, plain]) tun.close();
    });
    assert.ok(input.offload > 0 && plain.offload === -1);
    const hasUso = flagsOf(input) === ALL_OFFLOADS;

    for (const isIpv6 of [false, true]) {
      for (const protocol of [TCP, UDP] as const) {
        for (const [length, size, dontFragment] of [
          [40_017, 1360, true],
          [40_000, 1000, false],
          [64 * 90, 90, true],
          [2 * 1001 - 1, 1001, false],
        ] as const) {
          const spec = (net: number): PacketSpec => ({
            isIpv6,
            protocol,
            source: from(isIpv6),
            destination: to(isIpv6, net),
            sourcePort: 4000,
            destinationPort: 5000,
            tos: 0x02,
            flowLabel: 0x54321,
            hopLimit: 33,
            id: 0xfff0,
            dontFragment,
            ipOptions: Buffer.alloc(0),
            sequence: 0xfffffc00,
            acknowledgement: 77,
            flags: TcpFlag.Ack | TcpFlag.Psh,
            window: 1000,
            tcpOptions: Buffer.from('0101080a0000000100000002', 'hex'),
            zeroChecksum: false,
            payload: bytes(length),
          });
          const name = `IPv${isIpv6 ? 6 : 4} protocol ${protocol}, ${length} bytes by ${size}`;
          const results = new Map<number, Buffer[]>();
          for (const net of [1, 2]) {
            offloaded.read.length = 0;
            plain.read.length = 0;
            const written = splitLengths(
              engine.coalesce(Buffer.concat(cut(spec(net), size).map(frame)), flagsOf(input), 0),
            );
            if (protocol === TCP || hasUso) assert.equal(written.length, 1, name);
            for (const packet of written) assert.ok(input.write(packet), name);
            await settle();
            results.set(net, net === 1 ? offloaded.read.slice() : plain.read.slice());
          }
          // The kernel routed both: one hop less, all else as it was given to us.
          const supers = (results.get(1) ?? []).filter((packet) => transports([packet.subarray(10)]).length === 1);
          if (protocol === TCP || hasUso) assert.equal(supers.length, 1, name);
          const forwarded = { ...spec(1), hopLimit: 32 };
          const ours = supers.map((packet) => engine.segment(packet, 1, 0) ?? Buffer.alloc(0));
          assert.ok(Buffer.concat(ours).equals(Buffer.concat(cut(forwarded, size).map(frame))), name);
          const kernels = transports(results.get(2) ?? []);
          assert.deepEqual(kernels, cut({ ...forwarded, destination: to(isIpv6, 2) }, size), name);
          assert.ok(kernels.every((packet) => packet.length <= headerLength(forwarded) + size));
        }
      }
    }
  });

  test('packets that are written alone arrive as they are, a damaged one too', async (t) => {
    const input = open('kin', 1, ['10.99.0.1/24']);
    const plain = open('kplain', 0, ['10.98.2.1/24']);
    t.after(() => {
      input.close();
      plain.close();
    });
    const damaged = (one: PacketSpec): Buffer => {
      const packet = build(one);
      packet[60] = (packet[60] ?? 0) ^ 1;
      return packet;
    };
    const make = (hopLimit: number): Buffer[] => [
      build({ ...datagram, hopLimit }),
      damaged({ ...datagram, hopLimit, id: 2 }),
      build({ ...datagram, hopLimit, id: 3, zeroChecksum: true }),
      build({ ...datagram, hopLimit, id: 4 }),
    ];
    for (const packet of splitLengths(engine.coalesce(Buffer.concat(make(33).map(frame)), flagsOf(input), 0))) {
      assert.ok(input.write(packet));
    }
    await settle();
    assert.deepEqual(transports(plain.read), make(32));
  });

  test('merged datagrams reach a socket of this machine one by one', async (t) => {
    const input = open('kin', 1, ['10.99.0.1/24', 'fd99::1/64']);
    t.after(() => input.close());
    for (const isIpv6 of [false, true]) {
      const socket = createSocket(isIpv6 ? 'udp6' : 'udp4');
      t.after(() => socket.close());
      const received: Buffer[] = [];
      socket.on('message', (message) => received.push(message));
      socket.bind(0);
      await once(socket, 'listening');
      const payload = bytes(20 * 700 + 5);
      const spec: PacketSpec = {
        ...datagram,
        isIpv6,
        source: from(isIpv6),
        destination: Buffer.from(isIpv6 ? 'fd990000000000000000000000000001' : '0a630001', 'hex'),
        destinationPort: socket.address().port,
        payload,
      };
      for (const packet of splitLengths(engine.coalesce(Buffer.concat(cut(spec, 700).map(frame)), flagsOf(input), 0))) {
        assert.ok(input.write(packet));
      }
      await settle();
      assert.equal(received.length, 21);
      assert.ok(Buffer.concat(received).equals(payload));
      assert.equal(received[20]?.length, 5);
    }
  });

  test('a TCP connection through both devices: recorded super-packets cut, merged and delivered', async (t) => {
    // Two devices of one machine. The addresses are exchanged on the way, such that their sum and so every checksum
    // stays: 10.1.0.1 -> 10.2.0.9 on the left is 10.0.0.9 -> 10.3.0.1 on the right.
    const left = open('kleft', 1, ['10.1.0.1/24']);
    const right = open('kright', 1, ['10.3.0.1/24']);
    ip('route', 'add', '10.2.0.0/24', 'dev', left.name);
    ip('route', 'add', '10.0.0.0/24', 'dev', right.name);
    t.after(() => {
      left.close();
      right.close();
    });
    const counts = { supers: 0, packets: 0, merged: 0 };
    const relay = (source: RawTun, target: RawTun, addresses: Buffer): void => {
      let frames: Buffer[] = [];
      source.onPacket = (packet) => {
        const cutUp = engine.segment(packet, 1, 0);
        assert.ok(cutUp !== undefined);
        if (packet.length > 10 && packet[1] !== GsoType.None) {
          counts.supers += 1;
          assert.ok(expand(packet).length > 1);
        }
        for (let offset = 0; offset < cutUp.length; ) {
          const length = cutUp.readUInt16BE(offset + 2);
          if (cutUp[offset + 7] === 0x21 && (cutUp[offset + 8 + 9] ?? 0) === TCP) {
            cutUp.set(addresses, offset + 8 + 12);
            frames.push(cutUp.subarray(offset, offset + length));
          }
          offset += length;
        }
        if (frames.length === 0) return;
        counts.packets += frames.length;
        const written = splitLengths(engine.coalesce(Buffer.concat(frames), flagsOf(target), 0));
        frames = [];
        for (const one of written) {
          if (one[1] !== GsoType.None) counts.merged += 1;
          target.write(one); // what the kernel does not take now comes again
        }
      };
    };
    relay(left, right, Buffer.from('0a0000090a030001', 'hex'));
    relay(right, left, Buffer.from('0a0200090a010001', 'hex'));

    const data = Buffer.alloc(4_000_003);
    for (let i = 0; i < data.length; i += 4)
      data.writeUInt32LE((i * 2_654_435_761) >>> 0, Math.min(i, data.length - 4));
    const digest = (buffer: Buffer): string => createHash('sha256').update(buffer).digest('hex');
    const receiveAll = async (socket: Socket): Promise<Buffer> => {
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      await once(socket, 'end');
      return Buffer.concat(chunks);
    };
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '10.3.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = connect({ port, host: '10.2.0.9', localAddress: '10.1.0.1', allowHalfOpen: true });
    await once(client, 'connect');
    const [peer] = await accepted;
    client.end(data);
    peer.end(data);
    const [up, down] = await Promise.all([receiveAll(peer), receiveAll(client)]);
    assert.equal(digest(up), digest(data));
    assert.equal(digest(down), digest(data));
    assert.ok(counts.supers > 50 && counts.merged > 50, JSON.stringify(counts));
    assert.ok(counts.packets > counts.supers * 3, JSON.stringify(counts));
  });
}
