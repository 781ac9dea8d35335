/** Who is let in, who is not, and what they are told. RFC 2759 §6: E= the error, R= whether to try again, C= a challenge. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around } from '../support/around.ts';
import { tunMissing } from '../support/netns.ts';
import { IPCP, LCP, type PppFrame, RawPeer } from '../support/raw-peer.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { PASSWORD, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

let lab: VpnLab;
let server: SstpdServer;

around(
  async () => {
    if (skip) return;
    // One for each test: failures from an address slow down what comes from it next.
    lab = await VpnLab.create({ clients: 5 });
    server = await lab.serveAnn({ args: ['--config', lab.file('config.yaml', 'auth: { retries: 1 }\n')] });
    await server.addUser('gone', PASSWORD);
    await server.must(['user', 'disable', 'gone']);
  },
  () => lab?.destroy(),
);

const message = ({ payload }: PppFrame) => payload.toString('latin1', 4, payload.readUInt16BE(2));
const withoutChallenge = (text: string) => text.replace(/C=[0-9A-F]{32}/, 'C=');

/** A Failure and the challenge that it carries. */
function failure(frame: PppFrame): { text: string; challenge: Buffer } {
  assert.equal(frame.payload[0], 0x04, 'Failure');
  const challenge = /^E=\d+ R=[01] C=([0-9A-F]{32}) V=3 M=./.exec(message(frame))?.[1];
  assert.ok(challenge !== undefined, message(frame));
  return { text: message(frame), challenge: Buffer.from(challenge, 'hex') };
}

test('wrong password: R=1 with a new challenge as often as configured, then R=0 and the end (RFC 2759 §6)', {
  skip,
}, async () => {
  const peer = await RawPeer.lcp(await lab.door(0));
  const { id, challenge } = await peer.chapChallenge();
  const first = await peer.chapRespond(id, challenge, USER, 'wrong');
  assert.match(failure(first).text, /^E=691 R=1 /);
  assert.notDeepEqual(failure(first).challenge, challenge);
  const next = (first.payload[1] ?? 0) + 1;
  const second = await peer.chapRespond(next, failure(first).challenge, USER, 'wrong again');
  assert.match(failure(second).text, /^E=691 R=0 /);
  assert.equal((await peer.ppp(LCP)).payload[0], 0x05, 'Terminate-Request');
  await peer.hangUp();
  const { correlationId } = peer;
  const { stage, reason, user } = await server.logged('connection.closed', { correlationId });
  assert.deepEqual({ stage, reason, user }, { stage: 'authentication', reason: 'auth-failed', user: undefined });
  const refusals = server.log('auth.refused', { correlationId });
  assert.deepEqual(
    refusals.map((line) => line.reason),
    ['wrong-password', 'wrong-password'],
  );
});

test('a mistyped password can be corrected on the same connection', { skip }, async () => {
  const peer = await RawPeer.lcp(await lab.door(1));
  const { id, challenge } = await peer.chapChallenge();
  const first = await peer.chapRespond(id, challenge, USER, 'wrong');
  const next = (first.payload[1] ?? 0) + 1;
  const second = await peer.chapRespond(next, failure(first).challenge, USER, PASSWORD);
  assert.equal(second.payload[0], 0x03, 'Success');
  assert.match(message(second), /^S=[0-9A-F]{40} M=./);
  peer.sendCallConnected();
  await peer.negotiate(IPCP, '0306 00000000');
  peer.destroy();
});

test('an unknown user is told the same, byte for byte', { skip }, async () => {
  const door = await lab.door(2);
  const answers: string[] = [];
  for (const user of [USER, 'nobody']) {
    const peer = await RawPeer.lcp(door);
    const { id, challenge } = await peer.chapChallenge();
    answers.push(withoutChallenge(failure(await peer.chapRespond(id, challenge, user, 'wrong')).text));
    peer.destroy();
  }
  assert.equal(answers[0], answers[1]);
});

test('a disabled user: E=647 R=0 with the right password, like everybody else with a wrong one', { skip }, async () => {
  const door = await lab.door(3);
  const texts: string[] = [];
  for (const password of [PASSWORD, 'wrong']) {
    const peer = await RawPeer.lcp(door);
    const { id, challenge } = await peer.chapChallenge();
    texts.push(failure(await peer.chapRespond(id, challenge, 'gone', password)).text);
    peer.destroy();
  }
  assert.match(texts[0] ?? '', /^E=647 R=0 /);
  assert.match(texts[1] ?? '', /^E=691 R=1 /);
});

test('names: case does not matter, a domain in front and a realm behind are looked past', { skip }, async () => {
  for (const user of ['ANN', 'CORP\\ann', 'ann@example.com']) {
    const client = lab.connect({ from: 4, user });
    await client.up();
    assert.deepEqual(
      (await server.sessions()).map((session) => session.user),
      [USER],
    );
    await client.stop();
  }
});

test('the project’s client says that its password is wrong, with status 1', { skip }, async () => {
  const { exit, reason, wasUp } = await lab.connect({ from: 4, password: 'wrong' }).ended();
  assert.deepEqual(
    { status: exit.status, reason, wasUp },
    { status: 1, reason: 'authentication-failed', wasUp: false },
  );
});

test('neither the log nor what the server prints holds a password', { skip }, () => {
  assert.ok(!server.process.text.includes(PASSWORD));
});
