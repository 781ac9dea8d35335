import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { CODE_PAGES } from '../../../auth/index.ts';
import type { CredentialProof } from '../../../ppp/index.ts';
import type { Judgement, SessionInfo } from '../../../server/control/control-plane.ts';
import type { Login } from '../../../server/control/session-observer.ts';
import { answerChallenge, PASSWORD } from '../connections/mschapv2-peer.ts';
import type { ScriptedPeer } from '../connections/scripted-peer.ts';
import { challenged, RESPONSE, SUCCESS } from '../connections/session.ts';
import { settle, World } from '../support.ts';

// RESPONSE is for names of five bytes: this is one in cp1251.
const MARIA = Buffer.from('ece0f0e8ff', 'hex');

function newWorld(t: TestContext): { world: World; logins: Login[] } {
  const logins: Login[] = [];
  const users = ['мария', 'alice'].map((name) => ({ name, password: PASSWORD }));
  return { world: new World(t, { users, observers: [{ judged: (login) => logins.push(login) }] }), logins };
}

/** The answer to the Challenge of a client with that name, whose proof is over `hashed`. */
function setName(peer: ScriptedPeer, name: Buffer, hashed: Buffer = name): void {
  const peerChallenge = Buffer.from('a0a1a2a3a4a5a6a7a8a9aaabacadaeaf', 'hex');
  const { ntResponse, success } = answerChallenge(hashed, peer.value('challenge'), peerChallenge);
  for (const [key, value] of Object.entries({ name, ntResponse, success })) peer.set(key, value);
}

test('a client whose name is in cp1251 logs in, and is known by the name of the user', async (t) => {
  const { world, logins } = newWorld(t);
  const peer = await challenged(world);
  setName(peer, MARIA);
  await peer.play(`${RESPONSE}\n${SUCCESS}`);
  assert.equal(peer.connection.view.user, 'мария');
  assert.deepEqual(
    logins.map(({ name, reason }) => [name, reason]),
    [['мария', 'ok']],
  );
  assert.deepEqual(world.log.of('auth.accepted')[0]?.fields.user, 'мария');
});

test('a wrong password of such a client is logged and recorded under the name of the user, with the code page', async (t) => {
  const { world, logins } = newWorld(t);
  const peer = await challenged(world);
  setName(peer, MARIA);
  peer.set('ntResponse', Buffer.alloc(24, 7));
  await peer.sendBytes(peer.bytesOf(RESPONSE));
  assert.match(peer.socket.takeWritten().toString('latin1'), /E=691 R=1 /);
  const { user, reason, remark } = world.log.of('auth.refused')[0]?.fields ?? {};
  assert.deepEqual([user, reason], ['мария', 'wrong-password']);
  assert.equal(remark, 'The name is not UTF-8; read as cp1251 it is "мария".');
  assert.deepEqual(
    logins.map(({ name }) => name),
    ['мария'],
  );
  peer.socket.destroy();
  await settle();
  const attempt = world.attempts.list({}).attempts.at(-1);
  assert.equal(attempt?.user, 'мария');
  assert.equal(
    attempt?.explanation?.text,
    'The password is wrong. The name is not UTF-8; read as cp1251 it is "мария".',
  );
});

test('a proof over the name with its domain is refused with 691, and the record says why', async (t) => {
  const { world } = newWorld(t);
  const peer = await challenged(world);
  // Five bytes: the domain `C` and a name of three letters.
  world.store.add('bob', PASSWORD, { weak: true });
  setName(peer, Buffer.from('C\\bob'));
  await peer.sendBytes(peer.bytesOf(RESPONSE));
  assert.match(peer.socket.takeWritten().toString('latin1'), /E=691 R=1 .*M=Wrong user name or password/);
  peer.socket.destroy();
  await settle();
  const text = world.attempts.list({}).attempts.at(-1)?.explanation?.text ?? '';
  assert.match(text, /^The password is right, but the client has computed its proof over another form of the name\./);
  assert.match(text, /Its proof is over "C\\bob"; RFC 2759 leaves the domain out: "bob"\.$/);
});

const named = (name: string, nameBytes?: Buffer, password = 'guess'): CredentialProof => ({
  ...{ method: 'pap', name, password },
  ...(nameBytes && { nameBytes }),
});

