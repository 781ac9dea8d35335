/** How many round trips our client and server take: both with their SSTP and PPP machines, in virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instant } from '../../core/index.ts';
import {
  methodRows,
  type PppClientAction,
  type PppClientEvent,
  PppClientLink,
  type PppClientOptions,
  type PppServerAction,
  type PppServerEvent,
  PppServerLink,
  type PppServerOptions,
} from '../../ppp/index.ts';
import {
  decodeMessage,
  encodeMessage,
  type SstpCallEvent,
  type SstpClientAction,
  SstpClientMachine,
  type SstpServerAction,
  SstpServerMachine,
  Status,
} from '../../sstp/index.ts';
import { answerQuestion, CLIENT_OPTIONS, judgeProof, LEASE, SERVER_OPTIONS, seededRandom } from '../ppp/support.ts';
import { EXAMPLE_CERTIFICATE, OPTIONS } from '../sstp/support.ts';

const ONE_WAY_MS = 10;
const ROUND_TRIP_MS = 2 * ONE_WAY_MS;
const PASSWORD = CLIENT_OPTIONS.credentials.password;

type Side = 'client' | 'server';
type Packet = { readonly kind: 'sstp' | 'ppp'; readonly bytes: Buffer };

/** A call from the moment the client has the HTTP answer, which is 0. */
class Pair {
  now: Instant = 0;
  /** When what happened, as in `client ipv4-up`, the first time. */
  readonly at = new Map<string, Instant>();
  readonly #sstp: Readonly<Record<Side, SstpClientMachine | SstpServerMachine>>;
  readonly #ppp: { readonly client: PppClientLink; readonly server: PppServerLink };
  #under: { readonly at: Instant; readonly run: () => void }[] = [];

  constructor(client: Partial<PppClientOptions>, server: Partial<PppServerOptions>) {
    const timers = { negotiationMs: 60_000, helloMs: 60_000 };
    this.#sstp = {
      client: new SstpClientMachine({ certificateHashes: EXAMPLE_CERTIFICATE, ...timers }),
      server: new SstpServerMachine(OPTIONS),
    };
    this.#ppp = {
      client: new PppClientLink({ ...CLIENT_OPTIONS, random: seededRandom('client'), ...client }),
      server: new PppServerLink({ ...SERVER_OPTIONS, random: seededRandom('server'), ...server }),
    };
    this.#call('server', { kind: 'http-accepted' });
    this.#call('client', { kind: 'http-accepted' });
  }

  /** Runs until it happened. @returns when, in round trips */
  until(what: string): number {
    for (let steps = 0; !this.at.has(what); steps++) {
      assert.ok(steps < 1000, `${what} does not happen`);
      this.#next();
    }
    return (this.at.get(what) ?? 0) / ROUND_TRIP_MS;
  }

  terminate(side: Side): void {
    this.#link(side, { kind: 'terminate', reason: 'test' });
  }

  #next(): void {
    const deadlines = (['client', 'server'] as const).flatMap((side) => [
      { at: this.#sstp[side].deadline, run: () => this.#call(side, { kind: 'timeout' }) },
      { at: this.#ppp[side].deadline, run: () => this.#link(side, { kind: 'timeout' }) },
    ]);
    const packet = this.#under[0];
    const due = deadlines
      .filter(({ at }) => at !== undefined)
      .reduce((first, one) => ((one.at ?? 0) < (first?.at ?? Number.POSITIVE_INFINITY) ? one : first), deadlines[0]);
    if (packet !== undefined && packet.at <= (due?.at ?? Number.POSITIVE_INFINITY)) {
      this.#under.shift();
      this.now = packet.at;
      packet.run();
    } else {
      this.now = due?.at ?? this.now;
      due?.run();
    }
  }

  #call(side: Side, event: SstpCallEvent): void {
    for (const action of this.#sstp[side].handle(event, this.now)) this.#carryOut(side, action);
  }

  #link(side: Side, event: PppClientEvent | PppServerEvent): void {
    const link = this.#ppp[side] as { handle(event: object, now: Instant): (PppClientAction | PppServerAction)[] };
    for (const action of link.handle(event, this.now)) this.#carryOut(side, action);
  }

  #carryOut(side: Side, action: SstpClientAction | SstpServerAction | PppClientAction | PppServerAction): void {
    if (!this.at.has(`${side} ${action.kind}`)) this.at.set(`${side} ${action.kind}`, this.now);
    switch (action.kind) {
      case 'send':
        if ('message' in action) this.#send(side, { kind: 'sstp', bytes: encodeMessage(action.message) });
        else if (this.#sstp[side].pppOpen) this.#send(side, { kind: 'ppp', bytes: action.frame });
        break;
      case 'ppp-up':
        this.#link(side, { kind: 'up' });
        break;
      case 'data-open':
        this.#link(side, { kind: 'data-open' });
        break;
      case 'authenticated':
        this.#call(side, { kind: 'inner-auth', result: action.innerAuth });
        break;
      case 'answer-mschapv2':
        this.#link(side, answerQuestion(action, PASSWORD));
        break;
      case 'verify-credentials':
        this.#link(side, { kind: 'verdict', verdict: judgeProof(action.proof, PASSWORD) });
        break;
      case 'lease-address':
        this.#link(side, LEASE);
        break;
      case 'down':
        this.#call(side, { kind: 'disconnect', status: Status.NoError });
        break;
      default: // for the shells
    }
  }

  #send(from: Side, packet: Packet): void {
    const to = from === 'client' ? 'server' : 'client';
    this.#under.push({ at: this.now + ONE_WAY_MS, run: () => this.#receive(to, packet) });
  }

  #receive(side: Side, { kind, bytes }: Packet): void {
    if (kind === 'sstp') this.#call(side, { kind: 'message', message: decodeMessage(bytes), bytes });
    else if (this.#sstp[side].pppOpen) this.#link(side, { kind: 'frame', frame: bytes });
  }
}

