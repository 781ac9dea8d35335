import { createHash, randomBytes } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
// Single files where an index.ts would load a server's half too: each file costs `connect` about a millisecond.
import { mschapv2Answer } from '../auth/mschapv2.ts';
import type { Clock, Instant, Ipv4, Ipv6 } from '../core/index.ts';
import { CallShell } from '../datapath/call-shell.ts';
import type { DataLinkCounters, DataPath, PeerLink } from '../datapath/index.ts';
import { descriptorOf } from '../datapath/socket-options.ts';
import { linkLocalAddress } from '../ip/link-local.ts';
import { PppClientLink } from '../ppp/client-link.ts';
import { type AuthMethod, type Ipv4Wish, methodRows, type PppClientAction, type PppClientEvent } from '../ppp/index.ts';
import {
  type CertificateHashes,
  HELLO_MS,
  HttpAnswerReader,
  NEGOTIATION_MS,
  type SstpClientAction,
  SstpClientMachine,
} from '../sstp/index.ts';
import { Dial, type DialSettings } from './dial.ts';
import { dialFailure } from './dial-failure.ts';

export interface SstpClientSettings extends DialSettings {
  readonly user: string;
  readonly password: string;
  readonly methods: readonly AuthMethod[];
  /** What the server gave before: it spares a round trip if it gives it again. */
  readonly ipv4Wish?: Ipv4Wish | undefined;
  readonly interfaceIdWish?: Uint8Array | undefined;
  readonly path: DataPath;
  /** Of the TCP connection; empty or absent: the system's. */
  readonly congestionControl?: string;
  readonly clock: Clock;
  /** A protocol is up: its addresses are known, or more of them. */
  readonly onUp?: (addresses: ClientAddresses) => void;
}

/** What IPCP and IPv6CP settled. */
export interface ClientAddresses {
  readonly ipv4:
    | {
        readonly address: Ipv4;
        readonly serverAddress: Ipv4 | undefined;
        readonly dns: readonly Ipv4[];
      }
    | undefined;
  /** 16 bytes, fe80::/64. */
  readonly linkLocal: Ipv6 | undefined;
}

/** When each step was done, in milliseconds since the start; absent if it was not reached. */
export type Timeline = { [Step in TimelineStep]?: number };
export type TimelineStep = 'tcp' | 'tls' | 'http' | 'sstp' | 'lcp' | 'authentication' | 'binding' | 'ipcp' | 'ipv6cp';

/** Why the connection is over, for people: `reason` is short and fixed, `detail` says what is known. */
export interface ClientEnd {
  readonly reason: string;
  readonly detail: string;
  /** Whether IPCP had come up. */
  readonly wasUp: boolean;
}

/** How long an orderly end may take before the socket is torn down: LCP 1 s, Call Disconnect 5 s. */
const LINGER_MS = 6_500;

/**
 * One SSTP connection from the client's side: what a client does with the actions of its machines, whose shell is
 * `CallShell`. `start` begins; `ended` resolves, never rejects, when all is over.
 */
export class SstpClient {
  readonly timeline: Timeline = {};
  readonly ended: Promise<ClientEnd>;
  readonly #settings: SstpClientSettings;
  readonly #answer = new HttpAnswerReader();
  readonly #link: PeerLink;
  readonly #shell: CallShell<SstpClientAction, PppClientEvent, PppClientAction>;
  #sstp: SstpClientMachine | undefined;
  #dial: Dial | undefined;
  #socket: TLSSocket | undefined;
  #startedAt: Instant;
  #hasAnswer = false;
  #addresses: ClientAddresses = { ipv4: undefined, linkLocal: undefined };
  #wasUp = false;
  #end: { reason: string; detail: string } | undefined;
  #isOver = false;
  #resolveEnded: (end: ClientEnd) => void = () => {};
  #lingerTimer: NodeJS.Timeout | undefined;

  constructor(settings: SstpClientSettings) {
    const { path, clock } = settings;
    this.#settings = settings;
    this.#startedAt = clock.now();
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    const linkOwner = {
      control: (packet: Buffer) => this.#shell.control(packet),
      pppFrame: (frame: Buffer) => this.#shell.pppFrame(frame),
      received: () => this.#shell.received(),
      write: (bytes: Buffer, done: () => void) => void this.#socket?.write(bytes, done),
      overflow: () => this.#abandon('peer-not-reading', 'the server does not read'),
      broken: (error: unknown) => this.#onBroken(error),
    };
    const link = path.makeLink(linkOwner, { ingress: 'from-server', serverLinkLocal: new Uint8Array(16) });
    this.#link = link;
    const owner = {
      sstp: (action: SstpClientAction) => this.#carryOutSstp(action),
      ppp: (action: PppClientAction) => this.#carryOutPpp(action),
      fault: (error: unknown) => this.#onFault(error),
    };
    const ppp = new PppClientLink(pppOptions(settings));
    this.#shell = new CallShell<SstpClientAction, PppClientEvent, PppClientAction>({ owner, clock, link, ppp });
  }

