/** Whether each port can be had, and answers on each address of this machine. */
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { connect as tlsConnect } from 'node:tls';
import { type Finding, fine, formatEndpoint, problem, warning } from '../../../core/index.ts';
import { ListenError, lacksAddress, listenError } from '../../../tls/index.ts';
import type { Config, ListenAddress } from '../../config/index.ts';

const ANSWER_MS = 3_000;
/** Each address is asked; a router with more has something else to look after. */
const MOST_ADDRESSES = 64;
const CAVEAT = 'a firewall or router in front of this machine can not be seen from here';

interface Place {
  readonly host: string;
  readonly port: number;
}

/**
 * Without a server: takes each port for a moment, and connects to it.
 *
 * @param later what is opened when the TUN devices are up, perhaps on their address
 */
export async function examineFreePorts(
  listen: readonly ListenAddress[],
  later: readonly ListenAddress[] = [],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const place of [...listen, ...later]) {
    const { host, port } = place;
    const check = `port ${formatEndpoint(host ?? '*', port)}`;
    try {
      const server = await hold(host, port);
      const bound = server.address();
      const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
      findings.push(await ask(check, placesOf(host, actual), answersTcp));
      server.close();
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      // "cannot listen on …: cause; remedy"
      const [text = error.message, ...remedy] = error.message.split('; ');
      if (later.includes(place) && lacksAddress(error)) {
        findings.push(
          warning(check, text, "it must be the server's own address in the pool, which it gets at the start"),
        );
      } else findings.push(problem(check, text, remedy.join('; ') || 'choose another with --listen'));
    }
  }
  return findings;
}

/**
 * With a server: connects to it as a browser would, which leaves no record of an attempt.
 *
 * @param listening as the server says, `ADDRESS:PORT`
 * @param isProxy who must start with a PROXY header: that may be this machine
 * @param fingerprint SHA-256 of the certificate that it should show, as in `X509Certificate.fingerprint256`
 */
export async function examineServedPorts(
  listening: readonly string[],
  fingerprint: string | undefined,
  isProxy?: (address: string) => boolean,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const endpoint of listening) {
    const match = /^\[?(.+?)\]?:(\d+)$/.exec(endpoint);
    if (match === null) continue;
    const host = match[1] === '::' ? undefined : match[1];
    const seen = new Set<string>();
    const found = await ask(`port ${endpoint}`, placesOf(host, Number(match[2])), async (place) => {
      const shown = await answersTls(place, isProxy);
      if ('fingerprint' in shown) seen.add(shown.fingerprint);
      return 'fault' in shown ? shown.fault : undefined;
    });
    findings.push(found);
    if (fingerprint === undefined || found.result !== 'ok' || [...seen].every((one) => one === fingerprint)) continue;
    const text = `at ${endpoint} the server shows another certificate than the one in the files`;
    findings.push(warning('certificate served', text, 'restart the server, so that it reads them'));
  }
  return findings;
}

/** The port of the admin page, where no proxy is in front; none if there is to be none, or the kernel chose it. */
export async function examineAdminPort(
  { admin }: Pick<Config, 'admin'>,
  fingerprint: string | undefined,
): Promise<Finding[]> {
  const { listen } = admin;
  if (listen === undefined || listen.port === 0) return [];
  return examineServedPorts([formatEndpoint(listen.host, listen.port)], fingerprint);
}

async function ask(
  check: string,
  places: readonly Place[],
  answers: (place: Place) => Promise<string | undefined>,
): Promise<Finding> {
  const asked = await Promise.all(places.map(async (place) => ({ place, fault: await answers(place) })));
  const silent = asked.filter(({ fault }) => fault !== undefined);
  const name = ({ host, port }: Place): string => formatEndpoint(host, port);
  if (silent.length === 0) return fine(check, `answers at ${places.map(name).join(', ')}; ${CAVEAT}`);
  const list = silent.map(({ place, fault }) => `${name(place)}: ${fault}`).join('; ');
  const fix = "see this machine's own firewall: nft list ruleset";
  return problem(check, `does not answer on each address of this machine (${list})`, fix);
}

/** The addresses that a listener takes; for all of them, those of the machine that a client could dial. */
export function placesOf(
  host: string | undefined,
  port: number,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): Place[] {
  if (host !== undefined && host !== '0.0.0.0') return [{ host, port }];
  const own = Object.values(interfaces)
    .flatMap((list) => list ?? [])
    .filter(({ family }) => host === undefined || family === 'IPv4')
    .filter(({ address }) => !address.toLowerCase().startsWith('fe80:'))
    .filter(({ internal, address }) => !internal || !/^(?:127\.|::1$)/.test(address))
    .map(({ address }) => address);
  // The devices of all workers have the server's own address in the pool.
  const hosts = own.length > 0 ? [...new Set(own)].slice(0, MOST_ADDRESSES) : ['127.0.0.1'];
  return hosts.map((address) => ({ host: address, port }));
}

async function hold(host: string | undefined, port: number): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).end());
  const listen = async (on: string): Promise<void> => {
    server.listen({ host: on, port, exclusive: true });
    await once(server, 'listening');
  };
  try {
    await listen(host ?? '::').catch((error: NodeJS.ErrnoException) => {
      const withoutIpv6 = error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL';
      if (host !== undefined || !withoutIpv6) throw error;
      return listen('0.0.0.0');
    });
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, host, port);
  }
  return server;
}

function answersTcp({ host, port }: Place): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ANSWER_MS });
    const end = (fault: string | undefined): void => {
      socket.destroy();
      resolve(fault);
    };
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end(`no answer within ${ANSWER_MS / 1000} s`));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

/** Version 2, LOCAL: a proxy's look whether we are there. */
const HEALTH_CHECK = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');

function answersTls(
  { host, port }: Place,
  isProxy: ((address: string) => boolean) | undefined,
): Promise<{ fingerprint: string } | { fault: string }> {
  return new Promise((resolve) => {
    const raw = connect({ host, port });
    raw.once('connect', () => isProxy?.(raw.localAddress ?? '') === true && raw.write(HEALTH_CHECK));
    // The certificate is judged by other checks; here it counts that one is shown.
    const socket = tlsConnect({ socket: raw, rejectUnauthorized: false });
    const timer = setTimeout(() => end(`no answer within ${ANSWER_MS / 1000} s`), ANSWER_MS);
    let fingerprint = '';
    const end = (fault?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      raw.destroy();
      resolve(fault === undefined ? { fingerprint } : { fault });
    };
    socket.once('secureConnect', () => {
      fingerprint = socket.getPeerCertificate().fingerprint256;
      socket.write(`GET / HTTP/1.1\r\nHost: ${formatEndpoint(host, port)}\r\nConnection: close\r\n\r\n`);
    });
    socket.once('data', () => end());
    socket.once('close', () => end('the connection was closed'));
    for (const each of [raw, socket])
      each.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
