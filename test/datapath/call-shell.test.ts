/** The shell of both sides, with the machines of both sides, packets in memory and a clock of the test. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Clock } from '../../core/index.ts';
import { CallShell, PlainPath } from '../../datapath/index.ts';
import {
  type PppClientAction,
  type PppClientEvent,
  PppClientLink,
  type PppServerAction,
  type PppServerEvent,
  PppServerLink,
} from '../../ppp/index.ts';
import {
  type SstpClientAction,
  SstpClientMachine,
  type SstpServerAction,
  SstpServerMachine,
} from '../../sstp/index.ts';
import { MemoryTun } from '../../tun/index.ts';
import { answerQuestion, CLIENT_OPTIONS, judgeProof, LEASE, SERVER_OPTIONS, seededRandom } from '../ppp/support.ts';
import { EXAMPLE_CERTIFICATE, OPTIONS } from '../sstp/support.ts';

const PASSWORD = CLIENT_OPTIONS.credentials.password;
const TIMERS = { negotiationMs: 60_000, helloMs: 60_000 };

type Side = 'client' | 'server';
type ServerShell = CallShell<SstpServerAction, PppServerEvent, PppServerAction>;
type ClientShell = CallShell<SstpClientAction, PppClientEvent, PppClientAction>;

/** A machine that fails if it is entered while its last actions are still carried out. */
function once<Event, Action, Machine extends { handle(event: Event, now: number): readonly Action[] }>(
  machine: Machine,
): Machine {
  let isIn = false;
  return new Proxy(machine, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (name !== 'handle') return typeof value === 'function' ? value.bind(target) : value;
      return function* (event: Event, now: number) {
        assert.ok(!isIn, `entered twice, by ${JSON.stringify(event)}`);
        isIn = true;
        yield* target.handle(event, now);
        isIn = false;
      };
    },
  });
}

/** Client and server in one process. `told` has each action in the order in which the owners were told of it. */
class Call {
  readonly told: string[] = [];
  readonly faults: unknown[] = [];
  readonly bad: string[] = [];
  /** Control packets that the server's shell gave to its link. */
  sent = 0;
  /** How often somebody looked at the clock. */
  looks = 0;
  /** What an owner does besides; may throw. */
  also: (what: string) => void = () => {};
  readonly server: ServerShell;
  readonly client: ClientShell;
  readonly links: Readonly<Record<Side, ReturnType<PlainPath['makeLink']>>>;
  /** Bytes on their way, with whom they are for. */
  readonly wire: { readonly to: Side; readonly bytes: Buffer }[] = [];

  constructor(t: TestContext) {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
    const clock: Clock = {
      now: () => {
        this.looks += 1;
        return Date.now();
      },
    };
    const path = new PlainPath({ tun: new MemoryTun(), clock });
    const link = (side: Side): ReturnType<PlainPath['makeLink']> =>
      path.makeLink(
        {
          control: (packet) => this[side].control(packet),
          pppFrame: (frame) => this[side].pppFrame(frame),
          received: () => this[side].received(),
          write: (bytes, done) => {
            this.wire.push({ to: side === 'client' ? 'server' : 'client', bytes: Buffer.from(bytes) });
            done();
          },
          overflow: () => assert.fail('it reads'),
          broken: (error) => assert.fail(String(error)),
        },
        { ingress: side === 'client' ? 'from-server' : 'from-client', serverLinkLocal: new Uint8Array(16) },
      );
    this.links = { client: link('client'), server: link('server') };
    const send = this.links.server.sendControl.bind(this.links.server);
    this.links.server.sendControl = (packet) => {
      this.sent += 1;
      send(packet);
    };
    const tell = (what: string): void => {
      this.told.push(what);
      this.also(what);
    };
    const common = {
      badMessage: ({ message }: Error) => void this.bad.push(message),
      fault: (error: unknown) => void this.faults.push(error),
    };
    this.server = new CallShell<SstpServerAction, PppServerEvent, PppServerAction>({
      clock,
      link: this.links.server,
      ppp: once(new PppServerLink({ ...SERVER_OPTIONS, random: seededRandom('server') })),
      owner: {
        ...common,
        frame: () => tell('server frame'),
        sstp: (action) => tell(`server sstp ${action.kind}`),
        ppp: (action) => {
          tell(`server ppp ${action.kind}`);
          if (action.kind === 'verify-credentials')
            this.server.post({ to: 'ppp', event: { kind: 'verdict', verdict: judgeProof(action.proof, PASSWORD) } });
          if (action.kind === 'lease-address') this.server.post({ to: 'ppp', event: LEASE });
        },
      },
    });
    this.client = new CallShell<SstpClientAction, PppClientEvent, PppClientAction>({
      clock,
      link: this.links.client,
      ppp: once(new PppClientLink({ ...CLIENT_OPTIONS, random: seededRandom('client') })),
      owner: {
        ...common,
        sstp: (action) => tell(`client sstp ${action.kind}`),
        ppp: (action) => {
          tell(`client ppp ${action.kind}`);
          if (action.kind === 'answer-mschapv2')
            this.client.post({ to: 'ppp', event: answerQuestion(action, PASSWORD) });
        },
      },
    });
    this.server.begin(once(new SstpServerMachine(OPTIONS)));
    this.client.begin(once(new SstpClientMachine({ certificateHashes: EXAMPLE_CERTIFICATE, ...TIMERS })));
  }

  /** Carries bytes to and fro until none are on their way. */
  async settle(): Promise<void> {
    for (;;) {
      await Promise.resolve();
      await Promise.resolve();
      const next = this.wire.shift();
      if (next === undefined) return;
      this.links[next.to].receive(next.bytes);
    }
  }

