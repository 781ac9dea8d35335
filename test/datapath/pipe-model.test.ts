/** The in-flight cap: samples of TCP_INFO in, a cap out. A path is played in virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadNative } from '../../tun/native.ts';

interface Sample {
  readonly inPipe: number;
  readonly rate: number;
  readonly rttUs: number;
  readonly minRttUs: number;
  readonly nowUs: number;
  readonly hasProbed?: boolean;
  readonly window?: number;
  readonly delivered?: number;
  readonly tcpMinRttUs?: number;
  readonly isRepairing?: boolean;
}

interface Answer {
  readonly may: boolean;
  readonly cap: number;
  readonly writeBytes: number;
  readonly targetUs: number;
  readonly isRemote: boolean;
  /** BBR is to begin anew, because it need not probe the round trip. */
  readonly renews: boolean;
}

function run(samples: readonly Sample[]): Answer[] {
  const rows = samples.flatMap((sample) => [
    ...[sample.inPipe, sample.rate, sample.rttUs, sample.minRttUs, 1448, sample.hasProbed === true ? 1 : 0],
    ...[sample.nowUs, sample.window ?? 1000, sample.delivered ?? 0],
    ...[sample.tcpMinRttUs ?? sample.minRttUs, sample.isRepairing === true ? 1 : 0],
  ]);
  const out = new Float64Array(6 * samples.length);
  loadNative().pipeRun(Float64Array.from(rows), out);
  return samples.map((_, i) => ({
    may: out[6 * i] === 1,
    cap: out[6 * i + 1] ?? 0,
    writeBytes: out[6 * i + 2] ?? 0,
    targetUs: out[6 * i + 3] ?? 0,
    isRemote: out[6 * i + 4] === 1,
    renews: out[6 * i + 5] === 1,
  }));
}

const MBIT = 125_000;
const last = (answers: readonly Answer[]): Answer => answers.at(-1) ?? assert.fail();
/** The same sample every 10 ms. */
const steady = (sample: Omit<Sample, 'nowUs'>, fromMs: number, ms: number): Sample[] =>
  Array.from({ length: ms / 10 }, (_, i) => ({ ...sample, nowUs: (fromMs + 10 * i) * 1000 }));

test('before any rate is known 32 KiB may be on their way', () => {
  const nothing = { rate: 0, rttUs: 20_000, minRttUs: 20_000, nowUs: 1000 };
  assert.equal(run([{ ...nothing, inPipe: 32 * 1024 }])[0]?.may, true);
  assert.equal(run([{ ...nothing, inPipe: 32 * 1024 + 1 }])[0]?.may, false);
});

test('with a standing queue the cap is rate x (least round trip + 5 ms)', () => {
  const full = { inPipe: 1e6, rate: 100 * MBIT, rttUs: 25_000, minRttUs: 20_000 };
  const { cap, may } = last(run(steady(full, 0, 1000)));
  assert.equal(cap, (100 * MBIT * 25) / 1000);
  assert.equal(may, false);
});

test('one write is 2 ms of the line, from a frame to 128 KiB', () => {
  const write = (mbits: number) =>
    last(run(steady({ inPipe: 0, rate: mbits * MBIT, rttUs: 25_000, minRttUs: 20_000 }, 0, 100))).writeBytes;
  assert.equal(write(1), 4096);
  assert.equal(write(20), 5000);
  assert.equal(write(100), 25_000);
  assert.equal(write(10_000), 128 * 1024);
});

test("CoDel's target grows where two frames alone take longer than 5 ms", () => {
  const target = (mbits: number) =>
    last(run(steady({ inPipe: 0, rate: mbits * MBIT, rttUs: 25_000, minRttUs: 20_000 }, 0, 100))).targetUs;
  assert.equal(target(100), 5000);
  assert.equal(target(1), 24_000);
});

