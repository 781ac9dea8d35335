import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { UserStoreError } from '../../../auth/index.ts';
import { forgetOldPasswordsDaily } from '../../../server/control/old-passwords.ts';
import { RecordingLog, settle } from '../support.ts';

const DAY_MS = 86_400_000;

function ticking(t: TestContext, forgetOldPasswords: () => Promise<void>) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const log = new RecordingLog();
  const stop = forgetOldPasswordsDaily({ forgetOldPasswords }, log);
  t.after(stop);
  return { log, stop };
}

test('a running server forgets old passwords once a day, until it stops', (t) => {
  let times = 0;
  const { stop } = ticking(t, async () => {
    times += 1;
  });
  t.mock.timers.tick(DAY_MS - 1);
  assert.equal(times, 0);
  t.mock.timers.tick(1 + 2 * DAY_MS);
  assert.equal(times, 3);
  stop();
  t.mock.timers.tick(5 * DAY_MS);
  assert.equal(times, 3);
});

test('a store that is busy just then is asked again the next day, and the server goes on', async (t) => {
  let times = 0;
  const { log } = ticking(t, async () => {
    times += 1;
    throw new UserStoreError('ERR_USER_STORE', 'database is locked');
  });
  t.mock.timers.tick(2 * DAY_MS);
  assert.equal(times, 2);
  await settle();
  assert.deepEqual(log.of('users.old-passwords-kept')[0]?.fields, { error: 'database is locked' });
});
