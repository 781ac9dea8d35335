/** Questions that one end of a channel asks the other, which answers late, twice, wrongly or never. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AskedCalls, CallError, Calls } from '../../../server/workers/calls.ts';

const code = (error: unknown): string => (error instanceof CallError ? error.code : String(error));

test('each answer goes to its question, in whatever order answers come; a second one, or one to nothing, to nobody', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc
        .uniqueArray(fc.nat(), { minLength: 1, maxLength: 20 })
        .chain((questions) =>
          fc.tuple(
            fc.constant(questions),
            fc.shuffledSubarray(questions, { minLength: questions.length }),
            fc.array(fc.integer()),
          ),
        ),
      async ([questions, order, strange]) => {
        const calls = new Calls<number>(questions.length);
        const numbers = new Map<number, number>();
        const answers = questions.map((question) => calls.ask((call) => void numbers.set(question, call)));
        for (const call of strange) {
          if (![...numbers.values()].includes(call)) assert.equal(calls.answer(call, -1), false);
        }
        for (const question of order) {
          const call = numbers.get(question) ?? -1;
          assert.equal(calls.answer(call, question), true);
          assert.equal(calls.answer(call, -1), false, 'twice');
          calls.refuse(call, new Error('too late'));
          calls.part(call, -1);
        }
        assert.deepEqual(await Promise.all(answers), questions);
        assert.equal(calls.size, 0);
      },
    ),
  );
});

test('with as many as may wait the next one is not even said', async () => {
  const calls = new Calls(1);
  let said = 0;
  const first = calls.ask(() => {
    said += 1;
  });
  assert.equal(await calls.ask(() => assert.fail()).catch(code), 'too-many');
  calls.answer(1);
  await first;
  void calls.ask(() => {
    said += 1;
  });
  assert.equal(said, 2);
});

test('time is up for the question that has had it; its answer comes to nobody, and there is room again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const calls = new Calls<string>(2);
  const told: string[] = [];
  const slow = calls.ask(() => {}, { ms: 500, part: (part) => void told.push(part) });
  const patient = calls.ask(() => {});
  calls.part(1, 'one');
  t.mock.timers.tick(499);
  assert.equal(calls.size, 2);
  t.mock.timers.tick(1);
  assert.equal(await slow.catch(code), 'timed-out');
  calls.part(1, 'two');
  assert.equal(calls.answer(1, 'three'), false);
  assert.deepEqual(told, ['one'], 'what had come by then');
  calls.answer(2, 'at last');
  assert.equal(await patient, 'at last');
});

test('at the end of the channel nobody waits on, and nobody begins to', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const calls = new Calls(9);
  const open = [calls.ask(() => {}), calls.ask(() => {}, { ms: 5 })];
  calls.end();
  assert.deepEqual(await Promise.all(open.map((call) => call.catch(code))), ['ended', 'ended']);
  assert.equal(await calls.ask(() => assert.fail()).catch(code), 'ended');
  t.mock.timers.tick(10);
  assert.equal(calls.size, 0);
});

test('what the other end says why it has no answer is what the asker gets', async () => {
  const calls = new Calls(9);
  const open = calls.ask((call) => calls.refuse(call, new Error('ECONNREFUSED')));
  assert.equal(await open.catch(code), 'Error: ECONNREFUSED');
});

test('who is asked begins nothing for a number that is taken, nor for more than an honest one asks', () => {
  const asked = new AskedCalls<string>(2);
  assert.equal(
    asked.open(7, () => 'a'),
    'a',
  );
  assert.throws(() => asked.open(7, () => assert.fail()), /^Error: call 7 was made twice$/);
  asked.open(-1, () => 'b');
  assert.throws(() => asked.open(8, () => assert.fail()), /more calls at a time than an honest worker makes/);
  assert.deepEqual([asked.close(7), asked.close(7)], [true, false], 'one answer');
  asked.open(7, () => 'c');
  assert.deepEqual(asked.end(), ['b', 'c']);
  assert.equal(asked.close(7), false);
});
