import { after, earliest, type Instant } from '../core/index.ts';
import { isLoginProtocol } from './auth/methods.ts';
import { type ControlPacket, decodeControlPacket, encodeControlPacket, MAX_REJECTED_LENGTH } from './control-packet.ts';
import { EchoMonitor } from './echo-monitor.ts';
import { decodePppFrame, encodePppFrame, PppProtocol } from './frame.ts';
import type { IpcpOption } from './ipcp-options.ts';
import type { Ipv6cpOption } from './ipv6cp-options.ts';
import type { LcpOption } from './lcp-options.ts';
import type {
  CommonLinkAction,
  CommonLinkOptions,
  LinkEnd,
  LinkFault,
  LinkSide,
  NetworkPlan,
  PppDownReason,
  PppPhase,
} from './link-types.ts';
import { firstRestartMs, Negotiation } from './negotiation.ts';
import type { NegotiationAction, NegotiationPolicy, NegotiationProblem } from './negotiation-types.ts';
import { formatTerminateData } from './peer-words.ts';

/** How long our Terminate-Request may wait for its Ack. */
const TERMINATE_MS = 1000;
const MAX_PEER_INFOS = 8;
/**
 * RFC 1661 §5.7 has each unknown protocol rejected. A client that offers many at once has its answers; who floods has one a
 * second, and an honest one repeats what stayed without an answer.
 */
const MOST_REJECTS = 8;
const REJECT_MS = 1000;
const MAX_PEER_INFO_LENGTH = 64;
const NO_LCP: LinkFault = { protocol: 'LCP', problem: 'no-agreement' };
const NO_LCP_DETAIL = 'our requests stayed without an answer, or were rejected as a whole';

interface Network {
  readonly name: 'ipv4' | 'ipv6';
  readonly protocol: number;
  readonly negotiation: Negotiation<IpcpOption> | Negotiation<Ipv6cpOption>;
  /** Whether the link is worth keeping for this protocol alone. */
  readonly suffices: boolean;
  status: 'negotiating' | 'up' | 'failed';
}

type LcpLike = NegotiationPolicy<LcpOption> & { readonly magic: number };

/**
 * What the two ends of a link do alike, RFC 1661 §3: LCP with its housekeeping, the order of the phases, the network
 * protocols, the end. The authentication and what IPCP and IPv6CP ask for belong to the side.
 */
export class LinkCore {
  readonly #options: CommonLinkOptions;
  readonly #policy: LcpLike;
  readonly #side: LinkSide;
  readonly #emit: (action: CommonLinkAction) => void;
  readonly #lcp: Negotiation<LcpOption>;
  readonly #echo: EchoMonitor;
  #networks: readonly Network[] = [];
  #phase: PppPhase = 'Dead';
  #isOver = false;
  #ending: (LinkEnd & { readonly deadline: Instant }) | undefined;
  #identifier = 0;
  #peerInfos = 0;
  /** When all rejects that may be sent at once may be sent again. */
  #rejectsFree: Instant = Number.NEGATIVE_INFINITY;

  constructor(
    options: CommonLinkOptions,
    lcpDelayMs: number,
    policy: LcpLike,
    side: LinkSide,
    emit: (action: CommonLinkAction) => void,
  ) {
    this.#options = options;
    this.#policy = policy;
    this.#side = side;
    this.#emit = emit;
    this.#lcp = new Negotiation(policy, { ...options, startDelayMs: lcpDelayMs, isLcp: true });
    this.#echo = new EchoMonitor(options.echoIntervalMs);
  }

