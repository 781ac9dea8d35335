/** Whoever asks the admin API over the network, through a door into a client's namespace. */
import { request } from 'node:https';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { SERVER, type VpnLab } from './vpn-lab.ts';

export const ADMIN_PORT = 8443;

export interface ApiAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  /** The text as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  readonly body: any;
  readonly certificate: PeerCertificate;
}

export interface ApiQuestion {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown;
}

export class AdminApi {
  readonly #door: string;
  /** Of who has logged in, or has a token. */
  headers: Readonly<Record<string, string>> = {};

  private constructor(door: string) {
    this.#door = door;
  }

  /** @param from the client's number */
  static async at(lab: VpnLab, from = 0): Promise<AdminApi> {
    return new AdminApi(await lab.door(from, ADMIN_PORT));
  }

  /** Each on a connection of its own. */
  ask(method: string, path: string, { headers = {}, body }: ApiQuestion = {}): Promise<ApiAnswer> {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = request({
        socketPath: this.#door,
        // It is the certificate itself that tests look at.
        rejectUnauthorized: false,
        agent: false,
        method,
        path,
        headers: {
          host: `${SERVER}:${ADMIN_PORT}`,
          ...(text === undefined ? {} : { 'content-type': 'application/json' }),
          ...this.headers,
          ...headers,
        },
      });
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        const certificate = (response.socket as TLSSocket).getPeerCertificate();
        const chunks: Buffer[] = [];
        response.on('error', reject);
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const said = Buffer.concat(chunks).toString();
          const isJson = response.headers['content-type']?.startsWith('application/json');
          const { statusCode: status = 0, headers: got } = response;
          resolve({ status, headers: got, text: said, body: isJson ? JSON.parse(said) : undefined, certificate });
        });
      });
      outgoing.end(text);
    });
  }

  /** Logs in, and keeps cookie and CSRF token. */
  async login(name: string, password: string): Promise<ApiAnswer> {
    this.headers = {};
    const answer = await this.ask('POST', '/v1/login', { body: { name, password } });
    const cookie = String(answer.headers['set-cookie'] ?? '').split(';', 1)[0] ?? '';
    if (answer.status === 200) this.headers = { cookie, 'x-csrf-token': answer.body.csrf };
    return answer;
  }
}
