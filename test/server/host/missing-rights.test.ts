import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingRight, type Rights, readRights } from '../../../server/host/missing-rights.ts';

const NET = (1n << 12n) | (1n << 10n);
const SET_IDS = (1n << 6n) | (1n << 7n);
const ALL = (1n << 41n) - 1n;
const USER: Rights = { uid: 1000, effective: 0n, bounding: ALL, noNewPrivileges: false };

const TABLE: readonly (readonly [string, Partial<Rights>, RegExp | undefined])[] = [
  ['a user of a machine', {}, /\(CAP_NET_ADMIN\): run it as root, for example with sudo$/],
  ['a user of a machine under no_new_privs', { noNewPrivileges: true }, /: run it as root, for example with sudo$/],
  ['a container without the capability', { bounding: 1n << 10n }, /\(CAP_NET_ADMIN\): docker run --cap-add NET_ADMIN$/],
  [
    'a container with it, under no-new-privileges',
    { bounding: NET, noNewPrivileges: true },
    /: no-new-privileges keeps it from a user that is not root: leave that option out, or docker run --user root --cap-add SETUID --cap-add SETGID$/,
  ],
  [
    'a container with it, past our entry point',
    { bounding: NET },
    /: run it as root, or start it with ambient capabilities$/,
  ],
  ['a user with it', { effective: NET, bounding: NET }, undefined],
  ['root of a machine', { uid: 0, effective: ALL }, undefined],
  [
    'root of a container without the right to become a user',
    { uid: 0, effective: NET, bounding: NET },
    /^root can't become another user here \(uid 8443\): docker run --cap-add SETUID --cap-add SETGID, or start it as/,
  ],
  ['root of a container with that right', { uid: 0, effective: NET | SET_IDS, bounding: NET | SET_IDS }, undefined],
];

for (const [name, rights, wanted] of TABLE) {
  test(`what is missing: ${name}`, () => {
    const said = missingRight({ ...USER, ...rights }, 8443);
    if (wanted === undefined) assert.equal(said, undefined);
    else assert.match(said ?? '', wanted);
  });
}

test('root that stays root needs no right to become somebody', () => {
  assert.equal(missingRight({ ...USER, uid: 0, effective: NET, bounding: NET }, 0), undefined);
});

test('/proc/self/status is read as the kernel writes it', () => {
  const status =
    'Name:\tnode\nUid:\t8443\t8443\t8443\t8443\nCapEff:\t0000000000001400\nCapBnd:\t00000000a80435fb\nNoNewPrivs:\t1\n';
  assert.deepEqual(readRights(status), { uid: 8443, effective: NET, bounding: 0xa80435fbn, noNewPrivileges: true });
  assert.equal(readRights().uid, process.geteuid?.());
});
