import assert from 'node:assert/strict';
import { test } from 'node:test';
import { earliest, type Instant } from '../../core/index.ts';
import {
  encodeMessage,
  type InnerAuth,
  type SstpCallEvent,
  type SstpClientAction,
  SstpClientMachine,
  type SstpCloseReason,
  SstpFramer,
  type SstpServerAction,
  SstpServerMachine,
} from '../../sstp/index.ts';
import { EXAMPLE_CERTIFICATE, EXAMPLE_SHA256, OPTIONS, received, shown } from './support.ts';

/** One way through the network, and how long PPP takes from its up to the verdict. */
const LATENCY_MS = 20;
const AUTHENTICATION_MS = 300;

type Side = 'client' | 'server';
const OTHER: Readonly<Record<Side, Side>> = { client: 'server', server: 'client' };

interface Happening {
  readonly at: Instant;
  readonly run: () => void;
}

interface CallSettings {
  readonly innerAuth?: Readonly<Record<Side, InnerAuth>>;
  /** The server's verdict comes this much later than the client's. */
  readonly serverLagMs?: number;
  readonly clientProtocolId?: number;
  readonly clientHashProtocols?: number;
  /** This side falls silent, sending and hearing nothing more, when it has handled this many events. */
  readonly lost?: { readonly side: Side; readonly afterEvents: number };
}

const KEYS: InnerAuth = { kind: 'keys', hlaks: [EXAMPLE_SHA256.hlak] };

/** A client and a server with wire bytes between them, in virtual time. */
class Call {
  readonly machines: Readonly<Record<Side, SstpClientMachine | SstpServerMachine>>;
  readonly closed: Partial<Record<Side, SstpCloseReason>> = {};
  readonly log: string[] = [];
  now: Instant = 0;
  /** When the lost side handled its last event. */
  lostAt: Instant | undefined;
  /** When the latest close was. */
  closedAt: Instant = 0;
  readonly #settings: CallSettings;
  readonly #handled: Record<Side, number> = { client: 0, server: 0 };
  readonly #framers: Readonly<Record<Side, SstpFramer>> = { client: new SstpFramer(), server: new SstpFramer() };
  #happenings: Happening[] = [];

  constructor(settings: CallSettings = {}) {
    this.#settings = settings;
    if (settings.lost?.afterEvents === 0) this.lostAt = 0;
    this.machines = {
      client: new SstpClientMachine({
        certificateHashes: EXAMPLE_CERTIFICATE,
        negotiationMs: 60_000,
        helloMs: 60_000,
        protocolId: settings.clientProtocolId ?? 1,
        hashProtocols: settings.clientHashProtocols ?? 3,
      }),
      server: new SstpServerMachine(OPTIONS),
    };
    this.at(0, () => this.tell('server', { kind: 'http-accepted' }));
    this.at(LATENCY_MS, () => this.tell('client', { kind: 'http-accepted' }));
  }

  at(at: Instant, run: () => void): void {
    this.#happenings.push({ at, run });
  }

  /** Lets time pass up to `end`; a machine that wants more than 200 events in that time spins. */
  run(end: Instant): this {
    for (let steps = 0; ; steps++) {
      assert.ok(steps < 200, 'the machines spin');
      const next = earliest(
        ...this.#happenings.map((happening) => happening.at),
        ...(['client', 'server'] as const).map((side) =>
          this.#isLost(side) ? undefined : this.machines[side].deadline,
        ),
      );
      if (next === undefined || next > end) break;
      this.now = next;
      const due = this.#happenings.filter((happening) => happening.at <= next);
      this.#happenings = this.#happenings.filter((happening) => happening.at > next);
      for (const { run } of due) run();
      for (const side of ['client', 'server'] as const) {
        const { deadline } = this.machines[side];
        if (deadline !== undefined && deadline <= next) this.tell(side, { kind: 'timeout' });
      }
    }
    this.now = end;
    return this;
  }