test('all spellings of a user are one name for operators; of nobody, the name is as it was sent', async (t) => {
  const { world } = newWorld(t);
  const names: string[] = [];
  t.mock.method(world.logins, 'enter', ({ name, readings }: { readonly name: string; readonly readings: string[] }) => {
    names.push(name);
    assert.ok(
      readings.some((text) => text.toLowerCase().includes(name)),
      `${readings}`,
    );
    return { leave: () => false, respond: () => false };
  });
  for (const [index, proof] of [
    named('мария'),
    named('МАРИЯ '),
    named('CORP\\мария@corp.example'),
    named('ìàðèÿ', MARIA),
    named(' ìàðèÿ', Buffer.concat([Buffer.from(' '), MARIA])),
    named('¬ ðïÿ', Buffer.from('aca0e0a8ef', 'hex')), // cp866
    named('nobody'),
  ].entries()) {
    world.control.open(infoOf(`${index}`, '192.0.2.7')).verify(
      proof,
      (_: Judgement) => {},
      () => {},
    );
  }
  await settle();
  assert.deepEqual(names, [...Array(6).fill('мария'), 'nobody']);
});

function infoOf(id: string, peerAddress: string): SessionInfo {
  return { id, peerAddress, device: 'sstp0', replace: () => {}, setPolicy: () => {}, disconnect: () => {} };
}

interface Guess {
  readonly spelling: number;
  readonly address: number;
  readonly password: number;
  readonly isPortal: boolean;
  readonly pauseMs: number;
}

/** Of one name: UTF-8, cp1251, cp866 with a domain, and another case. */
const SPELLINGS = [
  Buffer.from('мария'),
  MARIA,
  Buffer.concat([Buffer.from('CORP\\'), Buffer.from('aca0e0a8ef', 'hex')]),
  Buffer.from('ccc0d0c8df', 'hex'),
];

test('a name is decoded once in each code page for a whole login by VPN, whoever has it, and in the portal is text', async (t) => {
  const { world } = newWorld(t);
  const decode = t.mock.method(TextDecoder.prototype, 'decode');
  const counts: number[] = [];
  for (const [index, name] of ['мария', 'мирея', 'мария', 'мирея'].entries()) {
    const address = `192.0.2.${index + 7}`;
    const before = decode.mock.callCount();
    if (index < 2) {
      const judged = t.mock.fn();
      world.control.open(infoOf(`${index}`, address)).verify(named(name), judged, () => assert.fail('held'));
      await settle();
      assert.equal(judged.mock.callCount(), 1);
    } else {
      const question = { kind: 'sign-in', address, name, password: 'guess' } as const;
      assert.equal((await world.control.portal(question)).kind, 'refused');
    }
    counts.push(decode.mock.callCount() - before);
  }
  const [once = 0, ...others] = counts;
  assert.deepEqual(others, [once, 0, 0]);
  // UTF-8, and those of the code pages that a TextDecoder reads.
  assert.ok(once > 5 && once <= 1 + CODE_PAGES.length, `${once} of ${CODE_PAGES.length} code pages`);
});

/** What the guesser sees: when each of them was answered, and how; and when it was held. */
async function seen(t: TestContext, users: readonly string[], guesses: readonly Guess[]): Promise<string[]> {
  const world = new World(t, { users: users.map((name) => ({ name, password: PASSWORD })) });
  const events: string[] = [];
  const start = world.now;
  const note = (index: number, what: string): void => void events.push(`${index} ${what} ${world.now - start}`);
  for (const [index, { spelling, address, password, isPortal, pauseMs }] of guesses.entries()) {
    const nameBytes = SPELLINGS[spelling] ?? assert.fail();
    const from = `192.0.2.${address}`;
    if (isPortal) {
      const [browser, name] = [undefined, nameBytes.toString('utf8')];
      const question = { kind: 'sign-in', address: from, name, password: `wrong ${password}`, browser } as const;
      void world.control.portal(question).then(({ kind }) => note(index, kind));
    } else {
      world.control.open(infoOf(`${index}`, from)).verify(
        named(nameBytes.toString('latin1'), nameBytes, `wrong ${password}`),
        (judgement) => note(index, judgement.kind === 'judged' ? judgement.verdict.kind : judgement.kind),
        ({ cause, ms, failures }) => note(index, `held ${cause} ${ms} ${failures}`),
      );
    }
    await world.advance(pauseMs, 500);
  }
  await world.advance(60_000, 500);
  world.store.close();
  t.mock.timers.reset();
  return events;
}

