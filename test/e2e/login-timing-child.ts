/**
 * Runs inside a client's network namespace. Fails to log in under two names in turn, each time on a connection of its own,
 * and prints how long each answer took, in microseconds, as JSON. Arguments: address, method, the names in hexadecimal,
 * pairs to measure.
 */
import { randomBytes } from 'node:crypto';
import { CHAP, PAP, packet, RawPeer } from '../support/raw-peer.ts';

export type Method = 'pap' | 'chap' | 'mschapv2';
/** Of the first and of the second name. */
export type Pair = readonly [number, number];

/** What a process does for the first time takes longer. */
const WARM_UP = 5;

const [host = '', method, first = '', second = '', pairs] = process.argv.slice(2);
const names = [first, second].map((name) => Buffer.from(name, 'hex'));
const measured: Pair[] = [];
for (let i = -WARM_UP; i < Number(pairs); i += 1) {
  const times: [number, number] = [0, 0];
  for (const which of i % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
    times[which] = await failure(method as Method, names[which] ?? Buffer.alloc(0));
  }
  if (i >= 0) measured.push(times);
}
process.stdout.write(JSON.stringify(measured));

/** @returns microseconds from the proof to the refusal */
async function failure(by: Method, name: Buffer): Promise<number> {
  const peer = await RawPeer.lcp({ host, port: 443 });
  try {
    const { protocol, refusal, proof } = await proofOf(peer, by, name);
    const begin = process.hrtime.bigint();
    peer.sendPpp(protocol, proof);
    const { payload } = await peer.ppp(protocol);
    const took = process.hrtime.bigint() - begin;
    if (payload[0] !== refusal) throw new Error(`${by}: ${payload.toString('hex')}`);
    return Number(took / 1_000n);
  } finally {
    peer.destroy();
  }
}

/** A wrong one. Its name, and what it proves, are as long as they would be otherwise. */
async function proofOf(
  peer: RawPeer,
  by: Method,
  name: Buffer,
): Promise<{ readonly protocol: number; readonly refusal: number; readonly proof: Buffer }> {
  if (by === 'pap') {
    const password = Buffer.from(randomBytes(6).toString('hex'));
    const body = Buffer.concat([Buffer.of(name.length), name, Buffer.of(password.length), password]);
    return { protocol: PAP, refusal: 0x03, proof: packet(0x01, 0x01, body) };
  }
  const { id } = await peer.chapChallenge();
  // RFC 1994 4.1 with MD5; RFC 2759 4: Peer-Challenge 16, Reserved 8, NT-Response 24, Flags 1.
  const value =
    by === 'chap' ? randomBytes(16) : Buffer.concat([randomBytes(16), Buffer.alloc(8), randomBytes(24), Buffer.of(0)]);
  return {
    protocol: CHAP,
    refusal: 0x04,
    proof: packet(0x02, id, Buffer.concat([Buffer.of(value.length), value, name])),
  };
}