test('a path of 100 Mbit/s is filled within 10 round trips of 20 ms, and of 200 ms, from 1 Mbit/s on', () => {
  for (const baseMs of [20, 200]) {
    const rate = 100 * MBIT;
    const pipe = (rate * baseMs) / 1000;
    const samples: Sample[] = [];
    let cap = 32 * 1024;
    for (let round = 0; round < 12; round++) {
      const flight = Math.min(cap, pipe * 3);
      const queueUs = (Math.max(0, flight - pipe) / rate) * 1e6;
      const rttUs = baseMs * 1000 + queueUs;
      const measured = round === 0 ? MBIT : Math.min(rate, flight / (rttUs / 1e6));
      for (let i = 0; i < 4; i++) {
        const nowUs = Math.round((round + i / 4) * rttUs);
        samples.push({
          inPipe: flight + 1,
          rate: Math.round(measured),
          rttUs: Math.round(rttUs),
          minRttUs: baseMs * 1000,
          nowUs,
        });
      }
      cap = last(run(samples)).cap;
    }
    assert.ok(cap >= pipe, `${baseMs} ms: ${cap} of ${pipe}`);
  }
});

interface Path {
  readonly mbits: number;
  readonly baseMs: number;
}

interface Moment {
  readonly ms: number;
  readonly rttMs: number;
  /** Delivered in the last step. */
  readonly mbits: number;
  /** By BBR, of the round trip. */
  readonly isProbing: boolean;
  readonly targetUs: number;
}

const STEP_MS = 10;

/**
 * A sender that always has more to send, on a path whose queue has no end. As with a real one, TCP's own figure of the rate
 * only rises, for the cap and not the window holds back. BBR's least round trip is renewed after ten seconds, for which
 * it sends next to nothing for 200 ms, unless it is made to begin anew: then it takes the one that TCP has known for long.
 */
function play(pathAt: (ms: number) => Path, ms: number): Moment[] {
  const samples: Sample[] = [];
  const moments: Moment[] = [];
  let [flight, delivered, rate, minRttUs, minAt, probeUntil, srttMs, tcpMinRttUs] = [32 * 1024, 0, 0, 0, 0, 0, 0, 1e9];
  for (let nowMs = STEP_MS; nowMs <= ms; nowMs += STEP_MS) {
    const { mbits, baseMs } = pathAt(nowMs);
    const queue = Math.max(0, flight - (mbits * MBIT * baseMs) / 1000);
    const rttMs = baseMs + (queue / (mbits * MBIT)) * 1000;
    const sent = Math.min(flight, (flight / rttMs) * STEP_MS, (mbits * MBIT * STEP_MS) / 1000);
    flight -= sent;
    delivered += sent;
    // A smoothed round trip is behind the newest one by about one round trip.
    srttMs += (rttMs - srttMs) * (srttMs === 0 ? 1 : Math.min(1, STEP_MS / rttMs));
    rate = Math.max(rate, (sent / STEP_MS) * 1000);
    if (nowMs - minAt > 10_000) [probeUntil, minRttUs] = [nowMs + 200, 0];
    const isProbing = nowMs < probeUntil;
    if (minRttUs === 0 || rttMs * 1000 < minRttUs) [minRttUs, minAt] = [rttMs * 1000, nowMs];
    tcpMinRttUs = Math.min(tcpMinRttUs, rttMs * 1000);
    const sample = {
      ...{ inPipe: Math.round(flight), rate: Math.round(rate), delivered: Math.round(delivered) },
      window: isProbing ? 4 : 1000,
      ...{ rttUs: Math.round(srttMs * 1000), minRttUs: Math.round(minRttUs), hasProbed: true, nowUs: nowMs * 1000 },
      tcpMinRttUs: Math.round(tcpMinRttUs),
    };
    samples.push(sample);
    const { cap, renews, targetUs } = last(run(samples));
    if (renews) [minRttUs, minAt] = [tcpMinRttUs, nowMs];
    // What may be sent is there to be sent: what the kernel is asked next shows it.
    if (!isProbing) flight = Math.max(flight, cap + 1);
    samples[samples.length - 1] = { ...sample, inPipe: Math.round(flight) };
    moments.push({ ms: nowMs, rttMs, mbits: ((sent / STEP_MS) * 1000) / MBIT, isProbing, targetUs });
  }
  return moments;
}

