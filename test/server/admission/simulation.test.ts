/**
 * Floods of 500 connections a second in virtual time, by the machine itself, with the usual limits: who of the clean clients
 * gets in. Prints what docs/security.md shows.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHAPES, type Shape, sourceOf } from '../../../bench/floods/shapes.ts';
import { AdmissionMachine, type Place } from '../../../server/admission/machine.ts';

const LIMITS = { connections: 4_096, unauthenticated: 512, unauthenticatedPerAddress: 32 };
const MS_PER_CONNECTION = 2;
const SECONDS = 60;
/** What is not counted: a flood that has just begun is told from a rush of clients within these. */
const ONSET_SECONDS = 5;
/** How long a half-open connection stays if nobody ends it: http.preambleMs and sstp.negotiationMs. */
const STAYS_MS = 63_000;
const CLEAN_PER_SECOND = 10;
/** A client on a fast path, one that waits for PPP to begin, one far away, and one whose packet was lost. */
const CONNECT_MS = [150, 700, 1_200, 2_500] as const;

/** Repeatable. */
function lots(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Clean {
  readonly place: Place | undefined;
  readonly connectMs: number;
  readonly isKnown: boolean;
  readonly at: number;
}

function simulate(shape: Shape, isKnown: boolean) {
  const machine = new AdmissionMachine(LIMITS);
  const lot = lots();
  const flood: { readonly place: Place; readonly until: number }[] = [];
  const clean: Clean[] = [];
  const due: { readonly at: number; readonly place: Place }[] = [];
  let refused = 0;
  let opened = 0;
  for (let now = 0; now < SECONDS * 1_000; now += MS_PER_CONNECTION) {
    while ((flood[0]?.until ?? Number.POSITIVE_INFINITY) <= now)
      machine.close((flood.shift() as { place: Place }).place, now);
    for (let i = due.length - 1; i >= 0; i--) {
      const { at, place } = due[i] ?? assert.fail();
      if (at > now) continue;
      due.splice(i, 1);
      if (place.state === 'waiting') machine.authenticated(place, now);
    }
    const opening = machine.open(sourceOf(shape, opened), { isKnown: false, isShared: false, lot: lot() }, now);
    opened += 1;
    if (opening.kind === 'admitted') flood.push({ place: opening.place, until: now + STAYS_MS });
    else refused += 1;
    if (now % (1_000 / CLEAN_PER_SECOND) !== 0) continue;
    const n = clean.length;
    const connectMs = CONNECT_MS[n % CONNECT_MS.length] ?? 0;
    const address = isKnown ? `203.0.113.${n % 10}` : `10.${n >> 8}.${n & 255}.1`;
    const mine = machine.open(address, { isKnown, isShared: false, lot: lot() }, now);
    const place = mine.kind === 'admitted' ? mine.place : undefined;
    clean.push({ place, connectMs, isKnown, at: now });
    if (place !== undefined) due.push({ at: now + connectMs, place });
  }
  const judged = clean.filter(({ at }) => at >= ONSET_SECONDS * 1_000 && at < (SECONDS - 5) * 1_000);
  const isIn = ({ place }: Clean): boolean => place?.state === 'authenticated';
  const onset = clean.filter(({ at }) => at < ONSET_SECONDS * 1_000);
  return {
    share: judged.filter(isIn).length / judged.length,
    onset: onset.filter(isIn).length / onset.length,
    refused: refused / opened,
    opened,
  };
}

for (const shape of SHAPES) {
  test(`half-open connections of ${shape}: clean clients get in at the first try`, (t) => {
    const started = performance.now();
    const [fresh, known] = [simulate(shape, false), simulate(shape, true)];
    const microseconds = ((performance.now() - started) * 1_000) / (fresh.opened + known.opened);
    const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
    t.diagnostic(
      `${shape}: new addresses ${percent(fresh.share)} (${percent(fresh.onset)} in the first ${ONSET_SECONDS} s), known ` +
        `${percent(known.share)} (${percent(known.onset)}); ${percent(fresh.refused)} of the flood refused at accept; ` +
        `${microseconds.toFixed(1)} us a connection`,
    );
    assert.ok(fresh.share >= 0.99, `new addresses: ${fresh.share}`);
    assert.ok(known.share >= 0.99, `known addresses: ${known.share}`);
    assert.ok(known.onset >= 0.99, `known addresses in the first seconds: ${known.onset}`);
  });
}

test('ten thousand connections: what one costs does not grow with how many there are', () => {
  const cost = (limit: number): number => {
    const machine = new AdmissionMachine({
      connections: 4 * limit,
      unauthenticated: limit,
      unauthenticatedPerAddress: 32,
    });
    for (let n = 0; n < limit; n++) {
      machine.open(sourceOf('1,000 of four /24', n), { isKnown: false, isShared: false, lot: 0.999 }, n);
    }
    const started = performance.now();
    for (let n = 0; n < 5_000; n++) {
      machine.open(`10.${n >> 8}.${n & 255}.1`, { isKnown: false, isShared: false, lot: 0.999 }, 10_000_000 + n);
    }
    return performance.now() - started;
  };
  const best = (limit: number): number => Math.min(...Array.from({ length: 5 }, () => cost(limit)));
  const [small, large] = [best(1_000), best(10_000)];
  // By the logarithm it would be 1.3 times; by their number ten times.
  assert.ok(large < 5 * small + 20, `${small.toFixed(0)} ms and ${large.toFixed(0)} ms`);
});
