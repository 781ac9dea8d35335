import type { Instant, Ipv4 } from '../core/index.ts';
import type { MethodRow } from './auth/methods.ts';
import type {
  AuthPeerAction,
  AuthPeerEvent,
  AuthPeerOptions,
  Credentials,
  LinkAuthPeer,
  MsChapV2Answer,
  MsChapV2Question,
} from './auth/peer.ts';
import type { LinkInnerAuth } from './auth/types.ts';
import { IpcpClientPolicy, type Ipv4Wish } from './ipcp.ts';
import { Ipv6cpClientPolicy } from './ipv6cp.ts';
import { LcpClientPolicy } from './lcp.ts';
import { LinkCore } from './link-core.ts';
import type { CommonLinkAction, CommonLinkEvent, CommonLinkOptions, LinkSide, PppPhase } from './link-types.ts';

/** `authMethods` are what we let the server ask for. */
export interface PppClientOptions extends CommonLinkOptions {
  readonly credentials: Credentials;
  /** Whether to run IPv6CP; without it the server gets a Protocol-Reject. */
  readonly requestIpv6: boolean;
  /** What to ask IPCP for; absent: whatever the server gives. */
  readonly ipv4Wish?: Ipv4Wish | undefined;
  /** The interface identifier to ask IPv6CP for, 8 bytes, not zero; absent: a random one. */
  readonly interfaceIdWish?: Uint8Array | undefined;
}

export type PppClientEvent =
  | CommonLinkEvent
  /** PPP frames may pass: Call Connect Ack has come. LCP starts at once. */
  | { readonly kind: 'up' }
  /** Network data may pass: Call Connected is sent. */
  | { readonly kind: 'data-open' }
  /** The answer to `answer-mschapv2`. */
  | MsChapV2Answer;

export type PppClientAction =
  | CommonLinkAction
  | { readonly kind: 'lcp-opened'; readonly peerMru: number; readonly authMethod: string }
  | MsChapV2Question
  /** Comes again if the server renegotiates LCP. */
  | { readonly kind: 'authenticated'; readonly method: string; readonly innerAuth: LinkInnerAuth }
  | { readonly kind: 'auth-failed'; readonly errorCode: number; readonly message: string }
  | {
      readonly kind: 'ipv4-up';
      readonly address: Ipv4;
      /** Undefined if the server does not tell. */
      readonly serverAddress: Ipv4 | undefined;
      readonly dns: readonly Ipv4[];
    }
  | { readonly kind: 'ipv6-up'; readonly interfaceId: Uint8Array; readonly serverInterfaceId: Uint8Array };

/** The client's end of a PPP link, RFC 1661 §3. It insists that the server authenticate it. */
export class PppClientLink {
  readonly #options: PppClientOptions;
  readonly #policy: LcpClientPolicy;
  readonly #core: LinkCore;
  readonly #ipcp: IpcpClientPolicy;
  readonly #ipv6cp: Ipv6cpClientPolicy | undefined;
  #actions: PppClientAction[] = [];
  #peer: LinkAuthPeer | undefined;
  /** By which it authenticates. */
  #method: MethodRow | undefined;
  #requests = 0;
  #isDataOpen = false;

