/**
 * `npm run fuzz [SECONDS | MINUTESm]`: builds each target with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer
 * and runs each for so many seconds (5), or all of them together for so many minutes, from made-up packets on. A finding
 * is written to the folder it names; keep it in findings.json, which the unit tests read too.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TARGETS = {
  ...{ segment: 65_600, coalesce: 20_000, ingress: 400, frames: 20_000, conntrack: 4_096, fragment: 5_000 },
  acknowledgement: 300,
};
const ENGINE = [
  'checksum.cc',
  'packet.cc',
  'coalesce.cc',
  'ingress.cc',
  'frames.cc',
  'conntrack_dump.cc',
  'netlink_answer.cc',
  'fragment.cc',
];

const here = dirname(fileURLToPath(import.meta.url));
const output = join(here, 'build');
const wanted = process.argv[2] ?? '5';
const seconds = wanted.endsWith('m')
  ? Math.ceil((Number(wanted.slice(0, -1)) * 60) / Object.keys(TARGETS).length)
  : Number(wanted);
if (!(seconds > 0)) throw new Error(`${wanted}: neither seconds nor minutes, such as 15 or 60m`);
/** What a fuzzer found once, by target, in hexadecimal. */
const findings = JSON.parse(readFileSync(join(here, 'findings.json'), 'utf8'));
const compiler = process.env.CLANGXX ?? 'clang++';

process.exitCode = main();

function main() {
  mkdirSync(output, { recursive: true });
  const probe = ['-x', 'c++', '-fsanitize=fuzzer,address,undefined', '-o', join(output, 'probe'), '-'];
  const input = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }';
  if (spawnSync(compiler, probe, { input }).status !== 0) {
    console.log('fuzz: left out, needs clang with libFuzzer (apt install clang libclang-rt-14-dev)');
    return process.env.CI === undefined ? 0 : 1;
  }
  return Object.entries(TARGETS).every(([target, most]) => build(target) && run(target, most)) ? 0 : 1;
}

function build(target) {
  const sources = [join(here, `${target}.cc`), ...ENGINE.map((file) => join(here, '..', file))];
  const flags = ['-std=c++17', '-O1', '-g', '-Wall', '-Wextra', '-Werror'];
  const sanitizers = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=undefined'];
  const result = spawnSync(compiler, [...flags, ...sanitizers, '-o', join(output, target), ...sources], {
    stdio: 'inherit',
  });
  return result.status === 0;
}

function run(target, most) {
  const corpus = join(output, `${target}-corpus`);
  mkdirSync(corpus, { recursive: true });
  for (const [name, seed] of Object.entries(seeds(target))) writeFileSync(join(corpus, `seed-${name}`), seed);
  for (const [name, text] of Object.entries(findings[target] ?? {})) writeFileSync(join(corpus, name), hex(text));
  const options = [
    `-max_total_time=${seconds}`,
    `-max_len=${most}`,
    '-timeout=5',
    '-use_value_profile=1',
    `-artifact_prefix=${corpus}-`,
  ];
  const result = spawnSync(join(output, target), [...options, corpus], { encoding: 'utf8' });
  if (result.status !== 0) {
    console.error(result.stderr);
    console.error(`fuzz: ${target} failed`);
    return false;
  }
  const done = /Done (\d+) runs in (\d+) second/.exec(result.stderr);
  const coverage = [...result.stderr.matchAll(/cov: (\d+)/g)].at(-1)?.[1];
  console.log(`fuzz: ${target}: ${done?.[1]} runs in ${done?.[2]} s, ${coverage} edges, nothing found`);
  return true;
}

