/**
 * A login of several questions through all that is between the client and who judges: PPP, tunnel, worker, login desk. By
 * a method of the test's own, and against a judge of its own.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { LoginStep, User } from '../../../auth/index.ts';
import type { Policy } from '../../../server/control/policy.ts';
import type { Login } from '../../../server/control/session-observer.ts';
import type { UserVerifier } from '../../../server/control/user-login.ts';
import { RemoteControl } from '../../../server/workers/remote-control.ts';
import { questionsMethod } from '../../ppp/questions-method.ts';
import { compoundMacOf, PASSWORD } from '../connections/mschapv2-peer.ts';
import type { ScriptedPeer } from '../connections/scripted-peer.ts';
import {
  accepted,
  authenticated,
  CALL_CONNECT,
  CALL_CONNECTED,
  challenged,
  IPCP,
  RESPONSE,
} from '../connections/session.ts';
import { CERTIFICATE_HASHES, settle, World } from '../support.ts';

const ROW = questionsMethod();
const HLAKS = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] as const;
const LCP = `
  > 1000 0016 ff03 c021 01 01 000e 0104 05dc 0506 11223344
  < 1000 001a ff03 c021 01 <lcpId:1> 0012 0104 05dc 0304 c227 0506 <magic:4>
  < 1000 0016 ff03 c021 02 01 000e 0104 05dc 0506 11223344
  > 1000 001a ff03 c021 02 <lcpId> 0012 0104 05dc 0304 c227 0506 <magic>
  < 1000 000c ff03 c227 01 <id:1> 0004
`;
const NAME = '> 1000 0011 ff03 c227 02 <id> 0009 616c696365';
/** The question of that number; the right answer is the question. */
const question = (number: number): string => `< 1000 000d ff03 c227 01 <id:1> 0005 ${two(number)}`;
const answer = (number: number): string => `> 1000 000d ff03 c227 02 <id> 0005 ${two(number)}`;
const SUCCESS = '< 1000 000c ff03 c227 03 <id> 0004';
const FAILURE = '< 1000 000c ff03 c227 04 <id> 0004';
const TERMINATE = '< 1000 000c ff03 c021 05 <terminateId:1> 0004';
const WRONG = 255;

function two(number: number): string {
  return number.toString(16).padStart(2, '0');
}

/** Asks so many questions; `state` holds the number of the one that is out. */
class Asker {
  readonly gone: AbortSignal[] = [];
  /** Says nothing until it is let go. */
  stalled: Promise<void> = Promise.resolve();
  calls = 0;
  readonly #questions: number;

  constructor(questions: number) {
    this.#questions = questions;
  }

  of(passwords: World['authenticator']): UserVerifier {
    return {
      read: (proof, place) => passwords.read(proof, place),
      nameOf: (read) => passwords.nameOf(read),
      verify: (_read, _place, _only, gone) => this.#next(0, gone),
      respond: async (_read, { state, payload }, gone) => {
        const [number = 0] = state;
        return payload[0] === number ? await this.#next(number, gone) : refused();
      },
    };
  }

  async #next(number: number, gone: AbortSignal): Promise<LoginStep<Policy>> {
    this.calls += 1;
    this.gone.push(gone);
    await this.stalled;
    if (number === this.#questions) return ALICE;
    return { payload: Buffer.of(number + 1), state: Buffer.of(number + 1) };
  }
}

const USER: User = {
  ...{ name: 'alice', enabled: true, ipv4: undefined, createdAt: new Date(0), lastLoginAt: undefined },
  ...{ secretKind: 'password', isWeak: undefined, groups: [] },
};
const ALICE: LoginStep<Policy> = {
  verdict: {
    kind: 'accept',
    name: 'alice',
    authenticatorResponse: undefined,
    innerAuth: { kind: 'keys', hlaks: HLAKS },
  },
  ...{ reason: 'ok', user: USER, admitted: USER, name: 'alice', remark: undefined, isPrevious: false },
};

