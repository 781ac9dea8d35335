/**
 * Bursts of UDP packets through the tunnel, and how far apart they arrive in the guest. Run as a process of its own in the
 * server's network namespace it sends one: `udp-burst.ts ADDRESS PORT COUNT`.
 */
import { createSocket } from 'node:dgram';
import { fileURLToPath } from 'node:url';
import type { Netns } from '../support/netns.ts';
import type { LabRun } from './lab-run.ts';

const PORT = 7007;
/** Of each size: on a busy machine one of them may be torn apart by others. */
const ROUNDS = 3;
/** A host behind the server, which has the address beside its own. */
const SENDER = '203.0.113.9';

/** Packets of a burst. Fewer than eight have a TLS record each for every client, 40 only for those that need it. */
export const BURSTS: readonly number[] = [5, 40];

/**
 * For the guest: after each `LAB listening=N` it takes a burst, and prints its size, and by the kernel's clock how many
 * milliseconds there were between the first and the last. Fails when one is not whole after 10 s.
 */
export const BURST_RECEIVER: string = `perl -MSocket -e '
  $| = 1; $SIG{ALRM} = sub { print "LAB burst=$n arrived=$got\\n"; exit 1 };
  socket(S, AF_INET, SOCK_DGRAM, 0); bind(S, pack_sockaddr_in(${PORT}, INADDR_ANY)) or die "bind: $!";
  ioctl(S, 0x8906, $t = "\\0" x 16);                    # SIOCGSTAMP: from now on the kernel notes when each came
  for $size (${BURSTS.flatMap((size) => Array.from({ length: ROUNDS }, () => size)).join(', ')}) {
    $n++; $got = 0; alarm 10;
    print "LAB listening=$n\\n";
    while ($got < $size) {
      recv(S, $b, 2048, 0); $got++;
      ioctl(S, 0x8906, $t = "\\0" x 16); ($s, $us) = unpack("q2", $t); $last = $s * 1000 + $us / 1000;
      $first = $last if $got == 1;
    }
    printf "LAB burst=%d size=%d spread_ms=%.1f\\n", $n, $size, $last - $first;
  }'`;

/** Sends what `BURST_RECEIVER`, in the guest of `run`, waits for. @returns by size, the shortest spread in milliseconds */
export async function sendBursts(netns: Netns, run: LabRun, address: string): Promise<Map<number, number>> {
  await netns.run('ip', ['address', 'replace', `${SENDER}/32`, 'dev', 'lo']);
  const spreads = new Map<number, number>();
  let n = 0;
  for (const size of BURSTS) {
    for (let round = 0; round < ROUNDS; round++) {
      n += 1;
      await run.line(`listening=${n}`);
      await netns.run(process.execPath, [fileURLToPath(import.meta.url), address, String(PORT), String(size)]);
      const line = await run.line(`burst=${n} `);
      if (line.arrived !== undefined) throw new Error(`${line.arrived} of ${size} packets arrived`);
      spreads.set(size, Math.min(Number(line.spread_ms), spreads.get(size) ?? Number.POSITIVE_INFINITY));
    }
  }
  return spreads;
}

if (import.meta.main) {
  const [address = '', port = '', count = ''] = process.argv.slice(2);
  const socket = createSocket('udp4');
  socket.bind(0, SENDER, () => {
    let left = Number(count);
    for (let i = 0; i < Number(count); i++) {
      socket.send(Buffer.alloc(100 + i), Number(port), address, (error) => {
        if (error) throw error;
        left -= 1;
        if (left === 0) socket.close();
      });
    }
  });
}
