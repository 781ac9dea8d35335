import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CredentialProof } from '../../ppp/index.ts';
import type { Judgement } from '../../server/control-plane.ts';
import type { Login } from '../../server/session-observer.ts';
import { answerChallenge, PASSWORD } from './mschapv2-peer.ts';
import type { ScriptedPeer } from './scripted-peer.ts';
import { challenged, RESPONSE, SUCCESS } from './session.ts';
import { settle, World } from './support.ts';

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
  assert.match(text, /^The password is right, but the client has computed its proof over the name with the domain/);
  assert.match(text, /Its proof is over "C\\bob"; RFC 2759 leaves the domain out\.$/);
});

test('all spellings of a user are one name for the throttle; of nobody, the name is as it was sent', (t) => {
  const { world } = newWorld(t);
  const names: string[] = [];
  t.mock.method(world.logins, 'enter', ({ name }: { readonly name: string }) => {
    names.push(name);
    return { leave: () => {} };
  });
  const named = (name: string, nameBytes?: Buffer): CredentialProof => ({
    ...{ method: 'pap', name, password: 'guess' },
    ...(nameBytes && { nameBytes }),
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
    const end = (): void => {};
    const info = { id: `${index}`, peerAddress: '192.0.2.7', device: 'sstp0', replace: end, disconnect: end };
    world.control.open(info).verify(proof, (_: Judgement) => {}, end);
  }
  assert.deepEqual(names, [...Array(6).fill('мария'), 'nobody']);
});
