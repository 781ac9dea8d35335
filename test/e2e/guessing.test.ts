/** Guessers, and those who share an address or a name with them, over real connections. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around } from '../support/around.ts';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import { type PppFrame, RawPeer } from '../support/raw-peer.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { PASSWORD, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
let lab: VpnLab;
let server: SstpdServer;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create({ clients: 4 });
    server = await lab.serveAnn({ args: ['--workers', '2'] });
    await server.addUser('ben', PASSWORD);
  },
  () => lab?.destroy(),
);

const isSuccess = ({ payload }: PppFrame): boolean => payload[0] === 0x03;

/** One login by MS-CHAPv2. @returns whether it was accepted */
async function logIn(door: string, user: string, password: string): Promise<boolean> {
  const peer = await RawPeer.lcp(door);
  try {
    const { id, challenge } = await peer.chapChallenge();
    return isSuccess(await peer.chapRespond(id, challenge, user, password));
  } finally {
    peer.destroy();
  }
}

/** One that is accepted. @returns for how long the server says that it held it back, in milliseconds */
async function delayOf(door: string, user: string): Promise<number> {
  const from = server.mark;
  assert.ok(await logIn(door, user, PASSWORD), `${user} is let in`);
  return Number((await server.logged('auth.accepted', { user }, from)).delayMs);
}

/** How long at most is asserted in virtual time, in the tests of the throttle: a busy machine adds to it. */
test('a neighbour who mistypes costs somebody else at the address one wait, and none from where he was before', {
  skip,
}, async () => {
  const office = await lab.door(0);
  for (let time = 0; time < 5; time += 1) assert.equal(await logIn(office, 'nobody', `wrong ${time}`), false);
  assert.ok((await delayOf(office, 'ben')) > 0, 'a new name at the address waits');
  assert.equal(await delayOf(office, 'ben'), 0, 'from where he logged in before');
});

test('who gives up while it is held back is found by name, with the reason', { skip }, async () => {
  const peer = await RawPeer.lcp(await lab.door(0));
  const { id, challenge } = await peer.chapChallenge();
  // Held back for almost 8 s.
  const verdict = peer.chapRespond(id, challenge, 'nobody', 'wrong again').catch(() => undefined);
  await eventually('a login that waits', async () =>
    (await server.must(['explain', '--user', 'nobody', '--json'])).includes('"under-way"'),
  );
  peer.destroy();
  await verdict;
  const { failures, delayMs, from } = await server.logged('auth.held-back', { user: 'nobody' });
  assert.ok(Number(failures) >= 4 && Number(delayMs) > 0 && from === '198.18.1.2', `${failures}, ${delayMs}, ${from}`);
  const last = await server.must(['explain', '--last']);
  assert.match(last, /held back [\d.]+ s because of \d+ failures from 198\.18\.1\.2/);
});

test('30 guesses from as many addresses, and the name is under attack: its owner is in where he was before, and where he is let pass', {
  skip,
}, async () => {
  const home = await lab.door(2);
  assert.ok(await logIn(home, USER, PASSWORD));
  const crowd = await lab.crowd(1, 31);
  const guesses = Array.from({ length: 31 }, (_, index) => logIn(crowd, USER, `guess ${index}`).catch(() => undefined));
  await server.logged('auth.under-attack', { user: USER });
  assert.equal(await delayOf(home, USER), 0, 'from a known address');
  assert.equal(await delayOf(await lab.door(3), 'ben'), 0, 'for another name');
  assert.match(await server.must(['throttle', 'list']), new RegExp(`\\nname +${USER} +\\d+ .*under attack\\n`));

  const hotel = logIn(await lab.door(3), USER, PASSWORD);
  await eventually('a stranger who waits', async () => {
    const list = JSON.parse(await server.must(['throttle', 'list', '--json']));
    return list.some(({ of, waiting }: { of: string; waiting: number }) => of === USER && waiting > 0)
      ? true
      : undefined;
  });
  assert.equal(await server.must(['throttle', 'lift', USER]), `${USER} passes for 10 min.\n`);
  assert.ok(await hotel, 'let pass');
  await Promise.all(guesses);
  assert.match(await server.must(['metrics']), /^sstp_auth_attacks_total 1$/m);
});
