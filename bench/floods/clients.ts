/** How a clean client comes in, by what it speaks: each comes once, and leaves when it is up. */
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { SstpClient } from '../../client/index.ts';
import { systemClock } from '../../core/index.ts';
import { ChunkPool, PlainPath } from '../../datapath/index.ts';
import { MemoryTun } from '../../tun/index.ts';

export interface CleanSettings {
  /** A session of ours with an address, one of ocserv, or the answer to a GET. */
  readonly protocol: 'sstp' | 'anyconnect' | 'https';
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly user: string;
  readonly password: string;
  /** Number of the first new address; those of earlier loads are known by now. */
  readonly first: number;
  /** Over IPv6 new addresses are outside of the flood's network, and known ones inside; IPv4 unless said. */
  readonly family?: 4 | 6;
}

export type Try = { readonly ms: number; readonly failure: string | undefined };

/** As long as people wait. */
const TRY_MS = 10_000;
const AGENT = 'Open AnyConnect VPN Agent v9';

/** @returns comes once from an address of this machine */
export function cleanClient(settings: CleanSettings): (localAddress: string) => Promise<Try> {
  const come = comingOf(settings);
  return async (localAddress) => {
    const startedAt = performance.now();
    const failure = await come(localAddress);
    return { ms: performance.now() - startedAt, failure };
  };
}

function comingOf(settings: CleanSettings): (localAddress: string) => Promise<string | undefined> {
  switch (settings.protocol) {
    case 'sstp':
      return sstpClient(settings);
    case 'anyconnect':
      return (from) => overTls(settings, from, (speak) => signIn(speak, settings));
    case 'https':
      return (from) => overTls(settings, from, visit);
    default:
      return settings.protocol satisfies never;
  }
}

function sstpClient(settings: CleanSettings): (localAddress: string) => Promise<string | undefined> {
  const { host, port, user, password } = settings;
  const caPem = readFileSync(settings.ca, 'utf8');
  const chunks = new ChunkPool();
  return async (localAddress) => {
    const { promise: outcome, resolve: up } = Promise.withResolvers<string | undefined>();
    const client = new SstpClient({
      ...{ host, port, user, password, caPem, methods: ['mschapv2'] as const, clock: systemClock },
      path: new PlainPath({ tun: new MemoryTun(), clock: systemClock, chunks }),
      localAddress,
      onUp: ({ ipv4 }) => {
        if (ipv4 !== undefined) up(undefined);
      },
    });
    void client.ended.then(({ reason, detail }) => up(`${reason}: ${detail}`.slice(0, 100)));
    const timer = setTimeout(() => up('not up in 10 s'), TRY_MS);
    client.start();
    const failure = await outcome;
    clearTimeout(timer);
    client.disconnect('done');
    return failure;
  };
}

/** Sends a request over the one connection; resolves to the answer, headers first. */
type Speak = (request: string) => Promise<string>;

async function visit(speak: Speak): Promise<string | undefined> {
  const answer = await speak('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  return /^HTTP\/1\.1 [23]/.test(answer) ? undefined : firstLine(answer);
}

/** What openconnect sends, in the fewest requests: the name, the password, and the request for the tunnel. */
async function signIn(speak: Speak, { user, password }: CleanSettings): Promise<string | undefined> {
  const post = (field: string, value: string, cookie: string): Promise<string> => {
    const body = `${field}=${encodeURIComponent(value)}`;
    const headers = `Host: x\r\nUser-Agent: ${AGENT}\r\n${cookie}Content-Length: ${body.length}\r\n`;
    return speak(`POST /auth HTTP/1.1\r\n${headers}Content-Type: application/x-www-form-urlencoded\r\n\r\n${body}`);
  };
  const asked = await post('username', user, '');
  const answered = await post('password', password, `Cookie: ${cookieOf(asked, 'webvpncontext')}\r\n`);
  const cookie = cookieOf(answered, 'webvpn');
  if (cookie === '') return firstLine(answered);
  const tunnel = `Host: x\r\nUser-Agent: ${AGENT}\r\nCookie: ${cookie}\r\nX-CSTP-Version: 1\r\nX-CSTP-Address-Type: IPv4\r\n`;
  const connected = await speak(`CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\n${tunnel}X-CSTP-MTU: 1400\r\n\r\n`);
  return /^X-CSTP-Address: /m.test(connected) ? undefined : firstLine(connected);
}

function cookieOf(answer: string, name: string): string {
  return new RegExp(`^Set-Cookie: (${name}=[^;\r\n]+)`, 'm').exec(answer)?.[1] ?? '';
}

function firstLine(answer: string): string {
  return (answer.split('\r\n')[0] ?? '').slice(0, 60);
}

function overTls(
  { host, port }: CleanSettings,
  localAddress: string,
  converse: (speak: Speak) => Promise<string | undefined>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ socket: connectTcp({ host, port, localAddress }), rejectUnauthorized: false });
    const timer = setTimeout(() => socket.destroy(new Error('not up in 10 s')), TRY_MS);
    const end = (failure: string | undefined): void => {
      clearTimeout(timer);
      resolve(failure);
      socket.destroy();
    };
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.once('close', () => end('closed without an answer'));
    socket.once('secureConnect', () => void converse(speaker(socket)).then(end));
  });
}

function speaker(socket: TLSSocket): Speak {
  let text = '';
  let answered: (answer: string) => void = () => {};
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    const length = Number(/^Content-Length: (\d+)/im.exec(text.slice(0, Math.max(0, end)))?.[1] ?? 0);
    if (end === -1 || text.length < end + 4 + length) return;
    const answer = text;
    text = '';
    answered(answer);
  });
  return (request) =>
    new Promise((resolve) => {
      answered = resolve;
      socket.write(request);
    });
}
