import type { Instant, Ipv4 } from '../core/index.ts';
import type { AuthenticatorAction, AuthenticatorEvent, LinkAuthenticator } from './auth/authenticator.ts';
import type { MethodRow } from './auth/methods.ts';
import type { AuthVerdict, CredentialProof, LinkInnerAuth } from './auth/types.ts';
import { decodeControlPacket } from './control-packet.ts';
import { decodePppFrame, PppProtocol } from './frame.ts';
import { IpcpServerPolicy, type Ipv4Lease } from './ipcp.ts';
import { decodeIpcpOption } from './ipcp-options.ts';
import { Ipv6cpServerPolicy } from './ipv6cp.ts';
import { LcpServerPolicy } from './lcp.ts';
import { LinkCore } from './link-core.ts';
import type {
  CommonLinkAction,
  CommonLinkEvent,
  CommonLinkOptions,
  LinkEnd,
  LinkSide,
  PppPhase,
} from './link-types.ts';
import { decodeOptions } from './options.ts';

/** Of `authMethods` a client's own wish comes first; see `LcpServerPolicy` for what it refuses. */
export interface PppServerOptions extends CommonLinkOptions {
  /** The Name of our Challenges. */
  readonly serverName: string;
  /** How long LCP, IPCP and IPv6CP each wait for the client to begin, 500. */
  readonly startDelayMs: number;
  /** The client takes frames from `up` on, so LCP does not wait for it; false if absent. */
  readonly isPeerListening?: boolean;
  /** Whether a client may ask for another address than it is leased: `choose-address`; false if absent. */
  readonly heedsAddressWish?: boolean;
  /** How often a client may correct name or password in place (MS-CHAPv2 R=1), 3. */
  readonly authRetries: number;
  /**
   * Whether there are IPv6 addresses. Without them IPv6CP leaves the first word to the client, for as long as it likes;
   * it is completed all the same, as strict clients want it.
   */
  readonly ipv6: boolean;
}

export type PppServerEvent =
  | CommonLinkEvent
  /** PPP frames may pass: Call Connect Ack is sent. */
  | { readonly kind: 'up' }
  /** The answer to `verify-credentials` and `respond`. */
  | { readonly kind: 'verdict'; readonly verdict: AuthVerdict }
  /** Network data may pass: Call Connected is verified. */
  | { readonly kind: 'data-open' }
  /** The answer to `lease-address`. */
  | {
      readonly kind: 'lease';
      /** Undefined: no address is left. */
      readonly ipv4: Ipv4Lease | undefined;
      /** Whether the client has IPv6 addresses of its own; without them IPv6CP does not carry a link whose IPCP failed. */
      readonly hasIpv6: boolean;
      /** The client's IPv6 interface identifier, 8 bytes, not zero. */
      readonly interfaceId: Uint8Array;
      /** Ours, 8 bytes, another one. */
      readonly serverInterfaceId: Uint8Array;
    }
  /** The answer to `choose-address`: what the client is to have. */
  | { readonly kind: 'address'; readonly address: Ipv4 };

export type PppServerAction =
  | CommonLinkAction
  | { readonly kind: 'lcp-opened'; readonly peerMru: number; readonly authMethod: string }
  | { readonly kind: 'verify-credentials'; readonly proof: CredentialProof }
  /** What the client says to the words of a verdict that was `continue`. */
  | { readonly kind: 'respond'; readonly payload: Uint8Array }
  /** The success packet is out. Comes again, with the same name, if the client renegotiates LCP. */
  | {
      readonly kind: 'authenticated';
      readonly name: string;
      readonly method: string;
      readonly innerAuth: LinkInnerAuth;
    }
  /** `final: false`: the client may try again in place. */
  | {
      readonly kind: 'auth-failed';
      readonly name: string | undefined;
      readonly errorCode: number;
      readonly final: boolean;
    }
  /** Once in a link's life. */
  | { readonly kind: 'lease-address' }
  /** The client's first IPCP request asks for this address, and not for the leased one. At most once in a link's life. */
  | { readonly kind: 'choose-address'; readonly wish: Ipv4 }
  /** `suffices`: the link is worth keeping for this protocol alone, so the session is up from here on. */
  | { readonly kind: 'ipv4-up'; readonly suffices: boolean; readonly address: Ipv4 }
  | {
      readonly kind: 'ipv6-up';
      readonly suffices: boolean;
      readonly interfaceId: Uint8Array;
      readonly serverInterfaceId: Uint8Array;
    };