  /** Lets time pass, a second at a time, until an owner was told. */
  async until(t: TestContext, what: string): Promise<void> {
    await this.settle();
    for (let seconds = 0; !this.told.includes(what); seconds += 1) {
      assert.ok(seconds < 300, `${what} does not happen: ${this.told.join(', ')}`);
      t.mock.timers.tick(1_000);
      await this.settle();
    }
  }
}

const without = (told: readonly string[], side: Side): string[] =>
  told
    .filter((what) => what.startsWith(side) && !/send|peer-info|frame/.test(what))
    .map((what) => what.slice(side.length + 1));

test('what one machine has come to the other one is told, and the owner before it', async (t) => {
  const call = new Call(t);
  await call.until(t, 'client ppp ipv4-up');
  await call.until(t, 'server ppp ipv6-up');
  assert.deepEqual(without(call.told, 'server').slice(0, 6), [
    'sstp ppp-up',
    'ppp lcp-opened',
    'ppp verify-credentials',
    'ppp authenticated',
    'sstp data-open',
    'ppp lease-address',
  ]);
  assert.deepEqual(without(call.told, 'client').slice(0, 5), [
    'sstp ppp-up',
    'ppp lcp-opened',
    'ppp answer-mschapv2',
    'ppp authenticated',
    'sstp data-open',
  ]);
  call.told.length = 0;
  call.client.post({ to: 'ppp', event: { kind: 'terminate', reason: 'test' } });
  await call.until(t, 'server sstp close');
  // LCP ends first, MS-SSTP 3.2.4; only then the call.
  const server = without(call.told, 'server');
  assert.deepEqual(server.slice(-2), ['sstp ppp-down', 'sstp close'], server.join(', '));
  await call.until(t, 'client sstp close');
  assert.deepEqual(call.faults, []);
});

test('once halted, which one of several actions may bring about, no action is carried out, and no timer is left', async (t) => {
  const whole = new Call(t);
  await whole.until(t, 'server ppp ipv4-up');
  whole.client.post({ to: 'ppp', event: { kind: 'terminate', reason: 'test' } });
  await whole.until(t, 'server sstp close');
  const kinds = new Set(whole.told.filter((what) => what.startsWith('server')));
  t.mock.timers.reset();
  assert.ok(kinds.has('server sstp send') && kinds.has('server ppp send') && kinds.size > 12, [...kinds].join());
  for (const at of kinds) {
    await t.test(at, async (t) => {
      const call = new Call(t);
      let told = 0;
      let sent = 0;
      call.also = (what) => {
        if (what === 'client ppp ipv4-up')
          call.client.post({ to: 'ppp', event: { kind: 'terminate', reason: 'test' } });
        if (what.startsWith('server')) told += 1;
        if (what !== at) return;
        sent = call.sent;
        call.server.halt();
        call.client.halt();
      };
      await call.until(t, at);
      call.server.post({ to: 'ppp', event: { kind: 'terminate', reason: 'test' } });
      const { looks } = call;
      t.mock.timers.tick(200_000);
      assert.equal(call.looks, looks, 'no timer is left');
      await call.settle();
      assert.equal(call.told.filter((what) => what.startsWith('server')).length, told);
      assert.equal(call.told.at(-1), at);
      assert.equal(call.sent, sent);
      assert.deepEqual(call.faults, []);
    });
  }
});

test('an error while a timer runs is the owner’s to hear of, and nobody else’s', async (t) => {
  const call = new Call(t);
  await call.until(t, 'server ppp ipv4-up');
  const error = new Error('ours');
  call.also = (what) => {
    if (what === 'server sstp send' || what === 'server ppp send') throw error;
  };
  t.mock.timers.tick(TIMERS.helloMs + 1); // Echo-Request of LCP after 30 s
  assert.ok(call.faults.length > 0 && call.faults.every((one) => one === error), String(call.faults));
});

test('PPP frames pass once the Call Connect Request was answered, MS-SSTP 3.2.7.1 and 3.3.7.2', async (t) => {
  const call = new Call(t);
  const heard: string[] = [];
  // LCP Echo-Request, RFC 1661 5.8: a link that is not up knows nothing of it.
  const frame = Buffer.from('ff03c021090100080badcafe', 'hex');
  assert.equal(call.server.pppOpen, false);
  call.also = (what) => heard.push(what);
  call.server.pppFrame(frame);
  assert.deepEqual(heard, []);
  await call.until(t, 'server sstp ppp-up');
  assert.equal(call.server.pppOpen, true);
  heard.length = 0;
  call.server.pppFrame(frame);
  assert.equal(heard[0], 'server frame');
});

test('a message that can’t be read is told of, and answered with what the machine says', async (t) => {
  const call = new Call(t);
  await call.until(t, 'server sstp data-open');
  // An Echo Request with an attribute that nobody knows, MS-SSTP 2.2.4.
  call.server.control(Buffer.from('1001000c00080001007f0004', 'hex'));
  assert.equal(call.bad.length, 1, call.bad.join());
  assert.equal(call.told.at(-1), 'server sstp ppp-down');
  await call.until(t, 'client sstp close');
  assert.ok(call.told.includes('client sstp peer-status'));
  // Echo-Requests of LCP would come for as long as there is a link.
  const down = call.told.length;
  for (let seconds = 0; seconds < 200; seconds += 1) t.mock.timers.tick(1_000);
  assert.deepEqual(
    call.told.slice(down).filter((what) => what.includes('ppp')),
    [],
  );
});