const LISTENING = { isPeerListening: true };
const { address, dns } = LEASE.ipv4;

test('four round trips: Call Connect Request, LCP, authentication, IPCP with the address of the last time', () => {
  const pair = new Pair({ ipv4Wish: { address, dns }, interfaceIdWish: LEASE.interfaceId }, LISTENING);
  assert.equal(pair.until('client lcp-opened'), 2);
  assert.equal(pair.until('client authenticated'), 3);
  assert.equal(pair.until('client ipv6-up'), 4);
  assert.equal(pair.until('client ipv4-up'), 4);
  // One way for the Acks, which is also how long the first packet takes.
  assert.equal(pair.until('server ipv4-up'), 4.5);
});

test('five without a wish, or with one that does not come true: the server names address and resolvers', () => {
  assert.equal(new Pair({}, LISTENING).until('client ipv4-up'), 5);
  assert.equal(new Pair({ ipv4Wish: { address: 1, dns: [1, 2] } }, LISTENING).until('client ipv4-up'), 5);
});

test('PAP takes as many as MS-CHAPv2', () => {
  const pair = new Pair({ ipv4Wish: { address, dns } }, { ...LISTENING, authMethods: methodRows(['pap']) });
  assert.equal(pair.until('client ipv4-up'), 4);
});

test('one more against a server that lets the client begin, and none of them is a wait', () => {
  assert.equal(new Pair({ ipv4Wish: { address, dns } }, {}).until('client ipv4-up'), 5);
});

test('whoever ends it has the Call Disconnect answered two round trips later, without waiting for a timer', () => {
  for (const side of ['client', 'server'] as const) {
    const pair = new Pair({}, LISTENING);
    pair.until('server ipv6-up');
    pair.until('server ipv4-up');
    const before = pair.now;
    pair.terminate(side);
    pair.until(`${side} close`);
    assert.equal(pair.now - before, 2 * ROUND_TRIP_MS, side);
  }
});
