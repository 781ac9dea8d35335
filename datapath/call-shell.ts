import { Alarm, type Clock, EventQueue, type Instant } from '../core/index.ts';
import type {
  CommonLinkEvent,
  PppClientAction,
  PppClientEvent,
  PppPhase,
  PppServerAction,
  PppServerEvent,
} from '../ppp/index.ts';
import {
  decodeMessage,
  encodeDataPacket,
  encodeMessage,
  type SstpCallEvent,
  type SstpClientAction,
  SstpMessageError,
  type SstpServerAction,
  Status,
} from '../sstp/index.ts';
import type { DataLinkOwner, PeerLink } from './peer-link.ts';

interface Machine<Event, Action> {
  readonly deadline: Instant | undefined;
  noteReceived(now: Instant): void;
  handle(event: Event, now: Instant): readonly Action[];
}

/** The SSTP machine of either side. */
export interface CallMachine<Action> extends Machine<SstpCallEvent, Action> {
  readonly state: string;
  readonly pppOpen: boolean;
}

type CarrierEvent = CommonLinkEvent | { readonly kind: 'up' } | { readonly kind: 'data-open' };

/** The PPP link of either side. */
export interface CallLink<Event, Action> extends Machine<Event | CarrierEvent, Action> {
  readonly phase: PppPhase;
}

export type CallStep<Event> =
  | { readonly to: 'sstp'; readonly event: SstpCallEvent }
  | { readonly to: 'ppp'; readonly event: Event | CarrierEvent };

/** One side of a call: what it does with the actions of its machines that the other side does not. */
export interface CallOwner<Sstp, Ppp> {
  /** Told of each action before the shell does its part of it. */
  sstp(action: Sstp): void;
  ppp(action: Ppp): void;
  /** Told of each PPP frame of the peer before the link is; the view is valid during the call. */
  frame?(frame: Buffer): void;
  badMessage?(error: SstpMessageError): void;
  /** A machine is in another state. */
  moved?(machine: 'sstp' | 'ppp', from: string, to: string): void;
  /** An error of ours while a timer ran, or in `guarded`: end this call and no other. */
  fault(error: unknown): void;
}

/**
 * The shell around the SSTP machine and the PPP link of a call, the same on both sides: it turns packets and alarms into
 * events, carries the actions out in order, and tells each machine what the other one has come to. It decides nothing about
 * the protocols.
 *
 * Events that come up while actions are being carried out wait their turn, so no machine is entered twice. Once it is
 * halted, which one of several actions may bring about, none is carried out any more.
 */
export class CallShell<
  Sstp extends SstpServerAction | SstpClientAction,
  Event extends PppServerEvent | PppClientEvent,
  Ppp extends PppServerAction | PppClientAction,