/** Frames of network protocols that may wait for the lease. */
const MAX_HELD_FRAMES = 8;

type Lease = Extract<PppServerEvent, { kind: 'lease' }> & { readonly ipv4: Ipv4Lease };

/**
 * The server's end of a PPP link, RFC 1661 §3: LCP, then the authentication of the client, then IPCP and IPv6CP once
 * the carrier lets network data pass and an address is leased.
 */
export class PppServerLink {
  readonly #options: PppServerOptions;
  readonly #policy: LcpServerPolicy;
  readonly #core: LinkCore;
  #actions: PppServerAction[] = [];
  #authenticator: LinkAuthenticator | undefined;
  /** By which the authentication goes on, or went. */
  #method: MethodRow | undefined;
  #authentications = 0;
  #name: string | undefined;
  #lastFailure: number | undefined;
  #isVerdictDue = false;
  /** The verdict that is due belongs to an authentication that a renegotiation has ended. */
  #isVerdictStale = false;
  #isDataOpen = false;
  #hasAskedForLease = false;
  #lease: Lease | undefined;
  #ipcp: IpcpServerPolicy | undefined;
  /** Whether the client has said which address it wants; `asked`: the answer to that is due. */
  #wish: 'open' | 'asked' | 'settled' = 'open';
  #held: Buffer[] = [];