test('30 guesses in one spelling, and as many in two others: what is seen does not tell whether there is such a user', async (t) => {
  const guesses = Array.from({ length: 90 }, (_, index) => ({
    ...{ spelling: Math.floor(index / 30), address: index, password: index, isPortal: false, pauseMs: 0 },
  }));
  const unknown = await seen(t, [], guesses);
  assert.deepEqual(await seen(t, ['мария'], guesses), unknown);
  const judged = unknown.filter((event) => event.endsWith('reject 0')).length;
  assert.equal(judged, 30, 'the other spellings have no guesses of their own');
});

test('nor does it in any order, from any address, by VPN and portal, with passwords that come again', async (t) => {
  const guess = fc.record({
    spelling: fc.nat(SPELLINGS.length - 1),
    address: fc.nat(2),
    password: fc.nat(2),
    isPortal: fc.boolean(),
    pauseMs: fc.constantFrom(0, 0, 500, 3_000),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(guess, { minLength: 4, maxLength: 24 }), async (guesses) => {
      assert.deepEqual(await seen(t, ['мария'], guesses), await seen(t, [], guesses));
    }),
    { numRuns: 10 },
  );
});

test('of ASCII names the same: case, domain and realm', async (t) => {
  const names = ['ann@a', 'ANN@A', 'corp\\ann@a', 'ann@a@b', 'ann'];
  const all: string[][] = [];
  for (const users of [[], ['ann@a'], ['ann'], ['ann', 'ann@a']]) {
    const world = new World(t, { users: users.map((name) => ({ name, password: PASSWORD })) });
    const events: string[] = [];
    for (let index = 0; index < 40; index++) {
      const proof = named(names[index % names.length] ?? '', undefined, `wrong ${index >> 3}`);
      const note = (what: string): void => void events.push(`${index} ${what} ${world.now}`);
      world.control.open(infoOf(`${index}`, `192.0.2.${index >> 2}`)).verify(
        proof,
        ({ kind }) => note(kind),
        ({ cause, ms, failures }) => note(`held ${cause} ${ms} ${failures}`),
      );
      await world.advance(500, 500);
    }
    const start = Number(events[0]?.split(' ').at(-1));
    all.push(events.map((event) => event.replace(/\d+$/, (at) => `${Number(at) - start}`)));
    t.mock.timers.reset();
  }
  for (const one of all) assert.deepEqual(one, all[0]);
});

test('where its user logged in before, a name is known in each spelling, and does not wait for those who guess elsewhere', async (t) => {
  const { world } = newWorld(t);
  const answers: string[] = [];
  const logIn = (id: string, address: string, name: Buffer, password: string): Promise<void> => {
    world.control.open(infoOf(id, address)).verify(
      named(name.toString('latin1'), name, password),
      (judgement) => answers.push(judgement.kind === 'judged' ? judgement.verdict.kind : judgement.kind),
      ({ cause }) => answers.push(`held ${cause}`),
    );
    return settle();
  };
  await logIn('home', '198.51.100.7', SPELLINGS[0] ?? assert.fail(), PASSWORD);
  for (let index = 0; index < 30; index++) await logIn(`${index}`, `192.0.2.${index}`, MARIA, `wrong ${index}`);
  assert.deepEqual(answers.splice(0), ['accept', ...Array(30).fill('reject')]);
  for (const [index, name] of SPELLINGS.entries()) await logIn(`home ${index}`, '198.51.100.7', name, PASSWORD);
  assert.deepEqual(answers.splice(0), Array(SPELLINGS.length).fill('accept'));
  for (const [index, name] of SPELLINGS.entries()) await logIn(`away ${index}`, `203.0.113.${index}`, name, PASSWORD);
  assert.deepEqual(answers.splice(0), Array(SPELLINGS.length).fill('held strangers'));
  assert.deepEqual(
    world.log.of('auth.under-attack').map(({ fields }) => fields.user),
    ['мария'],
  );
  const names = world.throttle.list(world.now).filter(({ kind }) => kind === 'name');
  assert.deepEqual(
    names.map(({ of, failures, isAttacked, waiting }) => [of, failures, isAttacked, waiting]),
    [['мария', 30, true, SPELLINGS.length]],
  );
  assert.equal(world.throttle.size.attacked, 1);
  world.logins.lift({ kind: 'name', name: 'мария' }, 60_000);
  await settle();
  assert.deepEqual(answers.splice(0), Array(SPELLINGS.length).fill('accept'), 'each of them passes');
});