  tell(side: Side, event: SstpCallEvent): void {
    if (this.#isLost(side) || this.closed[side] !== undefined) return;
    this.#handled[side]++;
    if (this.#isLost(side)) this.lostAt = this.now;
    const machine = this.machines[side];
    const actions = machine.handle(event, this.now);
    assert.ok(machine.deadline === undefined || machine.deadline > this.now, 'the deadline is later than now');
    if (actions.length > 0) this.log.push(`${side}: ${shown(actions)}`);
    for (const action of actions) this.#carryOut(side, action);
  }

  #carryOut(side: Side, action: SstpClientAction | SstpServerAction): void {
    if (action.kind === 'send') {
      const wire = encodeMessage(action.message);
      this.at(this.now + LATENCY_MS, () => this.#receive(OTHER[side], wire));
    }
    if (action.kind === 'ppp-up') {
      const ms = AUTHENTICATION_MS + (side === 'server' ? (this.#settings.serverLagMs ?? 0) : 0);
      const result = (this.#settings.innerAuth ?? { client: KEYS, server: KEYS })[side];
      this.at(this.now + ms, () => this.tell(side, { kind: 'inner-auth', result }));
    }
    if (action.kind === 'close') {
      this.closed[side] = action.reason;
      this.closedAt = this.now;
    }
  }

  #receive(side: Side, wire: Buffer): void {
    if (this.#isLost(side)) return;
    this.#framers[side].push(wire, {
      control: (packet) => this.tell(side, received(packet)),
      data: () => assert.fail('no data was sent'),
    });
  }

  #isLost(side: Side): boolean {
    const { lost } = this.#settings;
    return lost?.side === side && this.#handled[side] >= lost.afterEvents;
  }
}

test('set-up: both sides are open after three messages, keys or not (MS-SSTP 4.3)', () => {
  for (const innerAuth of [KEYS, { kind: 'no-keys' }] as const) {
    const call = new Call({ innerAuth: { client: innerAuth, server: innerAuth } }).run(1_000);
    assert.deepEqual(call.log, [
      'client: +CallConnectRequest',
      'server: +CallConnectAck ppp-up',
      'client: ppp-up',
      'client: +CallConnected data-open',
      'server: data-open',
    ]);
    assert.ok(call.machines.client.dataOpen && call.machines.server.dataOpen);
  }
});

test('set-up with SHA-1 only', () => {
  const call = new Call({ clientHashProtocols: 1 }).run(1_000);
  assert.ok(call.machines.client.dataOpen && call.machines.server.dataOpen);
});

test('set-up with a verdict that reaches the server after the Call Connected: it waits (MS-SSTP 3.3.5.2.3)', () => {
  const call = new Call({ serverLagMs: 2_000 });
  call.run(2_000);
  assert.deepEqual([call.machines.client.dataOpen, call.machines.server.dataOpen], [true, false]);
  call.run(3_000);
  assert.deepEqual([call.machines.client.dataOpen, call.machines.server.dataOpen], [true, true]);
});

test('keys on one side only: the server aborts, both close (MS-SSTP 3.3.5.2.3)', () => {
  const call = new Call({ innerAuth: { client: { kind: 'no-keys' }, server: KEYS } }).run(10_000);
  assert.deepEqual(call.closed, { client: 'aborted-by-peer', server: 'binding-failed' });
});

test('a protocol that the server does not have: three Naks, then both close (MS-SSTP 3.2.5.3.3, 3.3.5.2.2)', () => {
  const call = new Call({ clientProtocolId: 7 }).run(10_000);
  assert.equal(call.log.filter((line) => line === 'server: +CallConnectNak(1:4)').length, 3);
  assert.deepEqual(call.closed, { client: 'aborted-by-peer', server: 'aborted' });
});

test('idle for ten minutes: echoes keep both alive (MS-SSTP 3.1.2.3)', () => {
  const call = new Call().run(600_000);
  assert.deepEqual(call.closed, {});
  assert.ok(call.log.filter((line) => line.endsWith('+EchoRequest')).length >= 9);
});

for (const side of ['client', 'server'] as const) {
  test(`the ${side} disconnects: Ack at once there, 1 s later here (MS-SSTP 4.4)`, () => {
    const call = new Call().run(1_000);
    call.tell(side, { kind: 'disconnect', status: 0 });
    call.run(1_000 + 2 * LATENCY_MS);
    assert.deepEqual(call.closed, { [side]: 'disconnected' });
    call.run(1_000 + LATENCY_MS + 1_000);
    assert.deepEqual(call.closed, { [side]: 'disconnected', [OTHER[side]]: 'disconnected-by-peer' });
  });

  test(`the ${side} aborts: both Call Aborts arrive, both close after 1 s (MS-SSTP 3.1.2.1)`, () => {
    const call = new Call().run(1_000);
    call.tell(side, { kind: 'abort', status: 7, attributeId: 2 });
    call.run(1_000 + 2 * LATENCY_MS + 1_000);
    assert.deepEqual(call.closed, { [side]: 'aborted', [OTHER[side]]: 'aborted-by-peer' });
  });
}

test('both disconnect, or abort, at the same instant: both close (MS-SSTP 3.1.2.1, 3.2.5.3.5)', () => {
  for (const [event, reason] of [
    [{ kind: 'disconnect', status: 0 }, 'disconnected'],
    [{ kind: 'abort', status: 7, attributeId: 2 }, 'aborted'],
  ] as const) {
    const call = new Call().run(1_000);
    call.tell('client', event);
    call.tell('server', event);
    call.run(3_000);
    assert.deepEqual(call.closed, { client: reason, server: reason });
  }
});

for (const side of ['client', 'server'] as const) {
  for (let afterEvents = 0; afterEvents <= 8; afterEvents++) {
    test(`the ${side} is lost after ${afterEvents} events: the other side closes by itself within 2 minutes (MS-SSTP 3.1.2.3)`, () => {
      const call = new Call({ lost: { side, afterEvents } }).run(600_000);
      const reason = call.closed[OTHER[side]];
      // Before the connection is up the negotiation timer ends it, and the Call Abort waits 3 s; after that the hello timer.
      const wasUp = call.log.some((line) => line.startsWith(OTHER[side]) && line.endsWith('data-open'));
      assert.equal(reason, wasUp ? 'peer-silent' : 'negotiation-timeout');
      assert.ok(call.lostAt !== undefined);
      assert.ok(call.closedAt - call.lostAt <= 120_000 + AUTHENTICATION_MS + 2 * LATENCY_MS);
    });

    test(`the ${side} is lost after ${afterEvents} events and the other disconnects: it closes within 5 s (MS-SSTP 3.1.2.2)`, () => {
      const call = new Call({ lost: { side, afterEvents } }).run(1_000);
      call.tell(OTHER[side], { kind: 'disconnect', status: 0 });
      call.run(6_000);
      const reason = call.closed[OTHER[side]];
      assert.ok(reason === 'timed-out' || reason === 'disconnected', reason);
    });
  }
}