> implements Pick<DataLinkOwner, 'control' | 'pppFrame' | 'received'>
{
  readonly #owner: CallOwner<Sstp, Ppp>;
  readonly #clock: Clock;
  readonly #link: PeerLink;
  readonly #ppp: CallLink<Event, Ppp>;
  readonly #steps: EventQueue<CallStep<Event>> = new EventQueue((step) => this.#step(step));
  readonly #sstpAlarm: Alarm;
  readonly #pppAlarm: Alarm;
  #sstp: CallMachine<Sstp> | undefined;
  #isHalted = false;

  /** @param link whose owner hands `control`, `pppFrame` and `received` on to here */
  constructor(options: {
    readonly owner: CallOwner<Sstp, Ppp>;
    readonly clock: Clock;
    readonly link: PeerLink;
    readonly ppp: CallLink<Event, Ppp>;
  }) {
    this.#owner = options.owner;
    this.#clock = options.clock;
    this.#link = options.link;
    this.#ppp = options.ppp;
    const alarm = (machine: () => Machine<never, unknown> | undefined, to: 'sstp' | 'ppp'): Alarm =>
      new Alarm(
        this.#clock,
        () => machine()?.deadline,
        () => this.guarded(() => this.post({ to, event: { kind: 'timeout' } })),
      );
    this.#sstpAlarm = alarm(() => this.#sstp, 'sstp');
    this.#pppAlarm = alarm(() => this.#ppp, 'ppp');
  }

  /** The HTTP exchange is over. Once only. */
  begin(sstp: CallMachine<Sstp>): void {
    this.#sstp = sstp;
    this.post({ to: 'sstp', event: { kind: 'http-accepted' } });
  }

  /** Whether PPP control frames may pass; false before the beginning. */
  get pppOpen(): boolean {
    return this.#sstp?.pppOpen === true;
  }

  /** Does nothing once it is halted. */
  post(step: CallStep<Event>): void {
    if (this.#isHalted) return;
    this.#steps.post(step);
    if (this.#isHalted) return;
    this.#sstpAlarm.update();
    this.#pppAlarm.update();
  }

  /** For work that nobody waits for: an error in it ends this call and no other. */
  guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#owner.fault(error);
    }
  }

  control(packet: Buffer): void {
    if (this.#isHalted) return;
    try {
      const message = decodeMessage(packet);
      this.post({ to: 'sstp', event: { kind: 'message', message, bytes: packet } });
    } catch (error) {
      if (!(error instanceof SstpMessageError)) throw error;
      this.#owner.badMessage?.(error);
      this.post({ to: 'sstp', event: { kind: 'bad-message', error } });
    }
  }

  /** MS-SSTP 3.2.7.1, 3.3.7.2: PPP control frames pass once the Call Connect Request was answered. */
  pppFrame(frame: Buffer): void {
    if (this.#isHalted || !this.pppOpen) return;
    this.#owner.frame?.(frame);
    this.post({ to: 'ppp', event: { kind: 'frame', frame } });
  }

  received(): void {
    const now = this.#clock.now();
    this.#sstp?.noteReceived(now);
    this.#ppp.noteReceived(now);
  }

  /** The call is over: for good. May be called again. The link is left as it is. */
  halt(): void {
    this.#isHalted = true;
    this.#steps.clear();
    this.#sstpAlarm.stop();
    this.#pppAlarm.stop();
  }

  #step(step: CallStep<Event>): void {
    const now = this.#clock.now();
    switch (step.to) {
      case 'sstp': {
        const before = this.#sstp?.state;
        for (const action of this.#sstp?.handle(step.event, now) ?? []) this.#carryOutSstp(action);
        this.#noteMove('sstp', before, this.#sstp?.state);
        break;
      }
      case 'ppp': {
        const before = this.#ppp.phase;
        for (const action of this.#ppp.handle(step.event, now)) this.#carryOutPpp(action);
        this.#noteMove('ppp', before, this.#ppp.phase);
        break;
      }
      default:
        step satisfies never;
    }
  }

  #noteMove(machine: 'sstp' | 'ppp', from: string | undefined, to: string | undefined): void {
    if (from !== undefined && to !== undefined && from !== to) this.#owner.moved?.(machine, from, to);
  }

  #carryOutSstp(action: Sstp): void {
    if (this.#isHalted) return;
    this.#owner.sstp(action);
    if (this.#isHalted) return;
    switch (action.kind) {
      case 'send':
        this.#link.sendControl(encodeMessage(action.message));
        break;
      case 'ppp-up':
        this.post({ to: 'ppp', event: { kind: 'up' } });
        break;
      case 'data-open':
        this.post({ to: 'ppp', event: { kind: 'data-open' } });
        break;
      case 'ppp-down':
        this.#pppAlarm.stop();
        break;
      case 'binding-failed':
      case 'refused':
      case 'peer-status':
      case 'close':
        break; // the owner's alone
      default:
        action satisfies never;
    }
  }

  #carryOutPpp(action: Ppp): void {
    if (this.#isHalted) return;
    this.#owner.ppp(action);
    if (this.#isHalted) return;
    switch (action.kind) {
      case 'send':
        if (this.pppOpen) this.#link.sendControl(encodeDataPacket(action.frame));
        break;
      case 'lcp-opened':
        this.#link.setMru(action.peerMru);
        break;
      case 'authenticated':
        this.post({ to: 'sstp', event: { kind: 'inner-auth', result: action.innerAuth } });
        break;
      case 'down':
        this.post({ to: 'sstp', event: { kind: 'disconnect', status: Status.NoError } });
        break;
      default: // the owner's alone
    }
  }
}