  get phase(): PppPhase {
    return this.#phase;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get deadline(): Instant | undefined {
    if (this.#isOver) return undefined;
    const networks = this.#networks.map((network) => network.negotiation.deadline);
    const auth = this.#ending === undefined ? this.#side.authDeadline : undefined;
    return earliest(this.#lcp.deadline, this.#ending?.deadline, this.#echo.deadline, auth, ...networks);
  }

  /** The first repetition of what the peer does not answer, once LCP is open. */
  get firstRestartMs(): number {
    return firstRestartMs(this.#options.restartMs, this.#lcp.roundTripMs);
  }

  noteReceived(now: Instant): void {
    this.#echo.noteReceived(now);
  }

  /** The carrier is there, RFC 1661 §3.3. */
  up(now: Instant): void {
    if (this.#isOver || this.#phase !== 'Dead') return;
    this.#phase = 'Establish';
    this.#runLcp(this.#lcp.handle({ kind: 'open' }, now), undefined, now);
    this.#runLcp(this.#lcp.handle({ kind: 'up' }, now), undefined, now);
  }

  frame(frame: Buffer, now: Instant): void {
    if (this.#isOver || this.#phase === 'Dead') return;
    this.#echo.noteReceived(now);
    const decoded = decodePppFrame(frame);
    if (decoded === undefined) return;
    const { protocol, payload } = decoded;
    switch (protocol) {
      case PppProtocol.Lcp:
        this.#onLcpPacket(payload, now);
        return;
      case PppProtocol.Ip:
      case PppProtocol.Ipv6:
        return; // data that comes too early, RFC 1661 §3.7
      case PppProtocol.Ipcp:
      case PppProtocol.Ipv6cp:
        if (this.#onNetworkPacket(protocol, payload, frame, now)) return;
        break;
      default:
        if (!isLoginProtocol(this.#options.authMethods, protocol)) break;
        // RFC 1661 §3.5; a repeated Response after the end of the authentication is answered too (RFC 1994 §4.2).
        if (this.#phase !== 'Authenticate' && this.#phase !== 'Network') return;
        if (this.#side.onAuthPacket(protocol, payload, now)) return;
        break;
    }
    this.#rejectProtocol(protocol, payload, now);
  }

  /** Why it is about to be over: a Terminate-Request is out, or was answered. */
  get ending(): LinkEnd | undefined {
    return this.#ending;
  }

  timeout(now: Instant): void {
    if (this.#isOver) return;
    if (this.#ending !== undefined && now >= this.#ending.deadline) {
      this.#finish(this.#ending, now);
      return;
    }
    this.#runLcp(this.#lcp.handle({ kind: 'timeout' }, now), undefined, now);
    for (const network of this.#networks) {
      this.#runNetwork(network, network.negotiation.handle({ kind: 'timeout' }, now), now);
    }
    if (!this.#isOver && this.#ending === undefined) this.#side.onAuthTimeout(now);
    this.#onEchoTimeout(now);
  }

  /** Does what has become due while another event was handled, so that the deadline is in the future again. */
  catchUp(now: Instant): void {
    if (this.deadline !== undefined && this.deadline <= now) this.timeout(now);
  }

  /** RFC 1661 §3.8: a Terminate-Request, then the end with its Ack or after a second. */
  terminate(reason: PppDownReason, detail: string, now: Instant): void {
    this.#terminate({ reason, detail }, now);
  }

  #terminate(end: LinkEnd, now: Instant): void {
    if (this.#isOver || this.#ending !== undefined) return;
    const wasDead = this.#phase === 'Dead';
    this.#endingWith(end, after(now, TERMINATE_MS));
    this.#runLcp(this.#lcp.handle({ kind: 'close' }, now), undefined, now);
    if (wasDead) this.#finish(end, now);
  }

  /** The peer has proved who it is (or we have): network protocols may be opened, RFC 1661 §3.6. */
  enterNetworkPhase(): void {
    if (this.#phase === 'Authenticate') this.#phase = 'Network';
  }

  /** Opens the network protocols, or brings them up again after a renegotiation of LCP. */
  startNetworks(plan: NetworkPlan, now: Instant): void {
    if (this.#phase !== 'Network') return;
    const isNew = this.#networks.length === 0;
    if (isNew) this.#networks = this.#planned(plan);
    for (const network of this.#networks) {
      if (network.status === 'failed') continue;
      if (isNew) this.#runNetwork(network, network.negotiation.handle({ kind: 'open' }, now), now);
      this.#runNetwork(network, network.negotiation.handle({ kind: 'up' }, now), now);
    }
  }

  /** The side can't use what a network protocol has agreed on. */
  abandon(name: 'ipv4' | 'ipv6', why: string, now: Instant): void {
    const network = this.#networks.find((candidate) => candidate.name === name);
    if (network !== undefined) this.#giveUp(network, 'unusable', why, now);
  }

  #planned(plan: NetworkPlan): readonly Network[] {
    const common = { ...this.#options, roundTripMs: this.#lcp.roundTripMs, isLcp: false };
    const ipv4: Network = {
      name: 'ipv4',
      protocol: PppProtocol.Ipcp,
      negotiation: new Negotiation(plan.ipcp, { ...common, startDelayMs: plan.ipcpDelayMs }),
      suffices: true,
      status: 'negotiating',
    };
    if (plan.ipv6cp === undefined) return [ipv4];
    const ipv6: Network = {
      name: 'ipv6',
      protocol: PppProtocol.Ipv6cp,
      negotiation: new Negotiation(plan.ipv6cp, { ...common, startDelayMs: plan.ipv6cpDelayMs }),
      suffices: plan.ipv6Suffices,
      status: 'negotiating',
    };
    return [ipv6, ipv4];
  }

  #onLcpPacket(payload: Buffer, now: Instant): void {
    const packet = decodeControlPacket(payload);
    if (packet === undefined) return;
    if (packet.type === 'ProtocolReject') {
      this.#onProtocolReject(packet.protocol, now);
      return;
    }
    if (packet.type === 'Identification') this.#onIdentification(packet.data);
    this.#runLcp(this.#lcp.handle({ kind: 'packet', packet, bytes: payload }, now), packet, now);
    if (this.#isOver || this.#ending !== undefined) return;
    if (packet.type === 'TerminateRequest') {
      const words = formatTerminateData(packet.data);
      const detail = `Terminate-Request${words === undefined ? '' : ` ${words}`}`;
      this.#terminatedByPeer({ reason: 'terminated-by-peer', detail }, now);
    } else if (this.#lcp.state === 'Stopping') {
      const detail = 'the peer rejected a code that LCP needs';
      this.#endingWith({ reason: 'lcp-failed', detail, fault: NO_LCP }, after(now, TERMINATE_MS));
    }
  }

  /**
   * RFC 1661 §3.7: it is for the peer to close the carrier; we wait a Restart time. Both at once would have two Call
   * Disconnects cross, after which MS-SSTP 3.2.5.3.5 wants a second of silence.
   */
  #terminatedByPeer(end: LinkEnd, now: Instant): void {
    if (this.#lcp.state !== 'Stopping') {
      // Deviation: RFC 1661 §4.1 would go on negotiating. Nothing was open, so there is nothing to wait for.
      this.#finish(end, now);
      return;
    }
    this.#endingWith(end, after(now, this.#options.restartMs));
    this.#emit({ kind: 'terminating', ...end });
  }

  /** RFC 1661 §5.7: only in the Opened state; that protocol is over. */
  #onProtocolReject(protocol: number, now: Instant): void {
    if (this.#lcp.state !== 'Opened') return;
    if (protocol === PppProtocol.Lcp) {
      this.#runLcp(this.#lcp.handle({ kind: 'protocol-rejected' }, now), undefined, now);
      const fault = { protocol: 'LCP', problem: 'rejected' } as const;
      const end = { reason: 'lcp-failed', detail: 'the peer rejected LCP', fault } as const;
      if (this.#ending === undefined) this.#endingWith(end, after(now, TERMINATE_MS));
    } else if (this.#phase === 'Authenticate' && this.#side.isAuthProtocol(protocol)) {
      this.terminate('no-auth-method', 'the peer rejected the authentication protocol', now);
    } else {
      const network = this.#networks.find((candidate) => candidate.protocol === protocol);
      if (network === undefined) return;
      const actions = network.negotiation.handle({ kind: 'protocol-rejected' }, now);
      // What is finished is given up below, for the better reason.
      const rest = actions.filter(({ kind }) => kind !== 'finished');
      this.#runNetwork(network, rest, now);
      this.#giveUp(network, 'rejected', 'rejected by the peer', now);
    }
  }

  #onIdentification(message: Buffer): void {
    if (this.#peerInfos >= MAX_PEER_INFOS) return;
    this.#peerInfos += 1;
    const text = message.toString('latin1', 0, MAX_PEER_INFO_LENGTH).replace(/[^\x20-\x7e]/g, '.');
    this.#emit({ kind: 'peer-info', text });
  }

  #runLcp(actions: readonly NegotiationAction[], cause: ControlPacket | undefined, now: Instant): void {
    for (const action of actions) {
      if (this.#isOver) return;
      switch (action.kind) {
        case 'send':
          this.send(PppProtocol.Lcp, action.payload);
          break;
        case 'up':
          this.#phase = 'Authenticate';
          this.#echo.start(now);
          this.#side.onLcpUp(now);
          break;
        case 'down':
          this.#onLcpDown(now);
          break;
        case 'finished':
          this.#finish(this.#ending ?? { reason: 'lcp-failed', detail: NO_LCP_DETAIL, fault: NO_LCP }, now);
          break;
        case 'failed':
          this.#terminate(explain(action.problem), now);
          break;
        case 'answer-echo':
          if (cause?.type === 'EchoRequest') this.#answerEcho(cause.identifier, cause.data);
          break;
        default:
          action satisfies never;
      }
    }
  }

  #onLcpDown(now: Instant): void {
    if (this.#ending === undefined) this.#phase = 'Establish';
    this.#echo.stop();
    this.#side.onLcpDown();
    for (const network of this.#networks) {
      this.#runNetwork(network, network.negotiation.handle({ kind: 'down' }, now), now);
    }
  }

  /** RFC 1661 §5.8. The magic is ours, the data the peer's, as far as the smallest MRU lets it. */
  #answerEcho(identifier: number, data: Buffer): void {
    const reply = data.subarray(0, MAX_REJECTED_LENGTH - 4);
    const packet = { type: 'EchoReply', identifier, magic: this.#policy.magic, data: reply } as const;
    this.send(PppProtocol.Lcp, encodeControlPacket(packet));
  }

  #onEchoTimeout(now: Instant): void {
    if (this.#isOver) return;
    const step = this.#echo.onTimeout(now);
    switch (step) {
      case 'nothing':
        break;
      case 'send-echo': {
        const identifier = this.#nextIdentifier();
        const packet = { type: 'EchoRequest', identifier, magic: this.#policy.magic, data: Buffer.alloc(0) } as const;
        this.send(PppProtocol.Lcp, encodeControlPacket(packet));
        break;
      }
      case 'silent':
        this.#finish({ reason: 'echo-silent', detail: 'no answer to four LCP Echo-Requests' }, now);
        break;
      default:
        step satisfies never;
    }
  }

  /** @returns false if the protocol is to be rejected */
  #onNetworkPacket(protocol: number, payload: Buffer, frame: Buffer, now: Instant): boolean {
    if (this.#phase !== 'Network') return true; // RFC 1661 §3.5: silently discarded
    const network = this.#networks.find((candidate) => candidate.protocol === protocol);
    if (network === undefined) {
      if (this.#networks.length > 0) return false;
      this.#side.onEarlyNetworkFrame(frame);
      return true;
    }
    const packet = decodeControlPacket(payload);
    if (packet === undefined || network.status === 'failed') return true;
    this.#runNetwork(network, network.negotiation.handle({ kind: 'packet', packet, bytes: payload }, now), now);
    return true;
  }

  #runNetwork(network: Network, actions: readonly NegotiationAction[], now: Instant): void {
    for (const action of actions) {
      if (this.#isOver) return;
      switch (action.kind) {
        case 'send':
          this.send(network.protocol, action.payload);
          break;
        case 'up':
          network.status = 'up';
          this.#side.onNetworkUp(network.name, network.suffices, now);
          break;
        case 'down':
          this.#networkDown(network);
          break;
        case 'finished':
          this.#giveUp(network, 'no-agreement', 'no agreement', now);
          break;
        case 'failed':
          this.#giveUp(network, action.problem, action.problem, now);
          break;
        case 'answer-echo':
          break; // echoes are LCP's
        default:
          action satisfies never;
      }
    }
  }

  #networkDown(network: Network): void {
    if (network.status !== 'up') return;
    network.status = 'negotiating';
    this.#emit({ kind: network.name === 'ipv4' ? 'ipv4-down' : 'ipv6-down' });
  }

  /** A network protocol that can't open is left alone; the link goes on as long as another one carries it. */
  #giveUp(network: Network, problem: LinkFault['problem'], why: string, now: Instant): void {
    if (network.status === 'failed') return;
    this.#networkDown(network);
    network.status = 'failed';
    network.negotiation.handle({ kind: 'down' }, now);
    const isCarried = this.#networks.some((other) => other.suffices && other.status !== 'failed');
    const protocol = network.name === 'ipv4' ? 'IPCP' : 'IPv6CP';
    const fault = { protocol, problem } as const;
    this.#emit({ kind: 'network-failed', fault });
    if (!isCarried) this.#terminate({ reason: 'ncp-failed', detail: `${protocol}: ${why}`, fault }, now);
  }

  /** RFC 1661 §5.7. Before the network phase other protocols are passed over, §3.4 and §3.5. */
  #rejectProtocol(protocol: number, payload: Buffer, now: Instant): void {
    if (this.#phase !== 'Network') return;
    const free = after(Math.max(this.#rejectsFree, now), REJECT_MS);
    if (free > after(now, MOST_REJECTS * REJECT_MS)) return;
    this.#rejectsFree = free;
    const rejected = payload.subarray(0, MAX_REJECTED_LENGTH - 2);
    const packet = { type: 'ProtocolReject', identifier: this.#nextIdentifier(), protocol, rejected } as const;
    this.send(PppProtocol.Lcp, encodeControlPacket(packet));
  }

  send(protocol: number, payload: Buffer): void {
    if (!this.#isOver) this.#emit({ kind: 'send', frame: encodePppFrame(protocol, payload) });
  }

  #nextIdentifier(): number {
    this.#identifier = (this.#identifier + 1) & 0xff;
    return this.#identifier;
  }

  #endingWith(end: LinkEnd, deadline: Instant): void {
    this.#phase = 'Terminate';
    this.#ending = { ...end, deadline };
  }

  #finish({ reason, detail, fault }: LinkEnd, now: Instant): void {
    if (this.#isOver) return;
    this.#side.onLcpDown();
    for (const network of this.#networks) {
      this.#networkDown(network);
      network.negotiation.handle({ kind: 'down' }, now);
    }
    this.#isOver = true;
    this.#phase = 'Dead';
    this.#emit({ kind: 'down', reason, detail, ...(fault && { fault }) });
  }
}

function explain(problem: NegotiationProblem): LinkEnd {
  const fault = { protocol: 'LCP', problem } as const;
  switch (problem) {
    case 'not-converging':
      return { reason: 'lcp-failed', detail: 'LCP options do not converge', fault };
    case 'no-auth-method':
      return { reason: 'no-auth-method', detail: 'the peer takes none of our authentication methods', fault };
    case 'loopback':
      return { reason: 'loopback', detail: 'we hear our own LCP packets', fault };
    default:
      return problem satisfies never;
  }
}
