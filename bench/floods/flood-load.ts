/**
 * A flood, in a process of its own: `node flood-load.ts JSON`. Opens so many connections a second, each from the next
 * address of the shape, and keeps them until the server ends them. Says `flooding` when it has begun, and for a line
 * `report` how many it has opened and how many the server has ended. Ends after so many seconds, or when it is told to.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls';
import { encodeHttpRequest } from '../../sstp/index.ts';
import { type Kind, type Shape, sourceOf } from './shapes.ts';

export interface FloodSettings {
  readonly kind: Kind;
  readonly shape: Shape;
  readonly host: string;
  readonly port: number;
  /** Connections a second. */
  readonly rate: number;
  readonly seconds: number;
}

export interface FloodReport {
  readonly opened: number;
  readonly ended: number;
}

const settings = JSON.parse(process.argv[2] ?? '') as FloodSettings;
const { kind, shape, host, port, rate, seconds } = settings;
const secureContext = createSecureContext();
const startedAt = performance.now();
/** Of a client's Call Connect Request, MS-SSTP 2.2.9, and PPP frames of CCP, which nobody has agreed on. */
const CALL_CONNECT_REQUEST = Buffer.from('1001000e00010001000100060001', 'hex');
const UNKNOWN = Buffer.concat(Array.from({ length: 500 }, () => Buffer.from('10000008ff0380fd', 'hex')));
/** A ClientHello that never ends, in records of a byte. */
const ONE_BYTE_RECORDS = Buffer.concat([
  ...[0x01, 0x00, 0x3f, 0xfc, 0x03, 0x03].map((byte) => Buffer.from([22, 3, 1, 0, 1, byte])),
]);
const RECORD = Buffer.from([22, 3, 1, 0, 1, 0]);
const TRICKLE_MS = 20;

let opened = 0;
let ended = 0;

/** Of a connection that the server has not taken, TLS would cost memory for nothing, and here are thousands. */
function overTls(raw: Socket, then: (socket: TLSSocket) => void): void {
  raw.once('connect', () => {
    const socket = connectTls({ socket: raw, secureContext, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
    socket.on('error', () => raw.destroy());
    socket.once('secureConnect', () => then(socket));
    socket.resume();
  });
}

function every(raw: Socket, ms: number, work: () => void): void {
  const timer = setInterval(work, ms);
  raw.once('close', () => clearInterval(timer));
}

const DEEDS: Readonly<Record<Kind, (raw: Socket) => unknown>> = {
  'silent TCP': (raw) => raw.resume(),
  'silent TLS': (raw) => overTls(raw, () => {}),
  'half-open SSTP': (raw) => overTls(raw, (socket) => socket.write(encodeHttpRequest(host, '{1}'))),
  'slow POSTs': (raw) =>
    overTls(raw, (socket) => {
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`);
      every(raw, 1_000, () => socket.write('x'));
    }),
  'one-byte ClientHello records': (raw) => {
    raw.resume().once('connect', () => {
      raw.setNoDelay(true);
      raw.write(ONE_BYTE_RECORDS);
      every(raw, TRICKLE_MS, () => raw.write(RECORD));
    });
  },
  'unknown PPP protocols': (raw) =>
    overTls(raw, (socket) => {
      socket.write(encodeHttpRequest(host, '{1}'));
      socket.write(CALL_CONNECT_REQUEST);
      every(raw, TRICKLE_MS, () => {
        if (socket.writableLength < UNKNOWN.length) socket.write(UNKNOWN);
      });
    }),
};

function open(): void {
  const raw = connect({ host, port, localAddress: sourceOf(shape, opened) });
  opened += 1;
  raw.on('error', () => {});
  raw.once('close', () => {
    ended += 1;
  });
  DEEDS[kind](raw);
}

setInterval(() => {
  // What a busy machine was late with comes later, but not all at once.
  const due = Math.min(Math.floor(((performance.now() - startedAt) / 1e3) * rate) - opened, rate / 10);
  for (let i = 0; i < due; i += 1) open();
}, 5);
setTimeout(() => process.exit(), seconds * 1_000);
createInterface({ input: process.stdin }).on('line', () => {
  console.log(JSON.stringify({ opened, ended } satisfies FloodReport));
});
console.log('flooding');
