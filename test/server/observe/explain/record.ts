/** What the tests of explanations share: a client that fails somehow, and the record of it. */
import assert from 'node:assert/strict';
import type { AttemptView } from '../../../../admin/index.ts';
import { PASSWORD } from '../../connections/mschapv2-peer.ts';
import type { ScriptedPeer } from '../../connections/scripted-peer.ts';
import { authenticated, CALL_CONNECTED } from '../../connections/session.ts';
import { settle, World, type WorldOptions } from '../../support.ts';

const USERS = [
  { name: 'alice', password: PASSWORD },
  { name: 'bobby', password: PASSWORD },
];

/** Hangs up, and gives the record. */
export async function gone(world: World, { socket, connection }: ScriptedPeer): Promise<AttemptView> {
  socket.deliverEnd();
  socket.destroy();
  await settle();
  return recordOf(world, connection.id);
}

export function recordOf(world: World, id: string): AttemptView {
  return world.attempts.find(id) ?? assert.fail('no record');
}

export function expect(view: AttemptView, code: string | undefined, text: RegExp, fix: RegExp | undefined): void {
  assert.match(view.explanation?.text ?? 'none', text);
  assert.equal(view.explanation?.code, code);
  if (fix !== undefined) assert.match(view.explanation?.fix ?? 'none', fix);
}

export const start = (t: Parameters<typeof worldOf>[0], options: WorldOptions = {}): World => worldOf(t, options);
const worldOf = (t: ConstructorParameters<typeof World>[0], options: WorldOptions): World =>
  new World(t, { users: USERS, ...options });

/** Call Connected is accepted; IPCP may begin. */
export async function bound(world: World, name = 'alice'): Promise<ScriptedPeer> {
  const peer = await authenticated(world, name);
  await peer.sendBytes(peer.bytesOf(CALL_CONNECTED));
  return peer;
}

export const IPCP_REQUEST: string = '> 1000 0012 ff03 8021 01 02 000a 0306 00000000';
