/** What counts for a session beside its addresses: from the verdict to the link, and while the session is up. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { adminSocketPath, type SessionView, startAdminServer } from '../../../admin/index.ts';
import { DataLink } from '../../../datapath/data-link.ts';
import { sessionView } from '../../../server/connections/session-view.ts';
import { changedPolicy, NO_POLICY, type Policy, readPolicy } from '../../../server/control/policy.ts';
import type { SessionObserver } from '../../../server/control/session-observer.ts';
import { RemoteControl } from '../../../server/workers/remote-control.ts';
import { bytesOf, readerOf } from '../../../server/workers/spoken.ts';
import { ErrorLog, FakeBackend } from '../../admin/fake-backend.ts';
import { inProcess } from '../../cli/support.ts';
import { PASSWORD } from '../connections/mschapv2-peer.ts';
import {
  authenticated,
  CALL_CONNECTED,
  connected,
  IPCP,
  LCP,
  RESPONSE,
  SUCCESS,
  setAnswer,
} from '../connections/session.ts';
import { settle, World, type WorldOptions } from '../support.ts';

test('a policy has the keys that there are, and its object never changes', () => {
  const policy = readPolicy({ revision: 3 });
  assert.ok([policy, NO_POLICY, changedPolicy(policy, {})].every(Object.isFrozen));
  assert.deepEqual(changedPolicy(policy, {}), { revision: 4 });
  assert.throws(() => changedPolicy(policy, { routes: [] } as object), /there is no key "routes" in a policy/);
  for (const wrong of [undefined, null, 'x', {}, { revision: -1 }, { revision: 0.5 }, { revision: '1' }]) {
    assert.throws(() => readPolicy(wrong), TypeError, JSON.stringify(wrong));
  }
  const names = ['__proto__', 'constructor', 'toString', 'x'.repeat(10_000)];
  for (const name of names) {
    const error = (): unknown => readPolicy(JSON.parse(`{"revision":1,${JSON.stringify(name)}:{}}`));
    assert.throws(error, (thrown: Error) => thrown instanceof TypeError && thrown.message.length < 200, name);
  }
});

interface Seen {
  readonly world: World;
  /** What each link was told, in order. */
  readonly set: Policy[];
}

function newWorld(t: TestContext, options: WorldOptions): Seen {
  const set: Policy[] = [];
  const setPolicy = DataLink.prototype.setPolicy;
  t.mock.method(DataLink.prototype, 'setPolicy', function (this: DataLink, policy: Policy) {
    set.push(policy);
    setPolicy.call(this, policy);
  });
  return { world: new World(t, { users: [{ name: 'alice', password: PASSWORD }], ...options }), set };
}

const revisions = (set: readonly Policy[]): number[] => set.map(({ revision }) => revision);

