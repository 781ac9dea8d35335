/** Supervisor and worker without the processes between them: everything that is said is serialized. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Admission } from '../../../server/admission/admission.ts';
import type { Doorkeeper, Ticket } from '../../../server/admission/ticket.ts';
import type { ToSupervisor, ToWorker } from '../../../server/workers/messages.ts';
import { RemoteAdmission } from '../../../server/workers/remote-admission.ts';
import { type ControlMessage, WorkerDesk } from '../../../server/workers/worker-desk.ts';
import { PASSWORD } from '../connections/mschapv2-peer.ts';
import { authenticated, challenged, connected, HTTP_REQUEST, RESPONSE } from '../connections/session.ts';
import { settle, World } from '../support.ts';

const USERS = [
  { name: 'alice', password: PASSWORD, ipv4: 0x0a090042 },
  { name: 'bobby', password: PASSWORD },
];

const workerWorld = (t: TestContext): World => new World(t, { users: USERS, isWorker: true });

test('a login, an address and its return go by way of the supervisor', async (t) => {
  const world = workerWorld(t);
  const peer = await connected(world);
  assert.equal(peer.connection.view.stage, 'up');
  assert.equal(peer.connection.view.ipv4, '10.9.0.66');
  assert.equal(world.control.countOfUser('ALICE'), 1);
  assert.equal(world.pool.used, 1);
  peer.socket.destroy();
  await settle();
  assert.equal(world.pool.used, 0);
  assert.equal(world.control.count, 0);
});

test('a wrong password is refused, and costs the address of the guesser its wait', async (t) => {
  const world = workerWorld(t);
  const peer = await challenged(world, 'wrong');
  await peer.sendBytes(peer.bytesOf(RESPONSE));
  assert.match(peer.socket.takeWritten().toString('latin1'), /E=691/);
  assert.equal(world.log.of('auth.refused')[0]?.fields.reason, 'unknown-user');
  assert.ok(world.delayAt('192.0.2.7') > 0);
});

test('who leaves while the attempt waits at the supervisor is not judged, and makes nobody wait', async (t) => {
  const world = workerWorld(t);
  world.failLogin('192.0.2.7', 'somebody');
  const before = world.delayAt('192.0.2.7');
  const peer = await challenged(world);
  await peer.play(RESPONSE);
  assert.equal(world.throttle.size.waiting, 1);
  peer.socket.destroy();
  await world.advance(10_000, 100);
  assert.equal(world.throttle.size.waiting, 0);
  assert.ok(world.delayAt('192.0.2.7') <= before);
  assert.deepEqual([world.log.of('auth.accepted'), world.log.of('auth.refused')], [[], []]);
});

test('a store that cannot be read ends the session, not the supervisor', async (t) => {
  const world = workerWorld(t);
  const peer = await challenged(world);
  t.mock.method(world.authenticator, 'verify', () => {
    throw new Error('disk is gone');
  });
  await peer.play(RESPONSE);
  assert.equal(peer.socket.destroyed, true);
  assert.match(String(world.log.of('connection.fault')[0]?.fields.error), /disk is gone/);
});

test('the next connection of a user with a fixed address takes it over', async (t) => {
  const world = workerWorld(t);
  const first = await connected(world);
  const second = await connected(world);
  assert.equal(second.connection.view.ipv4, '10.9.0.66');
  assert.equal(first.connection.view.reason, 'replaced-by-new-connection');
  assert.equal(world.pool.used, 1);
});

test('sessions are ended by id and by user', async (t) => {
  const world = workerWorld(t);
  const [alice, bobby] = [await connected(world), await connected(world, 'bobby')];
  assert.equal(world.control.disconnect(alice.connection.id, 'killed-by-admin'), true);
  assert.equal(world.control.disconnect('00000000', 'killed-by-admin'), false);
  world.control.disconnectUser('BOBBY', 'user-disabled');
  await settle();
  assert.equal(alice.connection.view.reason, 'killed-by-admin');
  assert.equal(bobby.connection.view.reason, 'user-disabled');
});

test('a worker that is gone has nothing left: no address, no session, no place among the connections', async (t) => {
  const world = workerWorld(t);
  await connected(world);
  await authenticated(world, 'bobby');
  world.desk?.receive({ kind: 'ticket-opened', ticket: 1, address: '192.0.2.9' });
  const { connections } = world.admission;
  assert.equal(world.pool.used, 1);
  world.desk?.close();
  assert.equal(world.pool.used, 0);
  assert.equal(world.control.count, 0);
  assert.equal(world.admission.connections, connections - 1);
});

test('what makes no sense is an error, and what comes too late is nothing', async (t) => {
  const world = workerWorld(t);
  const { desk = assert.fail() } = world;
  const opened = { kind: 'opened', session: 'x', peerAddress: '192.0.2.7' } as const;
  desk.receive(opened);
  assert.throws(() => desk.receive(opened), /opened twice/);
  assert.throws(() => desk.receive({ kind: 'lease', session: 'x' }), /before the user was known/);
  assert.throws(() => desk.receive({ kind: 'nonsense' } as unknown as ControlMessage), /unknown message/);
  for (const kind of ['lease', 'release', 'up'] as const) desk.receive({ kind, session: 'gone' });
  desk.receive({ kind: 'choose', session: 'gone', wish: 1 });
  desk.receive({ kind: 'closed', session: 'gone', end: { reason: 'disconnected', bytesIn: 0, bytesOut: 0 } });
  desk.receive({ kind: 'ticket-closed', ticket: 77 });
});

test('whose a session is, from where and with which address is not the word of the worker', async (t) => {
  const world = workerWorld(t);
  const { desk = assert.fail() } = world;
  const { connection } = await connected(world);
  const { id, tls, stage } = connection.view;
  const honest = {
    ...{ id, tls, stage, peer: '192.0.2.7:50000', connectedAt: '2026-01-01T00:00:00.000Z', correlationId: undefined },
    ...{ user: 'alice', method: 'mschapv2', ipv4: '10.9.0.66', ipv6: undefined, bytesIn: 1, bytesOut: 2 },
    policy: { revision: 0 },
  };
  assert.deepEqual(desk.checked(honest), honest);
  const lie = {
    ...honest,
    user: 'bobby',
    method: 'pap',
    ipv4: '10.9.0.1',
    ipv6: 'fd00::/64',
    peer: '[2001:db8::1]:50000',
    policy: { revision: 7 },
  };
  assert.deepEqual(desk.checked(lie), honest);
  assert.equal(desk.checked({ ...honest, ipv4: undefined })?.ipv4, undefined, 'it is not in use yet');
  assert.equal(desk.checked({ ...honest, id: 'gone' }), undefined);
  desk.receive({ kind: 'opened', session: 'x', peerAddress: 'fe80::1%eth0' });
  const { user, method, ipv4, peer } = desk.checked({ ...lie, id: 'x' }) ?? assert.fail();
  assert.deepEqual([user, method, ipv4, peer], [undefined, undefined, undefined, '[fe80::1%eth0]:50000']);
});

test('a worker keeps no place that it has given back, and no session of another out of reach', async (t) => {
  const world = workerWorld(t);
  const { desk = assert.fail(), control, admission } = world;
  const { connection } = await connected(world);
  const opened = { kind: 'opened', session: connection.id, peerAddress: '192.0.2.9' } as const;
  const other = new WorkerDesk({ control, admission, device: 'memory1', mostConnections: 9, send: () => {} });
  assert.throws(() => other.receive(opened), /opened twice/);
  const { connections } = admission;
  other.receive({ kind: 'ticket-opened', ticket: 1, address: '192.0.2.9' });
  assert.throws(() => other.receive({ kind: 'ticket-opened', ticket: 1, address: '192.0.2.9' }), /opened twice/);
  other.close();
  assert.equal(admission.connections, connections);
  assert.equal(control.countOfUser('alice'), 1);
  assert.equal(desk.sessions, 1);
});

/** Two workers, and the supervisor that counts for both. */
function twoWorkers(t: TestContext, limits: { connections: number; unauthenticatedPerAddress: number }) {
  const all = { unauthenticated: 100, ...limits };
  const { control, context } = new World(t);
  const admission = new Admission(all, { clock: context.clock });
  const worker = (): RemoteAdmission => {
    const desk = new WorkerDesk({
      control,
      admission,
      device: 'memory0',
      mostConnections: 99,
      send: (message: ToWorker) => {
        if (message.kind === 'counted') remote.counted(message.ticket, message.refusal);
        if (message.kind === 'turned-away') remote.turnedAway(message.ticket, message.why);
      },
    });
    const remote: RemoteAdmission = new RemoteAdmission(all, (message: ToSupervisor) =>
      desk.receive(message as ControlMessage),
    );
    return remote;
  };
  const advance = (ms: number): void => t.mock.timers.tick(ms);
  return { admission, workers: [worker(), worker()] as const, advance };
}