function refused(): LoginStep<Policy> {
  return {
    verdict: { kind: 'reject', errorCode: 691, retryAllowed: false, message: 'No' },
    ...{ reason: 'wrong-password', user: USER, name: 'alice', remark: undefined, isPrevious: false },
  };
}

function newWorld(t: TestContext, questions: number, isWorker: boolean, isPassword = false) {
  const asker = new Asker(questions);
  const told: Login['reason'][] = [];
  const world = new World(t, {
    isWorker,
    users: [{ name: 'alice', password: PASSWORD }],
    ...(!isPassword && { methods: [ROW] }),
    verifier: (passwords) => asker.of(passwords),
    observers: [{ judged: ({ reason }) => told.push(reason) }],
  });
  const settled: string[] = [];
  const { throttle } = world;
  const settle = throttle.settle.bind(throttle);
  t.mock.method(throttle, 'settle', (...args: Parameters<typeof settle>) => {
    settled.push(args[1]);
    settle(...args);
  });
  return { world, asker, told, settled };
}

/** The client has answered and gone, and whoever judges has not. @returns what has him go on */
async function leftWhileJudged(world: World, asker: Asker): Promise<() => void> {
  const peer = await asked(world, 0);
  const { promise, resolve } = Promise.withResolvers<void>();
  asker.stalled = promise;
  await peer.play(answer(1));
  peer.socket.destroy();
  await settle();
  return resolve;
}

/** So many questions are answered, and then comes what comes: the next one, unless told. */
async function asked(
  world: World,
  answers: number,
  then: string | undefined = question(answers + 1),
): Promise<ScriptedPeer> {
  const peer = await accepted(world);
  const rounds = Array.from({ length: answers }, (_, index) => `${question(index + 1)}\n${answer(index + 1)}`);
  await peer.play([CALL_CONNECT, LCP, NAME, ...rounds, ...(then === undefined ? [] : [then])].join('\n'));
  return peer;
}

/** What the supervisor and the worker may still have of a login that is over. */
function leftIn(world: World): number {
  const remote = world.context.control;
  return world.control.count + world.throttle.size.waiting + (remote instanceof RemoteControl ? remote.size : 0);
}

