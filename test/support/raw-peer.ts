/**
 * A peer that speaks SSTP and PPP in literal bytes over real TLS, so that it can do what no client does. It shares no
 * code with the product but the MS-CHAPv2 arithmetic, which has its own published vectors.
 */
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { mschapv2Answer } from '../../auth/index.ts';
import { within } from './eventually.ts';

const LIMIT_MS = 15_000;

/** MS-SSTP 4.1, headers in the order of Windows 10. */
const httpRequest = (correlationId: string): string =>
  'SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\n' +
  `SSTPCORRELATIONID: ${correlationId}\r\n` +
  'Content-Length: 18446744073709551615\r\n' +
  'Host: vpn.example\r\n\r\n';

/** MS-SSTP 4.7: encapsulated protocol PPP. */
const CALL_CONNECT_REQUEST = '1001000e0001000100010006 0001';

const CALL_DISCONNECT_ACK = '10010008 0007 0000';

/** Message types, MS-SSTP 2.2.9 to 2.2.15. */
export const CONNECT_ACK = 0x0002;
export const CALL_ABORT = 0x0005;
export const CALL_DISCONNECT = 0x0006;
export const ECHO_RESPONSE = 0x0009;

/** PPP protocols. */
export const LCP = 0xc021;
export const PAP = 0xc023;
export const CHAP = 0xc223;
export const IPCP = 0x8021;
export const IPV6CP = 0x8057;
export const IPV6 = 0x0057;

export interface ControlMessage {
  readonly kind: 'control';
  readonly type: number;
  /** The whole packet. */
  readonly bytes: Buffer;
}

export interface PppFrame {
  readonly kind: 'ppp';
  readonly protocol: number;
  readonly payload: Buffer;
}

/** What a crypto binding is made of, to be altered: MS-SSTP 2.2.7. */
export interface BindingParts {
  readonly nonce: Buffer;
  readonly certificateHash: Buffer;
  /** 32 bytes. */
  readonly hlak: Buffer;
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

/** Where a server is: path of a `VpnLab.door`, or, for whoever is in the client's namespace, its address. */
export type Door = string | { readonly host: string; readonly port: number };

export class RawPeer {
  /** Stands in the server's log lines about this connection. */
  readonly correlationId: string = `{${randomUUID()}}`;
  readonly #socket: TLSSocket;
  readonly #below: Socket;
  #received: Buffer = Buffer.alloc(0);
  #isOver = false;
  #wake: () => void = () => {};
  #nonce: Buffer = Buffer.alloc(0);
  #hlak: Buffer = Buffer.alloc(32);
  #nextId = 1;

  private constructor(below: Socket, socket: TLSSocket) {
    this.#below = below;
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    for (const event of ['end', 'error', 'close']) {
      socket.on(event, () => {
        this.#isOver = true;
        this.#wake();
      });
    }
  }

  /** TCP and nothing else. */
  static async tcp(door: Door): Promise<Socket> {
    const socket = typeof door === 'string' ? connectSocket(door) : connectSocket({ ...door, noDelay: true });
    socket.on('error', () => socket.destroy());
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    return socket;
  }