const worst = (moments: readonly Moment[], fromMs: number): number =>
  Math.max(...moments.filter(({ ms }) => ms >= fromMs).map(({ rttMs }) => rttMs));
const mean = (moments: readonly Moment[], fromMs: number): number => {
  const later = moments.filter(({ ms }) => ms >= fromMs);
  return later.reduce((sum, { mbits }) => sum + mbits, 0) / later.length;
};

test('a steady path is full, and its queue short', () => {
  const moments = play(() => ({ mbits: 100, baseMs: 20 }), 4_000);
  assert.ok(mean(moments, 1_000) > 95, `${mean(moments, 1_000)}`);
  assert.ok(worst(moments, 1_000) < 32, `${worst(moments, 1_000)}`);
});

test('on a path that stays the same BBR never probes the round trip, and what is kept back instead costs no hundredth', () => {
  const moments = play(() => ({ mbits: 100, baseMs: 20 }), 16_000);
  assert.deepEqual(
    moments.filter(({ isProbing }) => isProbing),
    [],
  );
  assert.ok(mean(moments, 1_000) > 99, `${mean(moments, 1_000)}`);
});

test('nothing is renewed while segments are lost, nor by another congestion control', () => {
  const empty = { inPipe: 1000, rate: 100 * MBIT, rttUs: 20_500, minRttUs: 20_000, hasProbed: true };
  const renewals = (sample: Omit<Sample, 'nowUs'>) =>
    run(steady(sample, 1, 12_000)).filter(({ renews }) => renews).length;
  assert.equal(renewals(empty), 2);
  assert.equal(renewals({ ...empty, isRepairing: true }), 0);
  assert.equal(renewals({ ...empty, hasProbed: false }), 0);
  // TCP's own least round trip, of five minutes, would be of another path.
  assert.equal(renewals({ ...empty, tcpMinRttUs: 5_000 }), 0);
});

test('a longer round trip is not renewed but probed, and CoDel spares what waits meanwhile, but not for long', () => {
  const moments = play((ms) => ({ mbits: 100, baseMs: ms < 4_000 ? 20 : 26 }), 16_000);
  assert.ok(moments.some(({ isProbing }) => isProbing));
  const changed = play((ms) => ({ mbits: ms < 4_000 ? 100 : 20, baseMs: 20 }), 8_000);
  assert.equal(changed.find(({ ms }) => ms === 3_500)?.targetUs, 5_000);
  assert.equal(changed.find(({ ms }) => ms === 4_200)?.targetUs, 1_000_000);
  assert.equal(changed.find(({ ms }) => ms === 7_500)?.targetUs, 5_000);
});

test('CoDel spares what BBR keeps back while it probes', () => {
  const full = { inPipe: 10_000, rate: 100 * MBIT, rttUs: 22_000, minRttUs: 20_000 };
  assert.equal(last(run([...steady(full, 0, 100), ...steady({ ...full, window: 4 }, 100, 200)])).targetUs, 1_000_000);
  assert.equal(last(run([...steady({ ...full, window: 4 }, 0, 200), ...steady(full, 200, 200)])).targetUs, 5_000);
});