function opened(admission: Doorkeeper, address: string): Ticket {
  const ticket = admission.open(address);
  return typeof ticket === 'string' ? assert.fail(ticket) : ticket;
}

test('limits count the connections of all workers, whichever they come to', (t) => {
  const { admission, workers } = twoWorkers(t, { connections: 100, unauthenticatedPerAddress: 3 });
  const [one, two] = workers;
  const tickets = [one, two, one, two].map((worker) => opened(worker, '192.0.2.7'));
  assert.deepEqual(
    tickets.map((ticket) => ticket?.refusal),
    [undefined, undefined, undefined, 'unauthenticatedPerAddress'],
  );
  assert.equal(opened(two, '192.0.2.8').refusal, undefined, 'another address');
  tickets[0]?.authenticated();
  tickets[1]?.close();
  assert.equal(opened(one, '192.0.2.7').refusal, undefined);
  assert.equal(admission.connections, 4, 'who is refused takes no place');
});

test('a request waits for the count, however long that takes, and what is sent meanwhile is not lost', async (t) => {
  for (const refusal of [undefined, 'connections'] as const) {
    const world = new World(t, { users: USERS });
    const waiting: (() => void)[] = [];
    const connection = world.connect({ refusal, whenCounted: (then) => void waiting.push(then) });
    connection.socket.deliver(Buffer.from(HTTP_REQUEST));
    await settle();
    connection.socket.deliver(Buffer.from('1001000e00010001000100060001', 'hex')); // Call Connect Request
    await settle();
    assert.equal(connection.socket.takeWritten().length, 0);
    for (const then of waiting) then();
    await settle();
    const answer = connection.socket.takeWritten();
    assert.equal(answer.toString('latin1', 0, 12), `HTTP/1.1 ${refusal === undefined ? 200 : 503}`);
    // The Call Connect Ack behind the blank line.
    assert.equal(answer.includes(Buffer.from('0d0a0d0a10010030', 'hex')), refusal === undefined);
    connection.socket.destroy();
    await settle();
    t.mock.timers.reset();
  }
});