for (const isWorker of [false, true]) {
  const where = isWorker ? 'in a worker' : 'in one process';

  test(`${where}: a client that answers all questions is up with whichever key it has, and was one attempt`, async (t) => {
    const { world, told, settled } = newWorld(t, 3, isWorker);
    const peer = await asked(world, 3, SUCCESS);
    peer.set('certificateHash', CERTIFICATE_HASHES.sha256);
    peer.set('compoundMac', Buffer.alloc(32));
    peer.set('compoundMac', compoundMacOf('sha256', HLAKS[1], peer.bytesOf(CALL_CONNECTED)));
    await peer.play(`${CALL_CONNECTED}\n${IPCP}`);
    assert.deepEqual([peer.connection.view.stage, peer.connection.view.user], ['up', 'alice']);
    assert.equal(peer.connection.view.method, 'questions');
    assert.deepEqual([told, settled], [['ok'], ['accepted']]);
  });

  test(`${where}: a wrong answer to the second question is a failure, once`, async (t) => {
    const { world, told, settled } = newWorld(t, 3, isWorker);
    const peer = await asked(world, 1);
    await peer.play(`${answer(WRONG)}\n${FAILURE}\n${TERMINATE}`);
    assert.deepEqual([told, settled], [['wrong-password'], ['refused']]);
    assert.equal(world.log.of('auth.refused')[0]?.fields.user, 'alice');
    peer.socket.destroy();
    await settle();
    assert.equal(leftIn(world), 0);
  });

  test(`${where}: the same answer twice is heard once`, async (t) => {
    const { world, asker } = newWorld(t, 2, isWorker);
    const peer = await asked(world, 0);
    await peer.sendBytes(Buffer.concat([peer.bytesOf(answer(1)), peer.bytesOf(answer(1))]));
    await peer.play(`${question(2)}\n${answer(2)}\n${SUCCESS}`);
    assert.equal(asker.calls, 3);
  });

  test(`${where}: who leaves after his first answer has had a guess, who leaves before it has not`, async (t) => {
    for (const answers of [0, 1]) {
      const { world, told, settled, asker } = newWorld(t, 3, isWorker);
      const peer = await asked(world, answers);
      peer.socket.destroy();
      await settle();
      assert.deepEqual([told, settled], [['abandoned'], [answers === 0 ? 'unjudged' : 'refused']]);
      assert.equal(leftIn(world), 0);
      assert.equal(asker.calls, answers + 1);
      t.mock.timers.reset();
    }
  });

  test(`${where}: a verdict after the end is told to the log, and takes nothing`, async (t) => {
    const { world, told, settled, asker } = newWorld(t, 1, isWorker);
    const resolve = await leftWhileJudged(world, asker);
    assert.equal(asker.gone.at(-1)?.aborted, true);
    assert.deepEqual([told, settled], [[], []]);
    resolve();
    await settle();
    assert.deepEqual([told, settled], [['ok'], ['accepted']]);
    assert.equal(world.log.of('auth.accepted').length, 1);
    assert.deepEqual([leftIn(world), world.pool.used, world.control.countOfUser('alice')], [0, 0, 0]);
  });

  test(`${where}: a question after the end asks nobody`, async (t) => {
    const { world, told, settled, asker } = newWorld(t, 2, isWorker);
    const resolve = await leftWhileJudged(world, asker);
    resolve();
    await settle();
    assert.deepEqual([told, settled, leftIn(world)], [['abandoned'], ['unjudged'], 0]);
  });

  test(`${where}: a judge who does not answer is given up after 50 s, which is no guess`, async (t) => {
    const { world, told, settled, asker } = newWorld(t, 1, isWorker);
    const { promise, resolve } = Promise.withResolvers<void>();
    asker.stalled = promise;
    const peer = await accepted(world);
    await peer.play(`${CALL_CONNECT}${LCP}`);
    await peer.sendBytes(peer.bytesOf(NAME));
    await world.advance(49_500, 500);
    assert.deepEqual([told, settled, peer.socket.destroyed], [[], [], false]);
    await world.advance(1_000, 500);
    assert.deepEqual([told, settled, peer.socket.destroyed], [['fault'], ['unjudged'], true]);
    assert.equal(asker.gone[0]?.aborted, true);
    assert.match(String(world.log.of('connection.fault')[0]?.fields.error), /not judged within 50 s/);
    assert.equal(leftIn(world), 0);
    resolve();
    await settle();
    assert.deepEqual([told, settled, world.log.of('auth.accepted')], [['fault'], ['unjudged'], []]);
  });

  test(`${where}: an answer after 50 s is refused, and whoever judges does not get it`, async (t) => {
    const { world, told, settled, asker } = newWorld(t, 2, isWorker);
    const peer = await asked(world, 1);
    await world.advance(51_000, 500);
    assert.deepEqual([told, settled], [['abandoned'], ['refused']]);
    const before = asker.calls;
    await peer.sendBytes(peer.bytesOf(answer(2)));
    assert.equal(asker.calls, before);
    assert.equal(world.log.of('auth.refused')[0]?.fields.reason, 'unfinished');
  });

  test(`${where}: 64 questions are the most`, async (t) => {
    const { world, told, settled, asker } = newWorld(t, 100, isWorker);
    await asked(world, 64, `${FAILURE}\n${TERMINATE}`);
    assert.deepEqual([told, settled, asker.calls], [['unfinished'], ['refused'], 65]);
    assert.match(String(world.log.of('auth.refused')[0]?.fields.remark), /more than 64 answers/);
  });

  test(`${where}: where no question can be shown the login is refused, as a guess, and the log says why`, async (t) => {
    const { world, told, settled } = newWorld(t, 1, isWorker, true);
    const peer = await challenged(world);
    await peer.sendBytes(peer.bytesOf(RESPONSE));
    assert.match(peer.socket.takeWritten().toString('latin1'), /E=691 R=0/);
    assert.match(String(world.log.of('auth.refused')[0]?.fields.remark), /asks for a second step/);
    const signIn = { kind: 'sign-in', address: '192.0.2.8', name: 'alice', password: PASSWORD } as const;
    const answered = world.context.control.portal(signIn);
    await settle();
    assert.deepEqual(await answered, { kind: 'refused', isDisabled: false });
    assert.deepEqual(
      [told, settled],
      [
        ['unfinished', 'unfinished'],
        ['refused', 'refused'],
      ],
    );
  });
}