test('a path is remote if it is long, or is kept busy for half a second without getting fast', () => {
  const busy = { inPipe: 1e6, rate: 0, rttUs: 800, minRttUs: 500 };
  const remote = (mbits: number, ms: number, over: Partial<Sample> = {}) => {
    const delivered = (i: number) => Math.round((mbits * MBIT * i) / 100);
    return last(run(steady({ ...busy, ...over }, 1, ms).map((one, i) => ({ ...one, delivered: 1 + delivered(i) }))))
      .isRemote;
  };
  assert.equal(remote(5_000, 3_000), false);
  assert.equal(remote(500, 300), false);
  assert.equal(remote(500, 3_000), true);
  assert.equal(remote(5_000, 50, { rttUs: 3_000, minRttUs: 2_500 }), true);
  assert.equal(remote(500, 3_000, { inPipe: 1000 }), false, 'idle: nobody knows how fast it is');
});

test('a rate that falls to a fifth: the queue is gone within 2.5 s, although TCP still speaks of the old rate', () => {
  const moments = play((ms) => ({ mbits: ms < 3_000 ? 100 : 20, baseMs: 20 }), 7_000);
  assert.ok(worst(moments, 5_500) < 36, `${worst(moments, 5_500)}`);
  assert.ok(mean(moments, 5_500) > 18, `${mean(moments, 5_500)}`);
});

test('a rate that rises fivefold is taken within 1.5 s', () => {
  const moments = play((ms) => ({ mbits: ms < 3_000 ? 20 : 100, baseMs: 20 }), 6_000);
  assert.ok(mean(moments, 4_500) > 90, `${mean(moments, 4_500)}`);
});

test('a round trip that grows from 20 to 100 ms: the path is full again in 4 s, long before TCP has noticed', () => {
  const moments = play((ms) => ({ mbits: 100, baseMs: ms < 3_000 ? 20 : 100 }), 9_500);
  assert.ok(mean(moments, 7_000) > 80, `${mean(moments, 7_000)}`);
  assert.ok(worst(moments, 7_000) < 160, `${worst(moments, 7_000)}`);
});

test('a round trip that shrinks from 100 to 20 ms leaves no queue behind once BBR has looked, after ten seconds', () => {
  const moments = play((ms) => ({ mbits: 100, baseMs: ms < 4_000 ? 100 : 20 }), 14_000);
  assert.ok(worst(moments, 12_500) < 36, `${worst(moments, 12_500)}`);
  assert.ok(mean(moments, 4_500) > 90, `${mean(moments, 4_500)}`);
});

test('from a LAN to a mobile network: 60 ms instead of 0.3, a tenth of the rate', () => {
  const moments = play((ms) => (ms < 2_000 ? { mbits: 500, baseMs: 1 } : { mbits: 50, baseMs: 60 }), 9_000);
  assert.ok(mean(moments, 7_000) > 40, `${mean(moments, 7_000)}`);
  assert.ok(worst(moments, 7_000) < 110, `${worst(moments, 7_000)}`);
});

test('while the window is four segments (PROBE_RTT) little is written, on a path that is no LAN', () => {
  const full = { inPipe: 10_000, rate: 100 * MBIT, rttUs: 22_000, minRttUs: 20_000 };
  assert.equal(last(run(steady(full, 0, 100))).may, true);
  const probing = last(run([...steady(full, 0, 100), ...steady({ ...full, window: 4 }, 100, 50)]));
  assert.equal(probing.may, false);
  assert.equal(probing.writeBytes, 4096);
  assert.equal(last(run(steady({ ...full, inPipe: 6 * 1448, window: 4 }, 0, 50))).may, true);
  assert.equal(last(run(steady({ ...full, window: 4, rttUs: 300, minRttUs: 200 }, 0, 50))).may, true);
});

test('numbers that no kernel gives are refused or bounded', () => {
  assert.throws(
    () => loadNative().pipeRun(Float64Array.from([-1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), new Float64Array(6)),
    {
      code: 'ERR_INVALID_ARG_VALUE',
    },
  );
  const { cap, writeBytes } = last(run([{ inPipe: 1e14, rate: 1e14, rttUs: 4e9, minRttUs: 4e9, nowUs: 1e14 }]));
  assert.ok(Number.isFinite(cap) && writeBytes <= 128 * 1024);
});