test('a worker waits for no answer once it alone has twice as many as all may have', () => {
  const said: ToSupervisor[] = [];
  const limits = { connections: 100, unauthenticated: 3, unauthenticatedPerAddress: 3 };
  const worker = new RemoteAdmission(limits, (message) => said.push(message));
  for (let i = 0; i < 6; i++) opened(worker, `192.0.2.${i}`);
  assert.equal(worker.open('192.0.2.9'), 'unauthenticated');
  assert.deepEqual([worker.flooded, said.length], [1, 6]);
});

test('who has to make room in one worker for a connection of another is told, and frees its place at once', (t) => {
  const { admission, workers, advance } = twoWorkers(t, { connections: 100, unauthenticatedPerAddress: 2 });
  const [one, two] = workers;
  const first = opened(one, '192.0.2.7');
  const ends: unknown[] = [];
  first.whenTurnedAway((why) => ends.push(why));
  opened(two, '192.0.2.7');
  advance(3_000);
  assert.equal(opened(two, '192.0.2.7').refusal, undefined);
  assert.deepEqual(ends, [{ limit: 'unauthenticatedPerAddress', kind: 'pushed-out' }]);
  assert.equal(admission.connections, 2, 'before the worker has said that it is gone');
  first.close();
  assert.equal(admission.connections, 2);
});

test('a login and the order to make room that cross: who has logged in stays, and counts', (t) => {
  const { control } = new World(t);
  const limits = { connections: 100, unauthenticated: 100, unauthenticatedPerAddress: 1 };
  let now = 0;
  const admission = new Admission(limits, { clock: { now: () => now } });
  const late: ToWorker[] = [];
  const desk = new WorkerDesk({
    control,
    admission,
    device: 'memory0',
    mostConnections: 9,
    send: (message) => late.push(message),
  });
  const worker = new RemoteAdmission(limits, (message) => desk.receive(message as ControlMessage));
  const first = opened(worker, '192.0.2.7');
  now = 3_000;
  opened(worker, '192.0.2.7');
  // The worker has not read any of it yet.
  first.authenticated();
  for (const message of late) if (message.kind === 'turned-away') worker.turnedAway(message.ticket, message.why);
  assert.equal(late.filter(({ kind }) => kind === 'turned-away').length, 1);
  assert.equal(first.turnedAway, undefined);
  assert.deepEqual([admission.connections, admission.unauthenticated], [2, 1]);
  first.close();
  assert.deepEqual([admission.connections, admission.unauthenticated], [1, 1]);
});

test('the visitors of a worker that ends give up their places; a question that is asked twice is no honest one', async (t) => {
  const world = workerWorld(t);
  world.failLogin('192.0.2.7', 'somebody', 4);
  const { desk } = world;
  assert.ok(desk !== undefined);
  const question = { kind: 'sign-in', address: '192.0.2.7', name: 'alice', password: 'x' } as const;
  desk.receive({ kind: 'portal-asked', call: 1, question });
  desk.receive({ kind: 'portal-left', call: 2 });
  await settle();
  assert.equal(world.throttle.size.waiting, 1);
  assert.throws(() => desk.receive({ kind: 'portal-asked', call: 1, question }), /call 1 was made twice/);
  desk.close();
  assert.equal(world.throttle.size.waiting, 0);
});

test("the portal's questions go to the supervisor, and each answer to its question", async (t) => {
  const world = workerWorld(t);
  const { control } = world.context;
  const signIn = { kind: 'sign-in', address: '192.0.2.7', name: 'alice', password: PASSWORD } as const;
  const answers = [
    control.portal(signIn),
    control.portal({ kind: 'look', session: 'a'.repeat(43) }),
    control.portal({ ...signIn, name: 'bobby' }),
  ];
  await settle();
  const kinds = (await Promise.all(answers)).map((answer) => (answer.kind === 'welcome' ? answer.user : answer.kind));
  assert.deepEqual(kinds, ['alice', 'refused', 'bobby']);
});