test('a client that logs in anew in the middle gives up what it was asked', async (t) => {
  const { world, told, settled, asker } = newWorld(t, 2, true);
  const peer = await asked(world, 1);
  await peer.play(`
    > 1000 0010 ff03 c021 01 09 0008 0104 0578
    < 1000 001a ff03 c021 01 <lcpId:1> 0012 0104 05dc 0304 c227 0506 <magic:4>
    < 1000 0010 ff03 c021 02 09 0008 0104 0578
    > 1000 001a ff03 c021 02 <lcpId> 0012 0104 05dc 0304 c227 0506 <magic>
    < 1000 000c ff03 c227 01 <id:1> 0004
    ${NAME}
    ${question(1)}
    ${answer(1)}
    ${question(2)}
    ${answer(2)}
    ${SUCCESS}
  `);
  assert.deepEqual(
    [told, settled],
    [
      ['abandoned', 'ok'],
      ['refused', 'accepted'],
    ],
  );
  assert.equal(asker.calls, 5);
});

test('a worker that answers what nobody asked, or twice, or of another login, is not to be trusted', async (t) => {
  const { world } = newWorld(t, 5, true);
  const { desk } = world;
  assert.ok(desk !== undefined);
  const peer = await asked(world, 1);
  const { id: session } = peer.connection;
  const respond = (round: number): void => desk.receive({ kind: 'respond', session, round, payload: Buffer.of(2) });
  for (const round of [0, 1, 3, 64]) assert.throws(() => respond(round), /answers what nobody asked/, `${round}`);
  respond(2);
  assert.throws(() => respond(2), /answers what nobody asked/, 'while it is judged');
  await settle();
  assert.throws(() => respond(2), /answers what nobody asked/, 'again');
  const proof = { method: 'eap', name: 'alice', packet: Buffer.from('alice') } as const;
  desk.receive({ kind: 'verify', session, proof });
  assert.throws(() => respond(3), /answers what nobody asked/, 'of the login before');
  assert.throws(() => desk.receive({ kind: 'verify', session, proof }), /two logins at a time/);
  await settle();
  const other = await accepted(world);
  assert.throws(
    () => desk.receive({ kind: 'respond', session: other.connection.id, round: 4, payload: Buffer.of(1) }),
    /answers what nobody asked/,
  );
  await world.advance(1_000, 100); // the login before was a guess
  desk.receive({ kind: 'respond', session, round: 4, payload: Buffer.of(WRONG) });
  await settle();
  assert.throws(() => respond(4), /answers what nobody asked/, 'of a login that has been refused');
  // Of a session that has ended nothing is meant ill: it may have crossed with the end.
  peer.socket.destroy();
  await settle();
  respond(9);
});