  /** Bytes and packets; `In` is what came from the server. */
  get counters(): DataLinkCounters {
    return this.#link.counters;
  }

  /** The address that was dialled, once TCP is up. */
  get serverAddress(): string | undefined {
    return this.#socket?.remoteAddress;
  }

  /** Where packets of the TUN device go: to be given to `sendAllTo` of the path. */
  get link(): PeerLink {
    return this.#link;
  }

  /** Once only. @param dial begun before, with the same settings */
  start(dial: Dial = new Dial(this.#settings)): void {
    this.#dial = dial;
    this.#startedAt = dial.startedAt;
    void dial.done.then((outcome) => {
      Object.assign(this.timeline, dial.timeline);
      if (outcome instanceof Error) this.#onDialFailed(outcome);
      else this.#onSecure(outcome);
    });
  }

  /** Ends in order: LCP Terminate-Request, Call Disconnect, close. */
  disconnect(reason: string): void {
    if (this.#end !== undefined || this.#isOver) return;
    this.#settle('disconnected', reason);
    this.#lingerTimer = setTimeout(() => this.#dial?.destroy(), LINGER_MS);
    if (this.#shell.pppOpen) this.#shell.post({ to: 'ppp', event: { kind: 'terminate', reason } });
    else this.#dial?.destroy();
  }

  /** Tears the connection down, as when the machine is switched off. */
  destroy(): void {
    this.#abandon('destroyed', 'torn down');
  }

  #onDialFailed(error: Error): void {
    this.#settle('connection-failed', dialFailure(error, this.#settings));
    this.#onClose();
  }

  #onSecure(socket: TLSSocket): void {
    this.#socket = socket;
    const { congestionControl = '' } = this.#settings;
    this.#link.setSocket({ fd: descriptorOf(socket), congestionControl });
    this.#sstp = new SstpClientMachine({
      certificateHashes: hashesOf(socket.getPeerCertificate().raw),
      negotiationMs: NEGOTIATION_MS,
      helloMs: HELLO_MS,
    });
    socket.on('data', this.#onData);
    socket.on('error', (error) => this.#settle('connection-failed', dialFailure(error, this.#settings)));
    socket.on('end', () => {
      this.#link.drain();
      this.#settle('closed-by-server', 'the server closed the connection');
    });
    socket.once('close', () => this.#onClose());
    // It may have been lost while nobody listened.
    if (socket.destroyed) this.#onDialFailed(this.#dial?.failure ?? new Error('the connection was closed'));
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      if (this.#hasAnswer) this.#link.receive(chunk);
      else this.#readAnswer(chunk);
    } catch (error) {
      this.#onBroken(error);
    }
  };

  #onBroken(error: unknown): void {
    this.#abandon('bad-stream', error instanceof Error ? error.message : String(error));
  }

  /** Of ours, while a timer ran. */
  #onFault(error: unknown): void {
    this.#abandon('internal-error', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  #readAnswer(chunk: Buffer): void {
    const result = this.#answer.push(chunk);
    switch (result.kind) {
      case 'need-more':
        break;
      case 'accepted':
        this.#hasAnswer = true;
        this.#note('http');
        if (this.#sstp !== undefined) this.#shell.begin(this.#sstp);
        if (result.rest.length > 0) this.#link.receive(result.rest);
        break;
      case 'refused':
        this.#abandon('http-refused', `HTTP ${result.status} ${result.body.trim()}`);
        break;
      case 'not-http':
        this.#abandon('no-sstp-server', 'what answered does not speak HTTP');
        break;
      default:
        result satisfies never;
    }
  }

  #carryOutSstp(action: SstpClientAction): void {
    switch (action.kind) {
      case 'send':
        break;
      case 'ppp-up':
        this.#note('sstp');
        break;
      case 'data-open':
        this.#note('binding');
        break;
      case 'ppp-down':
        this.#closeNetwork();
        break;
      case 'refused':
        this.#settle(
          'refused',
          `the server refused the Call Connect Request (status ${action.statusInfos[0]?.status})`,
        );
        break;
      case 'peer-status':
        this.#settle('ended-by-server', `${action.message}, status ${action.statusInfo?.status ?? 'none'}`);
        break;
      case 'close':
        this.#settle(action.reason, 'SSTP');
        this.#close();
        break;
      default:
        action satisfies never;
    }
  }

  #carryOutPpp(action: PppClientAction): void {
    switch (action.kind) {
      case 'send':
      case 'peer-info':
        break;
      case 'network-failed':
        break; // the other one carries the link, or `down` follows
      case 'lcp-opened':
        this.#note('lcp');
        break;
      case 'answer-mschapv2':
        this.#answerMsChapV2(action);
        break;
      case 'authenticated':
        this.#note('authentication');
        break;
      case 'auth-failed':
        this.#settle('authentication-failed', action.message || `error ${action.errorCode}`);
        break;
      case 'ipv4-up':
        this.#note('ipcp');
        this.#wasUp = true;
        this.#link.openIpv4(action.address);
        this.#up({ ...this.#addresses, ipv4: action });
        break;
      case 'ipv6-up':
        this.#note('ipv6cp');
        this.#onIpv6Up(action.interfaceId);
        break;
      case 'ipv4-down':
        this.#link.closeIpv4();
        break;
      case 'ipv6-down':
        this.#link.closeIpv6();
        break;
      case 'terminating':
        this.#settle(action.reason, action.detail);
        break;
      case 'down':
        this.#settle(action.reason, action.detail);
        this.#closeNetwork();
        break;
      default:
        action satisfies never;
    }
  }

  #answerMsChapV2(action: Extract<PppClientAction, { kind: 'answer-mschapv2' }>): void {
    const { authenticatorChallenge, peerChallenge } = action;
    const { user, password } = this.#settings;
    const answer = mschapv2Answer({ name: user, password, authenticatorChallenge, peerChallenge });
    this.#shell.post({
      to: 'ppp',
      event: {
        kind: 'mschapv2-answer',
        ntResponse: answer.ntResponse,
        expectedAuthenticatorResponse: answer.authenticatorResponse,
        hlak: answer.hlak,
      },
    });
  }

  #onIpv6Up(interfaceId: Uint8Array): void {
    const linkLocal = linkLocalAddress(interfaceId);
    this.#link.openIpv6(undefined, linkLocal);
    this.#up({ ...this.#addresses, linkLocal });
  }

  #up(addresses: ClientAddresses): void {
    this.#addresses = addresses;
    this.#settings.onUp?.(addresses);
  }

  #closeNetwork(): void {
    this.#link.closeIpv4();
    this.#link.closeIpv6();
  }

  #note(step: TimelineStep): void {
    this.timeline[step] ??= this.#settings.clock.now() - this.#startedAt;
  }

  /** The first cause is the one to tell. */
  #settle(reason: string, detail: string): void {
    this.#end ??= { reason, detail };
  }

  #close(): void {
    this.#link.stop();
    const socket = this.#socket;
    this.#lingerTimer ??= setTimeout(() => socket?.destroy(), LINGER_MS);
    void this.#link.flushed().then(() => socket?.end());
  }

  #abandon(reason: string, detail: string): void {
    this.#settle(reason, detail);
    this.#dial?.destroy();
  }

  #onClose(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#shell.halt();
    clearTimeout(this.#lingerTimer);
    this.#closeNetwork();
    this.#link.stop();
    this.#settle('closed', 'the connection was closed');
    const { reason, detail } = this.#end ?? { reason: 'closed', detail: '' };
    this.#resolveEnded({ reason, detail, wasUp: this.#wasUp });
  }
}

function hashesOf(certificate: Uint8Array): CertificateHashes {
  const hash = (name: string): Buffer => createHash(name).update(certificate).digest();
  return { sha1: hash('sha1'), sha256: hash('sha256') };
}

function pppOptions(settings: SstpClientSettings): ConstructorParameters<typeof PppClientLink>[0] {
  return {
    credentials: { name: settings.user, password: settings.password },
    authMethods: methodRows(settings.methods),
    mru: 1500,
    random: (length) => randomBytes(length),
    restartMs: 3_000,
    maxConfigure: 10,
    maxTerminate: 2,
    maxFailure: 5,
    echoIntervalMs: 30_000,
    authTimeoutMs: 60_000,
    requestIpv6: true,
    ipv4Wish: settings.ipv4Wish,
    interfaceIdWish: settings.interfaceIdWish,
  };
}
