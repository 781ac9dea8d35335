/** Who has an account of his own can put its name and another one into the same bytes: that tells him nothing of the other. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { SessionInfo } from '../../../server/control/control-plane.ts';
import { settle, World } from '../support.ts';

const OLD = 'staple after staple';
const OWN = 'correct horse battery';
const OTHERS = 'zebra under bridge';
const HOME = '192.0.2.7';

/** 0x83 0x5c is a character in Shift-JIS, GBK and Big5, and the end of a domain in code pages of single bytes. */
const both = (name: string, behind: string): Buffer => Buffer.from(`${name}@\x83\\${behind}`, 'latin1');
const NAMES = [
  both('victim', 'bob'),
  both('bob', 'victim'),
  Buffer.from('bob'),
  both('victim', 'nobody'),
  Buffer.from('victim'),
];

interface Login {
  readonly name: number;
  readonly address: string;
  readonly password: string;
  readonly isPortal?: boolean;
  readonly pauseMs?: number;
}

/** Bob has logged in from HOME, where others have failed since. */
function newWorld(t: TestContext, others: readonly string[]): World {
  const users = ['bob', ...others].map((name) => ({ name, password: name === 'bob' ? OLD : OTHERS }));
  const world = new World(t, { users });
  world.store.change('bob', { password: OWN });
  world.store.rememberPlace('bob', HOME);
  world.failLogin(HOME, 'somebody', 20);
  return world;
}

/** When each login was held or answered, and how. */
async function seen(world: World, logins: readonly Login[]): Promise<string[]> {
  const events: string[] = [];
  const start = world.now;
  const note = (index: number, what: string): void => void events.push(`${index} ${what} ${world.now - start}`);
  for (const [index, { name, address, password, isPortal = false, pauseMs = 0 }] of logins.entries()) {
    const nameBytes = NAMES[name] ?? assert.fail();
    const text = nameBytes.toString('latin1');
    if (isPortal) {
      const question = { kind: 'sign-in', address, name: text, password, browser: undefined } as const;
      void world.control.portal(question).then(({ kind }) => note(index, kind));
    } else {
      const info: SessionInfo = {
        ...{ id: `${start} ${index}`, peerAddress: address, device: 'sstp0' },
        ...{ replace: () => {}, setPolicy: () => {}, disconnect: () => {} },
      };
      world.control.open(info).verify(
        { method: 'pap', name: text, nameBytes, password },
        (judgement) => note(index, judgement.kind === 'judged' ? judgement.verdict.kind : judgement.kind),
        ({ cause, ms, failures }) => note(index, `held ${cause} ${ms} ${failures}`),
      );
    }
    await world.advance(pauseMs, 500);
  }
  await world.advance(60_000, 500);
  return events;
}

test('from a slowed address where bob is known, his password passes at once, whether or not there is the other user', async (t) => {
  for (const others of [[], ['victim']]) {
    for (const name of [0, 1, 2]) {
      const world = newWorld(t, others);
      assert.deepEqual(
        await seen(world, [{ name, address: HOME, password: OWN }]),
        ['0 accept 0'],
        `${others} ${NAMES[name]?.toString('latin1')}`,
      );
      world.store.close();
      t.mock.timers.reset();
    }
  }
});

test('what he sees is the same in any order, from any address, with his password, the one before and wrong ones', async (t) => {
  const login = fc.record({
    name: fc.nat(NAMES.length - 1),
    address: fc.constantFrom(HOME, '192.0.2.8', '198.51.100.1'),
    password: fc.constantFrom(OWN, OLD, 'wrong 1', 'wrong 2'),
    isPortal: fc.boolean(),
    pauseMs: fc.constantFrom(0, 0, 500, 3_000),
  });
  const all = async (others: readonly string[], logins: readonly Login[]): Promise<string[]> => {
    const world = newWorld(t, others);
    const events = await seen(world, logins);
    world.store.close();
    t.mock.timers.reset();
    return events;
  };
  await fc.assert(
    fc.asyncProperty(fc.array(login, { minLength: 2, maxLength: 16 }), async (logins) => {
      assert.deepEqual(await all(['victim'], logins), await all([], logins));
    }),
    { numRuns: 25 },
  );
});

test('guesses at the other user by that way: where bob is known none is looked at, elsewhere they are those of strangers', async (t) => {
  const world = newWorld(t, ['victim']);
  for (const name of [0, 1]) {
    const [event] = await seen(world, [{ name, address: HOME, password: OTHERS }]);
    assert.equal(event, '0 reject 0', 'also the right one');
  }
  const away = (index: number, password: string): Login => ({ name: index % 2, address: `203.0.${index}.1`, password });
  assert.deepEqual(await seen(world, [away(200, OTHERS)]), ['0 accept 0']);
  const guesses = Array.from({ length: 30 }, (_, index) => away(index, `wrong ${index}`));
  const straight = { name: NAMES.length - 1, address: '203.0.113.1', password: OTHERS };
  const events = await seen(world, [...guesses, straight]);
  assert.equal(events.filter((event) => event.endsWith(' reject 0')).length, 30);
  assert.ok(
    events.some((event) => event.startsWith('30 held strangers ')),
    'they have used up those of the name',
  );
});

test('whoever has the same name in another code page gets in there too, once he has signed in to the portal', async (t) => {
  // 0xe1 0xe2 0xe3: Greek in cp1253, Cyrillic in cp1251.
  const [greek, cyrillic] = ['αβγ', 'бвг'];
  const world = new World(t, { users: [greek, cyrillic].map((name) => ({ name, password: `${name} ${OWN}` })) });
  const nameBytes = Buffer.from('e1e2e3', 'hex');
  const dial = async (user: string): Promise<string> => {
    const kinds: string[] = [];
    const control = world.control.open({
      ...{
        id: `${Math.random()}`,
        peerAddress: HOME,
        device: 'sstp0',
        replace: () => {},
        setPolicy: () => {},
        disconnect: () => {},
      },
    });
    control.verify(
      { method: 'pap', name: nameBytes.toString('latin1'), nameBytes, password: `${user} ${OWN}` },
      (judgement) => kinds.push(judgement.kind === 'judged' ? judgement.verdict.kind : judgement.kind),
      () => kinds.push('held'),
    );
    await settle();
    return kinds.join();
  };
  assert.equal(await dial(greek), 'accept');
  assert.equal(await dial(cyrillic), 'reject');
  const question = { kind: 'sign-in', address: HOME, name: cyrillic, password: `${cyrillic} ${OWN}` } as const;
  const signingIn = world.control.portal({ ...question, browser: undefined });
  await world.advance(10_000, 500);
  assert.equal((await signingIn).kind, 'welcome');
  assert.deepEqual([await dial(cyrillic), await dial(greek)], ['accept', 'accept']);
});