test('whenever the client leaves: one settlement, one word to those who look on, and nothing is left', async (t) => {
  const run = fc.record({
    questions: fc.nat({ max: 4 }),
    answers: fc.nat({ max: 5 }),
    isWorker: fc.boolean(),
    isStalled: fc.boolean(),
    isWrong: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(run, async ({ questions, answers, isWorker, isStalled, isWrong }) => {
      t.mock.timers.reset(); // of the run before, also where it failed
      const { world, told, settled, asker } = newWorld(t, questions, isWorker);
      const given = Math.min(answers, questions);
      const peer = await asked(world, given, given === questions ? SUCCESS : undefined);
      const { promise, resolve } = Promise.withResolvers<void>();
      if (isStalled) asker.stalled = promise;
      if (given < questions) await peer.sendBytes(peer.bytesOf(answer(isWrong ? WRONG : given + 1)));
      peer.socket.destroy();
      await settle();
      resolve();
      await settle();
      assert.deepEqual([told.length, settled.length, leftIn(world), world.pool.used], [1, 1, 0, 0]);
      world.store.close();
    }),
    { numRuns: 40 },
  );
});

test('who hangs up in the turn of his login has had it all the same, and the answer comes once for the log', async (t) => {
  const world = new World(t, { users: [{ name: 'alice', password: PASSWORD }] });
  const open = (id: string, address: string) =>
    world.control.open({
      ...{ id, peerAddress: address, device: 'sstp0' },
      ...{ replace: () => {}, setPolicy: () => {}, disconnect: () => {} },
    });
  const proof = { method: 'pap', name: 'alice', password: 'wrong' } as const;
  const end = { reason: 'closed', bytesIn: 0, bytesOut: 0 } as const;
  const heard: string[] = [];
  const judged = open('1', '192.0.2.7');
  judged.verify(
    proof,
    ({ kind }) => heard.push(kind),
    () => assert.fail('held'),
  );
  assert.equal(judged.close(end), true);
  await settle();
  assert.deepEqual(heard.splice(0), ['judged']);
  assert.ok(world.delayAt('192.0.2.7') > 0);
  const held = open('2', '192.0.2.7');
  held.verify(
    { ...proof, password: 'another' },
    () => assert.fail('judged'),
    () => heard.push('held'),
  );
  assert.equal(held.close(end), true);
  await settle();
  assert.deepEqual([heard, world.throttle.size.waiting, world.control.count], [['held'], 0, 0]);
});

test('a login by password is one attempt too, and slows nobody who is right while its verdict takes time', async (t) => {
  const world = new World(t, { users: [{ name: 'alice', password: PASSWORD }] });
  const peers = await Promise.all(Array.from({ length: 8 }, () => challenged(world)));
  const { promise, resolve } = Promise.withResolvers<void>();
  const verify = world.authenticator.verify.bind(world.authenticator);
  t.mock.method(world.authenticator, 'verify', async (...args: Parameters<typeof verify>) => {
    await promise;
    return await verify(...args);
  });
  for (const peer of peers) await peer.sendBytes(peer.bytesOf(RESPONSE));
  assert.equal(world.throttle.size.waiting, 0);
  resolve();
  await settle();
  assert.equal(world.log.of('auth.accepted').length, 8);
  for (const { fields } of world.log.of('auth.accepted')) assert.equal(fields.delayMs, 0);
  assert.equal((await authenticated(world)).connection.view.user, 'alice');
});

test('whoever is told of a login and throws ends nothing but his own affair', async (t) => {
  let told = 0;
  const world = new World(t, {
    users: [{ name: 'alice', password: PASSWORD }],
    observers: [
      {
        judged: () => {
          told += 1;
          if (told === 1) throw new Error('of the observer');
        },
      },
    ],
  });
  const proof = { method: 'pap', name: 'alice', password: 'wrong' } as const;
  const heard: string[] = [];
  for (const [id, address] of [
    ['1', '192.0.2.7'],
    ['2', '192.0.2.8'],
  ] as const) {
    const session = world.control.open({
      ...{ id, peerAddress: address, device: 'sstp0' },
      ...{ replace: () => {}, setPolicy: () => {}, disconnect: () => {} },
    });
    session.verify(
      proof,
      ({ kind }) => heard.push(`${address} ${kind}`),
      () => assert.fail('held'),
    );
    await settle();
  }
  assert.deepEqual(heard, ['192.0.2.8 judged']);
  const lines = world.log.lines.filter(({ event }) => event === 'auth.answer-not-taken');
  assert.match(String(lines[0]?.fields.error), /of the observer/);
  assert.equal(lines.length, 1);
});
