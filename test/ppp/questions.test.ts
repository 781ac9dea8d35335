/** A login of several questions, by a method that is a row of this test's own: over the links of both sides. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AuthVerdict, describeFrame, METHODS, type PppServerAction } from '../../ppp/index.ts';
import { questionsMethod } from './questions-method.ts';
import { hex, LinkPair, type PairOptions } from './support.ts';

const ROW = questionsMethod((question) => Buffer.from([...question].reverse()));
const ACCEPT: AuthVerdict = {
  ...{ kind: 'accept', name: 'alice', authenticatorResponse: undefined, innerAuth: { kind: 'no-keys' } },
};
const REJECT: AuthVerdict = { kind: 'reject', errorCode: 691, retryAllowed: false, message: 'No' };

/** Asks so many questions, each with its number, and then says `end`. */
function asker(questions: number, end: AuthVerdict) {
  const asked: string[] = [];
  const judge: PairOptions['judge'] = (action) => {
    const said = action.kind === 'respond' ? Buffer.from(action.payload).toString('hex') : action.proof.name;
    asked.push(said);
    return asked.length <= questions ? { kind: 'continue', payload: Buffer.of(0, asked.length) } : end;
  };
  const expected = Array.from({ length: questions }, (_, index) => Buffer.of(index + 1, 0).toString('hex'));
  return { judge, asked, expected: ['alice', ...expected] };
}

const delays = fc.array(
  fc.tuple(fc.nat({ max: 60 }), fc.array(fc.nat({ max: 4_000 }), { minLength: 1, maxLength: 2 })),
  {
    maxLength: 8,
  },
);

test('each question reaches the client once and its answer the judge, whatever is doubled or late', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 9 }),
      fc.nat({ max: 5_000 }),
      fc.boolean(),
      delays,
      (questions, verdictMs, isRight, late) => {
        const { judge, asked, expected } = asker(questions, isRight ? ACCEPT : REJECT);
        const changes = new Map(late);
        const pair = new LinkPair({
          ...{ server: { authMethods: [ROW, METHODS.pap] }, client: { authMethods: [ROW] }, judge, verdictMs },
          ...{ keepsOrder: true, disturb: (index) => changes.get(index) },
        });
        pair.run(100_000, () => pair.isUp || pair.names('server').includes('down'));
        const isTimeout = pair.serverActions.some(({ kind }) => kind === 'down') && isRight;
        // Sixty seconds for all of it may be too short for ten slow verdicts.
        if (isTimeout) assert.deepEqual(asked, expected.slice(0, asked.length));
        else assert.deepEqual(asked, expected);
        assert.equal(pair.isUp, isRight && !isTimeout);
      },
    ),
    { numRuns: 300 },
  );
});

test('who negotiates LCP anew in the middle begins anew, and the verdict on what was is dropped', () => {
  const { judge, asked } = asker(2, ACCEPT);
  const pair = new LinkPair({
    ...{ server: { authMethods: [ROW] }, client: { authMethods: [ROW] }, judge, verdictMs: 500, latencyMs: 5 },
  });
  pair.run(100_000, () => asked.length === 2);
  // The judge has the answer to his first question, and owes his second.
  pair.inject(hex('ff03 c021 01 42 0008 0104 0578'));
  pair.run(100_000, () => pair.isUp);
  assert.ok(pair.isUp);
  const starts = pair.serverActions.filter(({ kind }: PppServerAction) => kind === 'verify-credentials').length;
  assert.equal(starts, 2);
});

test('a method of one question and one answer refuses where another question comes', () => {
  for (const method of ['pap', 'chap', 'mschapv2'] as const) {
    const { judge, asked } = asker(1, ACCEPT);
    const pair = new LinkPair({ server: { authMethods: [METHODS[method]] }, judge });
    pair.run(100_000, () => pair.names('server').includes('down'));
    assert.deepEqual(
      pair.serverActions.flatMap((action) => (action.kind === 'auth-failed' ? [action.errorCode, action.final] : [])),
      [691, true],
      method,
    );
    assert.equal(asked.length, 1);
  }
});

test('its packets are described, and LCP calls it by its name, as of any other row', () => {
  const frame = hex('ff03 c227 01 07 0006 0001');
  assert.equal(describeFrame(frame), undefined);
  assert.deepEqual(
    [describeFrame(frame, [ROW])?.protocol, describeFrame(frame, [ROW])?.packet],
    ['Questions', 'Request'],
  );
  const request = hex('ff03 c021 01 01 0008 0304 c227');
  assert.equal(describeFrame(request)?.options[0]?.value, 'EAP');
  assert.equal(describeFrame(request, [ROW])?.options[0]?.value, 'Questions');
});
