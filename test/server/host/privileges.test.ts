import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { chooseRunUser } from '../../../server/host/privileges.ts';

const PASSWD = [
  'root:x:0:0:root:/root:/bin/bash',
  'www-data:x:33:34:www-data:/var/www:/usr/sbin/nologin',
  'sstpd:x:998:997::/nonexistent:/usr/sbin/nologin',
  '',
].join('\n');
/** There is none. */
const DATA = '/nowhere/data';
const WITHOUT_SSTPD = 'root:x:0:0:root:/root:/bin/bash\n';

function asUid(t: TestContext, uid: number): void {
  const ids: { getuid(): number; getgid(): number } = process as Required<NodeJS.Process>;
  t.mock.method(ids, 'getuid', () => uid);
  t.mock.method(ids, 'getgid', () => uid + 1);
}

test('nothing configured: the account sstpd if there is one, else an id that nobody has', (t) => {
  asUid(t, 0);
  assert.deepEqual(chooseRunUser('', DATA, PASSWD), { name: 'sstpd', uid: 998, gid: 997 });
  const { uid, gid } = chooseRunUser('', DATA, WITHOUT_SSTPD);
  assert.equal(uid, gid);
  assert.ok(uid > 65_535 && uid < 100_000, `${uid}`);
});

test('run.user names an account, or is the number of one, or a number of none', (t) => {
  asUid(t, 0);
  assert.deepEqual(chooseRunUser('www-data', DATA, PASSWD), { name: 'www-data', uid: 33, gid: 34 });
  assert.deepEqual(chooseRunUser('33', DATA, PASSWD), { name: 'www-data', uid: 33, gid: 34 });
  assert.deepEqual(chooseRunUser('4711', DATA, PASSWD), { name: 'uid 4711', uid: 4711, gid: 4711 });
});

test('run.user root stays root', (t) => {
  asUid(t, 0);
  assert.deepEqual(chooseRunUser('root', DATA, PASSWD), { name: 'root', uid: 0, gid: 0 });
});

test('an account that does not exist is one line with the command that makes it', (t) => {
  asUid(t, 0);
  assert.throws(() => chooseRunUser('vpn', DATA, PASSWD), {
    code: 'ERR_START',
    message: "run.user: there is no account 'vpn': useradd --system vpn, or leave the key out",
  });
});

test('the text of passwd is read by fields: no part of a name or of another field counts', (t) => {
  asUid(t, 0);
  const passwd = 'sstpd2:x:1:1::/:\nx:sstpd:2:2:sstpd:/:\nold:x:3:998::/:\n';
  assert.notEqual(chooseRunUser('', DATA, passwd).uid, 1);
  assert.notEqual(chooseRunUser('', DATA, passwd).uid, 2);
  assert.deepEqual(chooseRunUser('998', DATA, passwd), { name: 'uid 998', uid: 998, gid: 998 });
});

test('who is not root can only stay who it is, whatever is configured', (t) => {
  asUid(t, 1000);
  for (const wanted of ['', 'root', 'www-data', 'nobody-at-all']) {
    assert.deepEqual(chooseRunUser(wanted, DATA, PASSWD), { name: 'uid 1000', uid: 1000, gid: 1001 });
  }
});
