/**
 * The real device. The file runs itself again inside a network namespace of its own, which takes device, addresses and
 * routes with it when it ends.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../core/index.ts';
import { ChunkPool, DataLink, PacketRouter } from '../../datapath/index.ts';
import { openTun, type TunDevice, TunError } from '../../tun/index.ts';
import { loadNative } from '../../tun/native.ts';
import { tunMissing } from '../support/netns.ts';

const INSIDE = 'SSTPD_TEST_INSIDE_NAMESPACE';
const here = fileURLToPath(import.meta.url);
const tunModule = new URL('../../tun/index.ts', import.meta.url).href;

if (process.env[INSIDE] === undefined) {
  test('TUN device in a network namespace', { skip: tunMissing() ?? false }, () => {
    const env: NodeJS.ProcessEnv = { ...process.env, [INSIDE]: '1' };
    delete env.NODE_TEST_CONTEXT; // else the inner tests would report in a form for the outer runner
    const run = spawnSync('unshare', ['--net', process.execPath, here], { env, encoding: 'utf8', timeout: 60_000 });
    assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
    assert.match(run.stdout, /pass [1-9]/);
  });
} else {
  insideNamespace();
}

function insideNamespace(): void {
  const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
  const devices = (): string[] => readdirSync('/sys/class/net');
  const deviceNames = (): string =>
    ip('-brief', 'link')
      .split('\n')
      .map((line) => line.split(/[ @]/)[0])
      .join(' ');
  const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
  const clock: Clock = { now: () => performance.now() };
  // Without an address of its own the device sends nothing of itself: no Router Solicitation, no MLD report.
  const up = (tun: TunDevice, address: string): void => {
    ip('link', 'set', tun.name, 'addrgenmode', 'none');
    ip('address', 'add', address, 'dev', tun.name);
    ip('link', 'set', tun.name, 'up');
  };
  const open = (t: { after: (done: () => void) => void }, name = 'e2e%d'): TunDevice => {
    const tun = openTun({ name, mtu: 1400 });
    t.after(() => tun.close());
    return tun;
  };
  /** Resolves once `tun` delivered `count` packets, with copies of all. */
  const collect = (tun: TunDevice, count: number): Promise<Buffer[]> =>
    new Promise((resolve) => {
      const packets: Buffer[] = [];
      tun.start(({ slab, table, count: inBatch }) => {
        for (let i = 0; i < inBatch; i++) {
          const start = table[2 * i] ?? 0;
          packets.push(Buffer.from(slab.subarray(start, start + (table[2 * i + 1] ?? 0))));
        }
        if (packets.length >= count) resolve(packets);
      });
    });
  const udp = async (t: { after: (done: () => void) => void }): Promise<Socket> => {
    const socket = createSocket('udp4');
    t.after(() => socket.close());
    socket.bind(0);
    await once(socket, 'listening');
    return socket;
  };
  ip('link', 'set', 'lo', 'up');
  // ICMP Echo Request (RFC 792) from 10.99.0.2 to 10.99.0.1, with valid checksums.
  const ECHO = hex('45000020 00004000 40012615 0a630002 0a630001 0800f7fc 00010001 00000001');

  test('the kernel answers an echo request that was written to the device', async (t) => {
    const tun = open(t);
    up(tun, '10.99.0.1/24');
    const answer = collect(tun, 1);
    tun.write(ECHO, 0, ECHO.length);
    assert.equal((await answer)[0]?.toString('hex', 12), '0a6300010a6300020000fffc0001000100000001');
    assert.deepEqual(
      { ...tun.counters },
      { readPackets: 1, readBytes: 32, writtenPackets: 1, writtenBytes: 32, writeDrops: 0 },
    );
  });

  test('400 datagrams sent at once arrive, in order', async (t) => {
    const tun = open(t);
    up(tun, '10.99.0.1/24');
    const all = collect(tun, 400);
    const socket = await udp(t);
    for (let i = 0; i < 400; i++) socket.send(Buffer.from([i >> 8, i & 0xff]), 9, '10.99.0.2');
    const numbers = (await all).map((packet) => packet.readUInt16BE(28));
    assert.deepEqual(
      numbers,
      Array.from({ length: 400 }, (_, i) => i),
    );
  });

  test('more packets than one batch holds are written in order', async (t) => {
    const tun = open(t);
    up(tun, '10.99.0.1/24');
    const socket = await udp(t);
    socket.setRecvBufferSize(212_992); // all of them wait there before the first is read
    const port = socket.address().port;
    const received: number[] = [];
    const done = new Promise<void>((resolve) => {
      socket.on('message', (message) => {
        received.push(message.readUInt16BE(0));
        if (received.length === 300) resolve();
      });
    });
    // The IPv4 header checksum is the kernel's only check here: a UDP checksum of 0 means none (RFC 768).
    const packet = hex('4500001e 00000000 40116607 0a630002 0a630001 0009 0000 000a 0000 0000');
    packet.writeUInt16BE(port, 22);
    for (let i = 0; i < 300; i++) {
      packet.writeUInt16BE(i, 28);
      tun.write(packet, 0, packet.length);
    }
    await done;
    assert.deepEqual(
      received,
      Array.from({ length: 300 }, (_, i) => i),
    );
  });

  test('MTU and name are set; %d becomes the first free number', (t) => {
    const [first, second] = [open(t), open(t)];
    assert.deepEqual([first.name, second.name], ['e2e0', 'e2e1']);
    assert.match(ip('link', 'show', 'e2e1'), /mtu 1400/);
  });

  test('the kernel keeps 1,400 single packets until they are read', async (t) => {
    const tun = open(t);
    up(tun, '10.99.0.1/24');
    const socket = await udp(t);
    const all = collect(tun, 1400);
    // Nothing is read before this turn of the loop ends.
    for (let i = 0; i < 1400; i++) socket.send(Buffer.alloc(100), 9, '10.99.0.2');
    assert.equal((await all).length, 1400);
    assert.match(ip('link', 'show', tun.name), /qlen 1500/);
  });

  test('a packet larger than the read slab expects, after the MTU was raised, is read whole', async (t) => {
    const tun = open(t);
    up(tun, '10.99.0.1/24');
    ip('link', 'set', tun.name, 'mtu', '60000');
    const all = collect(tun, 20);
    const socket = await udp(t);
    for (let i = 0; i < 20; i++) socket.send(Buffer.alloc(50_000, i), 9, '10.99.0.2');
    for (const [i, packet] of (await all).entries()) assert.deepEqual(packet.subarray(28), Buffer.alloc(50_000, i));
  });

  test('what the kernel refuses is dropped and counted, and does not stop what follows', async (t) => {
    const tun = open(t);
    up(tun, '10.99.0.1/24');
    const answer = collect(tun, 1);
    tun.write(hex('ffff'), 0, 2); // neither IPv4 nor IPv6: EINVAL
    tun.write(ECHO, 0, ECHO.length);
    tun.flush();
    assert.deepEqual([tun.counters.writeDrops, tun.counters.writtenPackets, tun.counters.writtenBytes], [1, 1, 32]);
    await answer;
    ip('link', 'set', tun.name, 'down');
    tun.write(ECHO, 0, ECHO.length);
    tun.flush();
    assert.equal(tun.counters.writeDrops, 2);
    tun.write(Buffer.alloc(300_000), 0, 300_000);
    assert.equal(tun.counters.writeDrops, 3);
  });

  test('a device that an operator removes is a failure told once; writing to it afterwards is harmless', async () => {
    const tun = openTun({ name: 'e2e%d', mtu: 1400 });
    up(tun, '10.99.0.1/24');
    const failures: TunError[] = [];
    const failed = new Promise<void>((resolve) => {
      tun.start(
        () => assert.fail('a packet'),
        (error) => {
          failures.push(error);
          resolve();
        },
      );
    });
    ip('link', 'delete', tun.name);
    await failed;
    tun.write(ECHO, 0, ECHO.length);
    tun.flush();
    tun.close();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(failures.length, 1);
    assert.match(failures[0]?.message ?? '', /^the TUN device e2e\d was removed; start again to make a new one$/);
    assert.equal(failures[0]?.systemCode, 'EBADFD');
  });

  test('close removes the device, also inside the batch callback, and the name is free again', async (t) => {
    const tun = open(t, 'again');
    up(tun, '10.99.0.1/24');
    await new Promise<void>((resolve) => {
      tun.start(() => {
        tun.close();
        tun.close();
        resolve();
      });
      tun.write(ECHO, 0, ECHO.length);
    });
    assert.doesNotMatch(deviceNames(), /again/);
    open(t, 'again');
    assert.match(deviceNames(), /again/);
  });

  test('packets queued at close still go out', async (t) => {
    const tun = open(t);
    up(tun, '10.99.0.1/24');
    tun.write(ECHO, 0, ECHO.length);
    tun.close();
    assert.equal(tun.counters.writtenPackets, 1);
  });

  test('a name in use, and a name of another kind of device, are one line each with a remedy', (t) => {
    const tun = open(t);
    assert.throws(
      () => openTun({ name: tun.name, mtu: 1400 }),
      (error) => {
        assert.ok(error instanceof TunError);
        assert.equal(error.systemCode, 'EBUSY');
        assert.match(error.message, /^no TUN device e2e\d: another process uses this name; .*choose another name$/);
        return true;
      },
    );
    assert.throws(
      () => openTun({ name: 'lo', mtu: 1400 }),
      /^TunError: no TUN device lo: .* is no TUN device; choose another name$/,
    );
  });

  test('the addon reads and writes only inside the slab and the table it is given', (t) => {
    const native = loadNative();
    const { handle } = native.open('e2e%d', 1400, 0);
    t.after(() => native.close(handle));
    const slab = Buffer.alloc(70_000);
    const table = new Int32Array(8);
    for (const entry of [
      [69_999, 2],
      [70_000, 1],
      [-1, 5],
      [2 ** 31 - 1, 2 ** 31 - 1],
      [0, 0],
      [0, -1],
    ]) {
      table.set(entry);
      assert.throws(() => native.writeBatch(handle, slab, table, 1), { code: 'ERR_INVALID_ARG_VALUE' }, `${entry}`);
    }
    assert.throws(() => native.writeBatch(handle, slab, table, 5), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.equal(native.readBatch(handle, Buffer.alloc(65_542), table), 0); // no room for a packet of any size
    assert.equal(native.readBatch(handle, slab, new Int32Array(1)), 0);
    native.watch(handle, () => {});
    assert.throws(() => native.watch(handle, () => {}), { code: 'EALREADY', syscall: 'tun' });
  });

  test('without CAP_NET_ADMIN the line names it', () => {
    const script = `import { openTun } from ${JSON.stringify(tunModule)}; try { openTun({ name: 'no', mtu: 1400 }) } catch (e) { console.log(e.message) }`;
    const run = spawnSync(
      'setpriv',
      ['--bounding-set=-net_admin', process.execPath, '--input-type=module', '-e', script],
      { encoding: 'utf8' },
    );
    assert.equal(
      run.stdout,
      'no TUN device no: CAP_NET_ADMIN is missing; run as root (in a container: --cap-add NET_ADMIN)\n',
      run.stderr,
    );
  });

  test('a process that is killed leaves no device', async () => {
    const script = `import { openTun } from ${JSON.stringify(tunModule)}; openTun({ name: 'killed', mtu: 1400 }).start(() => {}); console.log('open')`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    assert.match(deviceNames(), /killed/);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.doesNotMatch(deviceNames(), /killed/);
  });

  test('a worker thread that ends with its device open leaves none', async () => {
    const script = `import(${JSON.stringify(tunModule)}).then(({ openTun }) => { openTun({ name: 'worker', mtu: 1400 }).start(() => {}); require('node:worker_threads').parentPort.postMessage('open') })`;
    const worker = new Worker(script, { eval: true });
    await once(worker, 'message');
    assert.match(deviceNames(), /worker/);
    await worker.terminate();
    assert.doesNotMatch(deviceNames(), /worker/);
  });

  test('one client reaches another through the kernel, and not where clients are isolated', async (t) => {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    const makePair = (isolate: boolean) => {
      const tun = open(t);
      up(tun, '10.99.0.1/24');
      const router = new PacketRouter(tun, { isolate });
      const pool = new ChunkPool();
      const make = (address: number) => {
        const writes: Buffer[] = [];
        let onWrite = (): void => {};
        const owner = {
          control: () => assert.fail('control'),
          pppFrame: () => assert.fail('frame'),
          received: () => {},
          overflow: () => assert.fail('overflow'),
          broken: (error: unknown) => assert.fail(String(error)),
          write: (bytes: Buffer, done: () => void) => {
            writes.push(Buffer.from(bytes));
            done();
            onWrite();
          },
        };
        const link = new DataLink(owner, {
          tun,
          pool,
          clock,
          ingress: 'from-client',
          serverLinkLocal: hex('fe800000000000000000000000000001'),
          isolation: router.isolation,
        });
        link.openIpv4(address);
        router.addIpv4(address, link);
        const written = new Promise<void>((resolve) => {
          onWrite = resolve;
        });
        return { link, writes, written };
      };
      return { tun, a: make(0x0a630002), b: make(0x0a630003) };
    };
    // From 10.99.0.2 to 10.99.0.3, and to the server.
    const toOther = hex('10000028 ff030021 45000020 00004000 40012613 0a630002 0a630003 0800f7fc 00010001 00000001');
    const toServer = Buffer.concat([hex('10000028 ff030021'), ECHO]);

    const open2 = makePair(false);
    open2.a.link.receive(Buffer.from(toOther));
    await open2.b.written;
    assert.match(open2.b.writes[0]?.toString('hex') ?? '', /^10000028ff03002145000020000040003f01....0a6300020a630003/);
    open2.tun.close();

    const closed = makePair(true);
    closed.a.link.receive(Buffer.from(toOther));
    closed.a.link.receive(Buffer.from(toServer));
    await closed.a.written; // the server's answer: whatever went before it through the kernel has arrived too
    assert.deepEqual(closed.b.writes, []);
    assert.equal(closed.a.link.counters.dropsIsolated, 1);
  });

  test('no device is left behind by these tests', () => {
    assert.ok(devices().length > 0);
    assert.doesNotMatch(deviceNames(), /e2e/);
  });
}
