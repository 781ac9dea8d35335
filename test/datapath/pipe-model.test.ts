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
}

interface Answer {
  readonly may: boolean;
  readonly cap: number;
  readonly writeBytes: number;
  readonly targetUs: number;
}

function run(samples: readonly Sample[]): Answer[] {
  const rows = samples.flatMap(({ inPipe, rate, rttUs, minRttUs, nowUs, hasProbed, window }) => [
    ...[inPipe, rate, rttUs, minRttUs, 1448, hasProbed === true ? 1 : 0, nowUs, window ?? 1000],
  ]);
  const out = new Float64Array(4 * samples.length);
  loadNative().pipeRun(Float64Array.from(rows), out);
  return samples.map((_, i) => ({
    may: out[4 * i] === 1,
    cap: out[4 * i + 1] ?? 0,
    writeBytes: out[4 * i + 2] ?? 0,
    targetUs: out[4 * i + 3] ?? 0,
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

test('a rate that falls is followed within 2.5 s', () => {
  const fast = steady({ inPipe: 0, rate: 100 * MBIT, rttUs: 25_000, minRttUs: 20_000 }, 0, 3000);
  const slow = steady({ inPipe: 0, rate: 10 * MBIT, rttUs: 60_000, minRttUs: 20_000 }, 3000, 2500);
  assert.equal(last(run([...fast, ...slow])).cap, (10 * MBIT * 25) / 1000);
});

test('after a move from a LAN to a path of 60 ms the cap follows within 10 s, not the five minutes of the kernel', () => {
  const lan = steady({ inPipe: 0, rate: 50 * MBIT, rttUs: 800, minRttUs: 300 }, 0, 20_000);
  const mobile = steady({ inPipe: 0, rate: 50 * MBIT, rttUs: 60_000, minRttUs: 300 }, 20_000, 10_500);
  const answers = run([...lan, ...mobile]);
  assert.ok(last(answers).cap >= 50 * MBIT * 0.06, `${last(answers).cap}`);
  const early = answers[lan.length + 100];
  assert.ok((early?.cap ?? 0) < 50 * MBIT * 0.06);
});

test("BBR's own least round trip is believed as it is", () => {
  const samples = steady({ inPipe: 0, rate: 50 * MBIT, rttUs: 90_000, minRttUs: 30_000, hasProbed: true }, 0, 20_000);
  assert.equal(last(run(samples)).cap, (50 * MBIT * 35) / 1000);
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
  assert.throws(() => loadNative().pipeRun(Float64Array.from([-1, 0, 0, 0, 0, 0, 0, 0]), new Float64Array(4)), {
    code: 'ERR_INVALID_ARG_VALUE',
  });
  const { cap, writeBytes } = last(run([{ inPipe: 1e14, rate: 1e14, rttUs: 4e9, minRttUs: 4e9, nowUs: 1e14 }]));
  assert.ok(Number.isFinite(cap) && writeBytes <= 128 * 1024);
});