  constructor(options: PppServerOptions) {
    this.#options = options;
    this.#policy = new LcpServerPolicy(options.mru, options.authMethods, options.random);
    const lcpDelayMs = options.isPeerListening === true ? 0 : options.startDelayMs;
    this.#core = new LinkCore(options, lcpDelayMs, this.#policy, this.#side(), (action) => {
      this.#onCoreAction(action);
    });
  }

  get phase(): PppPhase {
    return this.#core.phase;
  }

  get deadline(): Instant | undefined {
    return this.#core.deadline;
  }

  /** Why the link is about to be over, from our Terminate-Request on; the peer may hang up before it is. */
  get ending(): LinkEnd | undefined {
    return this.#core.ending;
  }

  /** The largest frame that the client takes, without the PPP header: 576 to 4091. */
  get peerMru(): number {
    return this.#policy.peerMru;
  }

  /** A frame of any kind has come, data too: the echo timer starts anew. */
  noteReceived(now: Instant): void {
    this.#core.noteReceived(now);
  }

  /** @throws {TypeError} if a verdict accepts an MS-CHAPv2 proof without an authenticatorResponse */
  handle(event: PppServerEvent, now: Instant): PppServerAction[] {
    if (this.#core.isOver) return [];
    switch (event.kind) {
      case 'up':
        this.#core.up(now);
        break;
      case 'frame':
        this.#onFrame(event.frame, now);
        break;
      case 'verdict':
        this.#onVerdict(event, now);
        break;
      case 'data-open':
        this.#isDataOpen = true;
        this.#startNetworks(now);
        break;
      case 'lease':
        this.#onLease(event, now);
        break;
      case 'address':
        this.#onAddress(event.address, now);
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
        this.#authenticator = undefined;
        this.#isVerdictStale = this.#isVerdictDue;
      },
      onAuthPacket: (protocol, payload, now) => {
        if (!this.#isAuthProtocol(protocol)) return false;
        if (!this.#isVerdictStale) this.#runAuthenticator({ kind: 'packet', payload }, now);
        return true;
      },
      isAuthProtocol: (protocol) => this.#isAuthProtocol(protocol),
      onAuthTimeout: (now) => this.#runAuthenticator({ kind: 'timeout' }, now),
      get authDeadline() {
        return link.#authenticator?.deadline;
      },
      onEarlyNetworkFrame: (frame) => this.#hold(frame),
      onNetworkUp: (protocol, suffices) => this.#onNetworkUp(protocol, suffices),
    };
  }

  #onCoreAction(action: CommonLinkAction): void {
    const isEnd = action.kind === 'down' || action.kind === 'terminating';
    if (isEnd && action.reason === 'terminated-by-peer' && this.#lastFailure !== undefined) {
      const detail = `the client gave up after error ${this.#lastFailure}`;
      this.#actions.push({ kind: action.kind, reason: 'auth-failed', detail });
    } else {
      this.#actions.push(action);
    }
  }

  #isAuthProtocol(protocol: number): boolean {
    return this.#authenticator !== undefined && protocol === this.#method?.protocol;
  }

  #startAuthentication(now: Instant): void {
    const method = this.#policy.authMethod;
    if (method === undefined) return; // LCP does not open without one
    this.#actions.push({ kind: 'lcp-opened', peerMru: this.#policy.peerMru, authMethod: method.name });
    const { authTimeoutMs: timeoutMs, restartMs, authRetries: retries, serverName, random } = this.#options;
    const { firstRestartMs } = this.#core;
    // Retries count on from the first Identifier, so the next authentication starts beyond them.
    this.#authentications += 1;
    const identifier = (this.#authentications * (retries + 1)) & 0xff;
    const options = { identifier, timeoutMs, firstRestartMs, restartMs, retries, serverName, random };
    this.#method = method;
    this.#authenticator = method.authenticator(options);
    this.#runAuthenticator({ kind: 'start' }, now);
  }

  #runAuthenticator(event: AuthenticatorEvent, now: Instant): void {
    for (const action of this.#authenticator?.handle(event, now) ?? []) this.#onAuthAction(action, now);
  }

  /** One verdict at a time: else one about a first name could be taken for one about a second (it is asked for again). */
  #onVerdict(event: Extract<PppServerEvent, { kind: 'verdict' }>, now: Instant): void {
    const isStale = this.#isVerdictStale;
    this.#isVerdictDue = false;
    this.#isVerdictStale = false;
    if (!isStale) this.#runAuthenticator(event, now);
  }

  #onAuthAction(action: AuthenticatorAction, now: Instant): void {
    switch (action.kind) {
      case 'send':
        if (this.#method !== undefined) this.#core.send(this.#method.protocol, action.payload);
        break;
      case 'verify':
        this.#isVerdictDue = true;
        this.#actions.push({ kind: 'verify-credentials', proof: action.proof });
        break;
      case 'respond':
        this.#isVerdictDue = true;
        this.#actions.push(action);
        break;
      case 'success':
        this.#onAuthenticated(action.name, action.innerAuth, now);
        break;
      case 'failure': {
        const { name, errorCode, isFinal } = action;
        this.#lastFailure = errorCode;
        this.#actions.push({ kind: 'auth-failed', name, errorCode, final: isFinal });
        if (isFinal) this.#core.terminate('auth-failed', `error ${errorCode}`, now);
        break;
      }
      case 'timed-out':
        this.#core.terminate('auth-timeout', 'authentication took too long', now);
        break;
      default:
        action satisfies never;
    }
  }

  #onAuthenticated(name: string, innerAuth: LinkInnerAuth, now: Instant): void {
    const method = this.#method?.name;
    if (method === undefined) return;
    if (this.#name !== undefined && this.#name !== name) {
      // The address and the Crypto Binding belong to the first name.
      this.#core.terminate('auth-failed', 'another name after a renegotiation', now);
      return;
    }
    this.#name = name;
    this.#lastFailure = undefined;
    this.#core.enterNetworkPhase();
    this.#actions.push({ kind: 'authenticated', name, method, innerAuth });
    this.#startNetworks(now);
  }

  #startNetworks(now: Instant): void {
    if (!this.#isDataOpen || this.#core.phase !== 'Network') return;
    if (this.#lease === undefined) {
      if (!this.#hasAskedForLease) this.#actions.push({ kind: 'lease-address' });
      this.#hasAskedForLease = true;
      return;
    }
    const { ipv4, hasIpv6, interfaceId, serverInterfaceId } = this.#lease;
    const { startDelayMs, ipv6 } = this.#options;
    this.#ipcp ??= new IpcpServerPolicy(ipv4);
    const plan = {
      ipcp: this.#ipcp,
      ipv6cp: new Ipv6cpServerPolicy(interfaceId, serverInterfaceId),
      ipcpDelayMs: startDelayMs,
      ipv6cpDelayMs: ipv6 ? startDelayMs : Number.POSITIVE_INFINITY,
      ipv6Suffices: ipv6 && hasIpv6,
    };
    this.#core.startNetworks(plan, now);
    this.#release(now);
  }

  #release(now: Instant): void {
    const held = this.#held;
    this.#held = [];
    for (const frame of held) this.#onFrame(frame, now);
  }

  #onFrame(frame: Buffer, now: Instant): void {
    if (this.#waitsForAddress(frame)) {
      this.#core.noteReceived(now);
      this.#hold(frame);
    } else {
      this.#core.frame(frame, now);
    }
  }

  /** What the client wants is asked about once, before IPCP answers; its packets wait until that is known. */
  #waitsForAddress(frame: Buffer): boolean {
    if (this.#options.heedsAddressWish !== true || this.#lease === undefined || this.#wish === 'settled') return false;
    if (this.#core.phase !== 'Network') return false;
    const decoded = decodePppFrame(frame);
    if (decoded?.protocol !== PppProtocol.Ipcp) return false;
    if (this.#wish === 'asked') return true;
    const packet = decodeControlPacket(decoded.payload);
    if (packet?.type !== 'ConfigureRequest') return false;
    const wish = addressIn(packet.options);
    this.#wish = wish === 0 || wish === this.#lease.ipv4.address ? 'settled' : 'asked';
    if (this.#wish === 'settled') return false;
    this.#actions.push({ kind: 'choose-address', wish });
    return true;
  }

  #onAddress(address: Ipv4, now: Instant): void {
    if (this.#wish !== 'asked' || this.#lease === undefined) return;
    this.#wish = 'settled';
    this.#lease = { ...this.#lease, ipv4: { ...this.#lease.ipv4, address } };
    this.#ipcp?.setAddress(address);
    this.#release(now);
  }

  #onLease(event: Extract<PppServerEvent, { kind: 'lease' }>, now: Instant): void {
    if (!this.#hasAskedForLease || this.#lease !== undefined) return;
    if (event.ipv4 === undefined) {
      this.#core.terminate('no-address', 'no address is left for this client', now);
      return;
    }
    this.#lease = { ...event, ipv4: event.ipv4 };
    this.#startNetworks(now);
  }

  /**
   * The first IPCP packet may come together with Call Connected, or in front of it where PPP and SSTP are two processes
   * (pppd and sstpc). It waits for the lease; dropped, it would come again only after the client's restart period.
   */
  #hold(frame: Buffer): void {
    if (this.#held.length < MAX_HELD_FRAMES) this.#held.push(Buffer.from(frame));
  }

  #onNetworkUp(protocol: 'ipv4' | 'ipv6', suffices: boolean): void {
    if (this.#lease === undefined) return;
    const { ipv4, interfaceId, serverInterfaceId } = this.#lease;
    this.#actions.push(
      protocol === 'ipv4'
        ? { kind: 'ipv4-up', suffices, address: ipv4.address }
        : { kind: 'ipv6-up', suffices, interfaceId, serverInterfaceId },
    );
  }
}

/** The address that an IPCP Configure-Request asks for; 0 if it asks for any, for none, or makes no sense. */
function addressIn(bytes: Buffer): Ipv4 {
  for (const raw of decodeOptions(bytes) ?? []) {
    const option = decodeIpcpOption(raw);
    if (option.type === 'IpAddress') return option.address;
  }
  return 0;
}
