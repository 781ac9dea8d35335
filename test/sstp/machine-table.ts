import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instant } from '../../core/index.ts';
import type { SstpCallEvent, SstpClientAction, SstpServerAction } from '../../sstp/index.ts';
import { EXAMPLE_SHA256, hex, received, shown } from './support.ts';

export interface Machine<State> {
  readonly state: State;
  readonly deadline: Instant | undefined;
  readonly pppOpen: boolean;
  handle(event: SstpCallEvent, now: Instant): (SstpServerAction | SstpClientAction)[];
}

export type EventName =
  | 'httpAccepted'
  | 'callConnectRequest'
  | 'otherProtocolRequest'
  | 'badRequest'
  | 'callConnectAck'
  | 'callConnectNak'
  | 'callConnected'
  | 'callAbort'
  | 'callDisconnect'
  | 'callDisconnectAck'
  | 'echoRequest'
  | 'echoResponse'
  | 'unknownMessage'
  | 'badCallConnected'
  | 'innerAuthKeys'
  | 'innerAuthNoKeys'
  | 'innerAuthPending'
  | 'disconnect'
  | 'abort'
  | 'earlyTimeout'
  | 'timeout';

/** Everything that a machine can be told; messages as wire bytes. */
export const EVENTS: Readonly<Record<EventName, SstpCallEvent>> = {
  httpAccepted: { kind: 'http-accepted' },
  callConnectRequest: received(hex('1001000e 0001 0001 000100060001')),
  otherProtocolRequest: received(hex('1001000e 0001 0001 000100060002')),
  badRequest: received(hex('10010008 0001 0000')),
  callConnectAck: received(EXAMPLE_SHA256.callConnectAck),
  callConnectNak: received(hex('10010014 0003 0001 0002000c 00000001 0000000a')),
  callConnected: received(EXAMPLE_SHA256.callConnected),
  callAbort: received(hex('10010014 0005 0001 0002000c 00000002 00000005')),
  callDisconnect: received(hex('10010014 0006 0001 0002000c 00000000 00000000')),
  callDisconnectAck: received(hex('10010008 0007 0000')),
  echoRequest: received(hex('10010008 0008 0000')),
  echoResponse: received(hex('10010008 0009 0000')),
  unknownMessage: received(hex('10010008 000a 0000')),
  badCallConnected: received(hex('10010008 0004 0000')),
  innerAuthKeys: { kind: 'inner-auth', result: { kind: 'keys', hlaks: [EXAMPLE_SHA256.hlak] } },
  innerAuthNoKeys: { kind: 'inner-auth', result: { kind: 'no-keys' } },
  innerAuthPending: { kind: 'inner-auth', result: { kind: 'pending' } },
  disconnect: { kind: 'disconnect', status: 0 },
  abort: { kind: 'abort', status: 7, attributeId: 2 },
  earlyTimeout: { kind: 'timeout' },
  timeout: { kind: 'timeout' },
};

/** Rows are events, columns states: `actions/next state`; `-`: no action, same state. */
export type Table = Readonly<Record<EventName, readonly string[]>>;

/** Tests each cell of a table, and in each the laws that every machine obeys. */
export function testTable<State extends string>(
  states: readonly (readonly [short: string, state: State, deadlineMs: number | undefined])[],
  table: Table,
  make: (state: State, now: Instant) => Machine<State>,
): void {
  for (const [name, event] of Object.entries(EVENTS) as [EventName, SstpCallEvent][]) {
    states.forEach(([short, state, deadlineMs], column) => {
      test(`${state}, ${name}`, () => {
        const machine = make(state, 1_000);
        assert.equal(machine.deadline, deadlineMs === undefined ? undefined : 1_000 + deadlineMs);
        const pppWasOpen = machine.pppOpen;
        const now = name === 'timeout' ? (machine.deadline ?? 2_000) : 1_500;
        const actions = machine.handle(event, now);
        const next = states.find(([, candidate]) => candidate === machine.state)?.[0];
        const cell = `${shown(actions)}/${next}`;
        assert.equal(cell === `-/${short}` ? '-' : cell, table[name][column]);

        assert.equal(
          machine.deadline === undefined,
          machine.state === 'Closed' || next === 'D',
          'who waits has a deadline',
        );
        assert.ok(machine.deadline === undefined || machine.deadline > now, 'the deadline is later than now');
        assert.equal(
          actions.some((action) => action.kind === 'ppp-down'),
          pppWasOpen && !machine.pppOpen,
        );
        const twin = make(state, 1_000);
        assert.deepEqual(
          twin.handle(event, now),
          actions,
          'the same event at the same instant yields the same actions',
        );
        if (machine.state !== 'Closed') return;
        for (const late of Object.values(EVENTS)) assert.deepEqual(machine.handle(late, now + 1e9), []);
      });
    });
  }
}