for (const isWorker of [false, true]) {
  const where = isWorker ? 'in a worker' : 'in one process';

  test(`${where}: what the verdict says is with the link before an address is, and a change comes to a live session`, async (t) => {
    const up: Parameters<NonNullable<SessionObserver['up']>>[0][] = [];
    const { world, set } = newWorld(t, { isWorker, observers: [{ up: (session) => up.push(session) }] });
    const { connection, socket } = await connected(world);
    assert.deepEqual(set, [NO_POLICY]);
    assert.deepEqual(connection.view.policy, NO_POLICY);
    assert.equal(world.control.setPolicy(connection.id, {}), true);
    await settle();
    assert.deepEqual([connection.view.policy, revisions(set)], [{ revision: 1 }, [0, 1]]);
    const [live = assert.fail()] = up;
    live.setPolicy({});
    live.setPolicy({});
    await settle();
    assert.deepEqual(
      [connection.view.policy, revisions(set), live.policy()],
      [{ revision: 3 }, [0, 1, 2, 3], { revision: 3 }],
    );
    assert.ok(Object.isFrozen(connection.view.policy));
    assert.throws(() => world.control.setPolicy(connection.id, { routes: [] } as object), /there is no key "routes"/);
    assert.equal(world.control.setPolicy('ffffffff', {}), false);
    const { id } = connection;
    socket.destroy();
    await settle();
    assert.equal(world.control.setPolicy(id, {}), false);
    live.setPolicy({});
    await settle();
    assert.deepEqual(revisions(set), [0, 1, 2, 3]);
  });

  test(`${where}: one that is changed before there is a lease comes with it`, async (t) => {
    const verifier: WorldOptions['verifier'] = (passwords) => ({
      read: (proof, place) => passwords.read(proof, place),
      nameOf: (read) => passwords.nameOf(read),
      verify: async (read, place, only) => ({
        ...(await passwords.verify(read, place, only)),
        policy: Object.freeze({ revision: 0 }),
      }),
    });
    const { world, set } = newWorld(t, { isWorker, verifier });
    const peer = await authenticated(world);
    assert.equal(peer.connection.view.policy, undefined);
    world.control.setPolicy(peer.connection.id, {});
    await settle();
    assert.deepEqual(set, []);
    await peer.play(`${CALL_CONNECTED}\n${IPCP}`);
    assert.deepEqual([peer.connection.view.policy, revisions(set)], [{ revision: 1 }, [1]]);
  });

  test(`${where}: a client that negotiates LCP anew and logs in again shakes off no change, and none that follows`, async (t) => {
    const up: Parameters<NonNullable<SessionObserver['up']>>[0][] = [];
    const { world, set } = newWorld(t, { isWorker, observers: [{ up: (session) => up.push(session) }] });
    const peer = await connected(world);
    const { connection } = peer;
    const [live = assert.fail()] = up;
    for (const _ of [1, 2]) world.control.setPolicy(connection.id, {});
    await peer.play(LCP.replace('c021 01 01 000e', 'c021 01 04 000e').replace('c021 02 01 000e', 'c021 02 04 000e'));
    setAnswer(peer, 'alice', peer.value('certificateHash'));
    await peer.play(`${RESPONSE}\n${SUCCESS}`);
    assert.equal(world.log.of('auth.refused').length, 0);
    assert.deepEqual([live.policy(), connection.view.policy], [{ revision: 2 }, { revision: 2 }]);
    world.control.setPolicy(connection.id, {});
    await settle();
    assert.deepEqual([live.policy(), connection.view.policy], [{ revision: 3 }, { revision: 3 }]);
    assert.deepEqual(revisions(set), [0, 1, 2, 3]);
  });
}

test('what counts is the newest, in whichever order a worker hears of it', async (t) => {
  const { world, set } = newWorld(t, { isWorker: true });
  const { connection } = await connected(world);
  const { control } = world.context;
  assert.ok(control instanceof RemoteControl);
  const hear = (revision: number): void =>
    control.receive({ kind: 'policy', session: connection.id, policy: { revision } });
  for (const revision of [2, 1, 2, 3]) hear(revision);
  assert.deepEqual([connection.view.policy, revisions(set)], [{ revision: 3 }, [0, 2, 3]]);
  const wrong = { kind: 'policy', session: connection.id, policy: { revision: 4, routes: [] } } as const;
  assert.throws(() => control.receive(wrong), TypeError);
  assert.deepEqual(connection.view.policy, { revision: 3 });
});

test('sstpd sessions --json shows what counts for a session of a worker, also once it has changed', async (t) => {
  const { world } = newWorld(t, { isWorker: true });
  const { connection } = await connected(world);
  const said = (): SessionView[] => {
    const listed = readerOf(0)(bytesOf({ kind: 'listed', call: 1, sessions: [sessionView(connection)], isLast: true }));
    assert.ok(listed.kind === 'listed');
    return listed.sessions.map((session) => world.desk?.checked(session) ?? assert.fail());
  };
  const before = said();
  world.control.setPolicy(connection.id, {});
  await settle();
  assert.deepEqual(connection.view.policy, { revision: 1 });
  const after = said();
  world.store.close();
  t.mock.timers.reset();
  const data = mkdtempSync(join(tmpdir(), 'sstpd-policy-'));
  const backend = new FakeBackend();
  const server = await startAdminServer({ socketPath: adminSocketPath(data), backend, log: new ErrorLog() });
  t.after(async () => {
    await server.close();
    rmSync(data, { recursive: true });
  });
  for (const [sessions, revision] of [
    [before, 0],
    [after, 1],
  ] as const) {
    backend.open.splice(0, 1, ...sessions);
    const { stdout } = await inProcess(['sessions', '--json', '--data', data]);
    assert.deepEqual(JSON.parse(stdout)[0].policy, { revision });
  }
});