  /** TCP and TLS. */
  static async tls(door: Door): Promise<RawPeer> {
    const below = await RawPeer.tcp(door);
    const socket = connectTls({ socket: below, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
    const secured = new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    await within(secured, LIMIT_MS, () => 'TLS');
    return new RawPeer(below, socket);
  }

  /** Up to the answer to the HTTP request. */
  static async http(door: Door): Promise<RawPeer> {
    const peer = await RawPeer.tls(door);
    peer.send(Buffer.from(httpRequest(peer.correlationId)));
    const head = await peer.text(/\r\n\r\n/);
    if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(head);
    return peer;
  }

  /** Up to the Call Connect Ack. */
  static async sstp(door: Door): Promise<RawPeer> {
    const peer = await RawPeer.http(door);
    peer.send(hex(CALL_CONNECT_REQUEST));
    const { bytes } = await peer.control(CONNECT_ACK);
    // Header 8, attribute header 4, reserved 3, hash protocols 1, nonce 32: MS-SSTP 2.2.5.
    peer.#nonce = Buffer.from(bytes.subarray(16, 48));
    return peer;
  }

  /** Up to the end of LCP. */
  static async lcp(door: Door): Promise<RawPeer> {
    const peer = await RawPeer.sstp(door);
    await peer.negotiate(LCP, '0104 0578 0506 1badcafe');
    return peer;
  }

  /** Up to the accepted authentication with PAP; the server must ask for it. */
  static async pap(door: string, user: string, password: string): Promise<RawPeer> {
    const peer = await RawPeer.lcp(door);
    const body = Buffer.concat([counted(user), counted(password)]);
    peer.sendPpp(PAP, packet(0x01, 0x01, body));
    const answer = await peer.ppp(PAP);
    if (answer.payload[0] !== 0x02) throw new Error(`PAP: ${answer.payload.toString('hex')}`);
    return peer;
  }

  /** Up to IPCP, with PAP. @returns with the address that the server gave */
  static async up(door: string, user: string, password: string): Promise<{ peer: RawPeer; address: Buffer }> {
    const peer = await RawPeer.pap(door, user, password);
    peer.sendCallConnected();
    const address = await peer.negotiate(IPCP, '0306 00000000');
    return { peer, address: address.subarray(2, 6) };
  }

  /** The nonce of the Call Connect Ack. */
  get nonce(): Buffer {
    return this.#nonce;
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  sendPpp(protocol: number, payload: Buffer): void {
    const head = hex('1000 0000 ff03 0000');
    head.writeUInt16BE(8 + payload.length, 2);
    head.writeUInt16BE(protocol, 6);
    this.send(Buffer.concat([head, payload]));
  }

  /** Call Connected with SHA-256, MS-SSTP 2.2.11 and 3.2.5.2; `alter` falsifies what goes into it. */
  sendCallConnected(alter: (parts: BindingParts) => BindingParts = (parts) => parts): void {
    const certificate = this.#socket.getPeerCertificate().raw;
    const parts = alter({
      nonce: this.#nonce,
      certificateHash: createHash('sha256').update(certificate).digest(),
      hlak: this.#hlak,
    });
    const message = hex(`1001 0070 0004 0001 0003 0068 000000 02 ${'00'.repeat(96)}`);
    parts.nonce.copy(message, 16);
    parts.certificateHash.copy(message, 48);
    const seed = Buffer.concat([Buffer.from('SSTP inner method derived CMK', 'latin1'), hex('2000 01')]);
    const cmk = createHmac('sha256', parts.hlak).update(seed).digest();
    createHmac('sha256', cmk).update(message).digest().copy(message, 80);
    this.send(message);
  }

  /** The server's CHAP challenge (RFC 1994 §4.1). */
  async chapChallenge(): Promise<{ id: number; challenge: Buffer }> {
    const { payload } = await this.ppp(CHAP);
    return { id: payload[1] ?? 0, challenge: Buffer.from(payload.subarray(5, 5 + (payload[4] ?? 0))) };
  }

  /** An MS-CHAPv2 Response (RFC 2759 §4), and what the server says to it. */
  async chapRespond(id: number, challenge: Buffer, user: string, password: string): Promise<PppFrame> {
    const peerChallenge = Buffer.alloc(16, 0x5a);
    const input = { authenticatorChallenge: challenge, peerChallenge, name: user, password };
    const { ntResponse, hlak } = mschapv2Answer(input);
    this.#hlak = Buffer.from(hlak);
    const value = Buffer.concat([hex('31'), peerChallenge, Buffer.alloc(8), ntResponse, hex('00')]);
    this.sendPpp(CHAP, packet(0x02, id, Buffer.concat([value, Buffer.from(user)])));
    return this.ppp(CHAP);
  }

  /**
   * Settles LCP, IPCP or IPv6CP both ways: acknowledges what the server asks for, and takes what it suggests.
   *
   * @param options of our Configure-Request, hex
   * @returns the options that the server acknowledged
   */
  async negotiate(protocol: number, options: string): Promise<Buffer> {
    let wanted = hex(options);
    let isOurs = false;
    let isTheirs = false;
    this.sendPpp(protocol, packet(0x01, this.#nextId++, wanted));
    while (!isOurs || !isTheirs) {
      const { payload } = await this.ppp(protocol);
      const body = Buffer.from(payload.subarray(4, payload.readUInt16BE(2)));
      switch (payload[0]) {
        case 0x01: // Configure-Request: taken as it is
          this.sendPpp(protocol, packet(0x02, payload[1] ?? 0, body));
          isTheirs = true;
          break;
        case 0x02:
          isOurs = true;
          break;
        case 0x03: // Configure-Nak: its values
          wanted = body;
          this.sendPpp(protocol, packet(0x01, this.#nextId++, wanted));
          break;
        default:
          throw new Error(`PPP 0x${protocol.toString(16)}: ${payload.toString('hex')}`);
      }
    }
    return wanted;
  }

  /** The next control message of this type; what comes before it is passed over. */
  control(type: number): Promise<ControlMessage> {
    const fits = (each: ControlMessage | PppFrame) => each.kind === 'control' && each.type === type && each;
    return this.#first(`control message ${type}`, fits);
  }

  /** The next frame of this protocol; what comes before it is passed over. */
  ppp(protocol: number): Promise<PppFrame> {
    const fits = (each: ControlMessage | PppFrame) => each.kind === 'ppp' && each.protocol === protocol && each;
    return this.#first(`PPP 0x${protocol.toString(16)}`, fits);
  }

  /** The next packet, undefined at the end of the connection. */
  async next(what: string): Promise<ControlMessage | PppFrame | undefined> {
    await this.#until(() => this.#received.length >= 4 && this.#received.length >= this.#nextLength(), what);
    const length = this.#nextLength();
    if (this.#received.length < 4 || this.#received.length < length) return undefined;
    const bytes = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    if ((bytes[1] ?? 0) & 1) return { kind: 'control', type: bytes.readUInt16BE(4), bytes };
    return { kind: 'ppp', protocol: bytes.readUInt16BE(6), payload: bytes.subarray(8) };
  }

  /** Everything up to where `pattern` ends, as text. */
  async text(pattern: RegExp): Promise<string> {
    await this.#until(() => pattern.test(this.#received.toString('latin1')), String(pattern));
    const text = this.#received.toString('latin1');
    const match = pattern.exec(text);
    if (match === null) throw new Error(`the connection ended with: ${text}`);
    const end = match.index + match[0].length;
    this.#received = this.#received.subarray(end);
    return text.slice(0, end);
  }

  /** Waits for the end of the connection. @returns the packets that came before it */
  async ended(): Promise<(ControlMessage | PppFrame)[]> {
    const packets: (ControlMessage | PppFrame)[] = [];
    for (;;) {
      const next = await this.next('the end of the connection');
      if (next === undefined) return packets;
      packets.push(next);
    }
  }

  /** Waits for the end; what comes before it need not be SSTP. @returns it as text */
  async rest(): Promise<string> {
    await this.#until(() => false, 'the end of the connection');
    return this.#received.toString('latin1');
  }

  /** Closes our half: TLS close_notify and FIN. */
  halfClose(): void {
    this.#socket.end();
  }

  /**
   * Waits until the server ends the session, and plays its part: Terminate-Request and -Ack, Call Disconnect and its Ack.
   *
   * @returns the Call Disconnect
   */
  async endedInOrder(): Promise<ControlMessage> {
    const request = (await this.ppp(LCP)).payload;
    if (request[0] !== 0x05) throw new Error(`no Terminate-Request: ${request.toString('hex')}`);
    this.sendPpp(LCP, packet(0x06, request[1] ?? 0, Buffer.alloc(0)));
    const disconnect = await this.control(CALL_DISCONNECT);
    this.send(hex(CALL_DISCONNECT_ACK));
    await this.ended();
    return disconnect;
  }

  /** Closes our half and waits until the server has closed the other. @returns the packets that still came */
  hangUp(): Promise<(ControlMessage | PppFrame)[]> {
    this.halfClose();
    return this.ended();
  }

  /** As if the cable were cut, but for the RST. */
  destroy(): void {
    this.#socket.destroy();
    this.#below.destroy();
  }

  #first<T>(what: string, fits: (each: ControlMessage | PppFrame) => T | false): Promise<T> {
    const passed: string[] = [];
    const search = async (): Promise<T> => {
      for (;;) {
        const next = await this.next(what);
        if (next === undefined) throw new Error(`the connection ended before ${what}, after ${passed}`);
        const found = fits(next);
        if (found !== false) return found;
        passed.push(
          next.kind === 'control'
            ? next.bytes.toString('hex')
            : `${next.protocol.toString(16)} ${next.payload.toString('hex')}`,
        );
      }
    };
    return within(search(), LIMIT_MS, () => `${what}, after ${passed}`);
  }

  #nextLength(): number {
    return this.#received.length < 4 ? 4 : this.#received.readUInt16BE(2) & 0x0fff;
  }

  async #until(isReady: () => boolean, what: string): Promise<void> {
    const ready = async (): Promise<void> => {
      while (!isReady() && !this.#isOver) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    await within(ready(), LIMIT_MS, () => `${what}; there is ${this.#received.toString('hex').slice(0, 400)}`);
  }
}

/** A PPP control packet: code, identifier, length, body (RFC 1661 §5). */
export function packet(code: number, id: number, body: Buffer): Buffer {
  const head = Buffer.from([code, id, 0, 0]);
  head.writeUInt16BE(4 + body.length, 2);
  return Buffer.concat([head, body]);
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
