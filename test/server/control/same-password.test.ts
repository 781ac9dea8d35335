/** Which logins by PAP come with the same wrong password again, and are no new guess. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { enterUser } from '../../../server/control/user-login.ts';
import { World } from '../support.ts';

const USERS = [{ name: 'ann', password: 'correct horse' }];

interface Sent {
  readonly name?: string;
  readonly password: string;
  readonly passwordBytes?: Buffer;
}

/** @returns how many are judged at once, of as many logins in a row on loopback, where a name has 30 guesses */
async function judgedAtOnce(world: World, logins: readonly Sent[]): Promise<number> {
  let judged = 0;
  for (const { name = 'ann', ...sent } of logins) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const login = enterUser(world, {
      ...{ proof: { method: 'pap', name, ...sent }, place: 'vpn', address: '127.0.0.1', held: () => resolve() },
      answer: ({ kind }) => {
        if (kind === 'judged') judged += 1;
        resolve();
      },
    });
    await promise;
    login.leave();
  }
  return judged;
}

const of = (make: (index: number) => Sent): Sent[] => Array.from({ length: 60 }, (_, index) => make(index));

test('the same text with other bytes is another password: the bytes are what is judged', async (t: TestContext) => {
  const logins = of((index) => ({ password: 'same', passwordBytes: Buffer.of(0xe0, 0xc0 + index) }));
  assert.equal(await judgedAtOnce(new World(t, { users: USERS }), logins), 30);
});

test('the same password for a name in another realm is another guess', async (t: TestContext) => {
  const logins = of((index) => ({ name: `ann@r${index}.example`, password: 'same' }));
  assert.equal(await judgedAtOnce(new World(t, { users: USERS }), logins), 30);
});

test('the same again is no new guess, in whichever case the name is written', async (t: TestContext) => {
  const logins = of((index) => ({ name: index % 2 === 0 ? 'ann' : 'ANN', password: 'same' }));
  assert.equal(await judgedAtOnce(new World(t, { users: USERS }), logins), 60);
});