function hex(text) {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

/** One valid input of each kind, so that the mutations start behind the first checks. */
function seeds(target) {
  const tcp4 = (sequence) =>
    hex(`45000048 00004000 400666ae 0a000001 0a000002 c35001bb 0000000${sequence} 00000007 501001f4 00000000`);
  const payload = Buffer.alloc(32, 0x61);
  const tcp = Buffer.concat([tcp4(0), payload]);
  const udp6 = hex(
    '60000000 00281140 20010db8000000000000000000000001 20010db8000000000000000000000002 c35001bb 00280000',
  );
  const syn6 = hex(
    '60000000 00180640 20010db8000000000000000000000001 20010db8000000000000000000000002 ' +
      'c35001bb 00000001 00000000 6002ffff 00000000 020405b4',
  );
  const udp = Buffer.concat([udp6, payload]);
  const udp4 = hex('4500001d 00004000 40110000 0a000001 0a000002 c35001bb 0009abcd 61');
  const frame = (packet, protocol) => {
    const header = hex(`1000 0000 ff03 00${protocol}`);
    header.writeUInt16BE(8 + packet.length, 2);
    return Buffer.concat([header, packet]);
  };
  const withLength = (packet) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(packet.length);
    return Buffer.concat([length, packet]);
  };
  switch (target) {
    case 'segment':
      return {
        tcp: Buffer.concat([hex('0120 0101 2800 0800 1400 1000'), tcp]),
        udp: Buffer.concat([hex('0120 0105 3000 0900 2800 0600'), udp]),
        partial: Buffer.concat([hex('0120 0100 0000 0000 2800 0600'), udp]),
        syn: Buffer.concat([hex('0220'), syn6]),
        plain: Buffer.concat([hex('0020'), tcp]),
      };
    case 'coalesce': {
      const run = [0, 1, 2].map((i) => mendTcp4(Buffer.concat([tcp4(0), payload]), i));
      const datagrams = [1, 2, 3].map((fill) => mendUdp6(Buffer.concat([udp6, Buffer.alloc(32, fill)])));
      return {
        run: Buffer.concat(run.map(withLength)),
        mended: Buffer.concat([hex('801d'), udp4, hex('8049'), run[0], hex('8029'), udp6.subarray(0, 41)]),
        mixed: Buffer.concat([run[0], datagrams[0], run[1], syn6, datagrams[1], datagrams[2]].map(withLength)),
      };
    }
    case 'ingress':
      return {
        ipv4: Buffer.concat([hex('0020'), Buffer.alloc(40), hex('0a000001'), tcp]),
        syn: Buffer.concat([hex('0120'), hex('20010db800000000'), Buffer.alloc(36), syn6]),
      };
    case 'fragment': {
      const options = hex('4700005c 1234 0000 40110000 0a000001 0a000002 07040400 83038000');
      return {
        plain: Buffer.concat([hex('0044'), udp4, Buffer.alloc(100, 7)]),
        options: Buffer.concat([hex('0044'), options, Buffer.alloc(64, 7)]),
      };
    }
    case 'conntrack':
      // A flow from 10.86.0.2, and the end of the dump.
      return {
        flow: hex(
          '2c000000 00010200 00000000 00000000 02000000 18000180 14000180 08000100 0a560002 08000200 c6336409 ' +
            '14000000 03000200 00000000 00000000 00000000',
        ),
      };
    case 'acknowledgement':
      // EPERM to a request for a route, which it quotes.
      return { refused: hex('24000000 02000000 00000000 00000000 ffffffff 1c000000 18000504 00000000 00000000') };
    case 'frames':
      return {
        mixed: Buffer.concat([
          hex('0003040506070809'),
          frame(tcp, '21'),
          hex('1001 0008 0008 0000'),
          frame(udp, '57'),
          hex('1000 0008 c021 0101'),
          frame(tcp, '21'),
        ]),
      };
  }
  return {};
}

/** Segment i of a flow, with its checksums (RFC 9293 3.1). */
function mendTcp4(packet, i) {
  packet.writeUInt32BE(i * 32, 24);
  packet.writeUInt16BE(0, 10);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  packet.writeUInt16BE(0, 36);
  const pseudo = Buffer.concat([packet.subarray(12, 20), hex('00060034'), packet.subarray(20)]);
  packet.writeUInt16BE(checksum(pseudo), 36);
  return packet;
}

function mendUdp6(packet) {
  packet.writeUInt16BE(checksum(Buffer.concat([packet.subarray(8, 40), hex('00110028'), packet.subarray(40)])), 46);
  return packet;
}

function checksum(bytes) {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