  constructor(options: PppClientOptions) {
    this.#options = options;
    this.#policy = new LcpClientPolicy(options.mru, options.authMethods, options.random);
    this.#ipcp = new IpcpClientPolicy(options.ipv4Wish);
    this.#ipv6cp = options.requestIpv6 ? new Ipv6cpClientPolicy(options.random, options.interfaceIdWish) : undefined;
    this.#core = new LinkCore(options, 0, this.#policy, this.#side(), (action) => {
      this.#actions.push(action);
    });
  }

  get phase(): PppPhase {
    return this.#core.phase;
  }

  get deadline(): Instant | undefined {
    return this.#core.deadline;
  }

  /** The largest frame that the server takes, without the PPP header: 576 to 4091. */
  get peerMru(): number {
    return this.#policy.peerMru;
  }

  /** A frame of any kind has come, data too: the echo timer starts anew. */
  noteReceived(now: Instant): void {
    this.#core.noteReceived(now);
  }

  /** @throws {RangeError} if the ntResponse of an `mschapv2-answer` is not 24 bytes */
  handle(event: PppClientEvent, now: Instant): PppClientAction[] {
    if (this.#core.isOver) return [];
    switch (event.kind) {
      case 'up':
        this.#core.up(now);
        break;
      case 'frame':
        this.#core.frame(event.frame, now);
        break;
      case 'mschapv2-answer':
        this.#runPeer(event, now);
        break;
      case 'data-open':
        this.#isDataOpen = true;
        this.#startNetworks(now);
        break;
      case 'terminate':
        this.#core.terminate('terminated-by-us', event.reason, now);
        break;
      case 'timeout':
        this.#core.timeout(now);
        break;
      default:
        event satisfies never;
    }
    this.#core.catchUp(now);
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  #side(): LinkSide {
    const link = this;
    return {
      onLcpUp: (now) => this.#startAuthentication(now),
      onLcpDown: () => {
        this.#peer = undefined;
      },
      onAuthPacket: (protocol, payload, now) => {
        if (!this.#isAuthProtocol(protocol)) return false;
        this.#runPeer({ kind: 'packet', payload }, now);
        return true;
      },
      isAuthProtocol: (protocol) => this.#isAuthProtocol(protocol),
      onAuthTimeout: (now) => this.#runPeer({ kind: 'timeout' }, now),
      get authDeadline() {
        return link.#peer?.deadline;
      },
      // The server starts its network protocols after our Call Connected, and we have started ours by then.
      onEarlyNetworkFrame: () => {},
      onNetworkUp: (protocol, _suffices, now) => this.#onNetworkUp(protocol, now),
    };
  }

  #isAuthProtocol(protocol: number): boolean {
    return this.#peer !== undefined && protocol === this.#method?.protocol;
  }

  #startAuthentication(now: Instant): void {
    const method = this.#policy.authMethod;
    if (method === undefined) {
      // Without it nothing shows that the server knows us, and a Crypto Binding would be made from a known key.
      this.#core.terminate('no-auth-method', 'the server asks for no authentication that we take', now);
      return;
    }
    this.#actions.push({ kind: 'lcp-opened', peerMru: this.#policy.peerMru, authMethod: method.name });
    const { credentials, authTimeoutMs: timeoutMs, restartMs, random } = this.#options;
    this.#requests = (this.#requests + 1) & 0xff;
    const options: AuthPeerOptions = { identifier: this.#requests, credentials, timeoutMs, restartMs, random };
    this.#method = method;
    this.#peer = method.peer(options);
    this.#runPeer({ kind: 'start' }, now);
  }

  #runPeer(event: AuthPeerEvent, now: Instant): void {
    for (const action of this.#peer?.handle(event, now) ?? []) this.#onAuthAction(action, now);
  }

  #onAuthAction(action: AuthPeerAction, now: Instant): void {
    switch (action.kind) {
      case 'send':
        if (this.#method !== undefined) this.#core.send(this.#method.protocol, action.payload);
        break;
      case 'answer-mschapv2':
        this.#actions.push(action);
        break;
      case 'success':
        if (this.#method === undefined) break;
        this.#core.enterNetworkPhase();
        this.#actions.push({ kind: 'authenticated', method: this.#method.name, innerAuth: action.innerAuth });
        this.#startNetworks(now);
        break;
      case 'failure': {
        const { errorCode, message } = action;
        this.#actions.push({ kind: 'auth-failed', errorCode, message });
        this.#core.terminate('auth-failed', `error ${errorCode}`, now);
        break;
      }
      case 'not-authentic':
        this.#core.terminate('server-not-authentic', 'the server does not know the password', now);
        break;
      case 'timed-out':
        this.#core.terminate('auth-timeout', 'authentication took too long', now);
        break;
      default:
        action satisfies never;
    }
  }

  #startNetworks(now: Instant): void {
    if (!this.#isDataOpen) return;
    this.#core.startNetworks(
      { ipcp: this.#ipcp, ipv6cp: this.#ipv6cp, ipcpDelayMs: 0, ipv6cpDelayMs: 0, ipv6Suffices: true },
      now,
    );
  }

  #onNetworkUp(protocol: 'ipv4' | 'ipv6', now: Instant): void {
    if (protocol === 'ipv4') {
      const { address, serverAddress, dns } = this.#ipcp;
      if (address !== undefined) this.#actions.push({ kind: 'ipv4-up', address, serverAddress, dns });
      else this.#core.abandon('ipv4', 'the server gave no address', now);
      return;
    }
    const interfaceId = this.#ipv6cp?.ownId;
    const serverInterfaceId = this.#ipv6cp?.peerId;
    if (interfaceId !== undefined && serverInterfaceId !== undefined) {
      this.#actions.push({ kind: 'ipv6-up', interfaceId, serverInterfaceId });
    } else {
      this.#core.abandon('ipv6', 'no interface identifier was agreed', now);
    }
  }
}
