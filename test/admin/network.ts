/** The admin API as it is on the network, without a network. */
import { createServer } from 'node:http';
import type { TestContext } from 'node:test';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { createAdminApp } from '../../admin/app.ts';
import type { Log, LogFields } from '../../core/index.ts';
import { FakeBackend } from './fake-backend.ts';

export const ACCOUNT = { name: 'ann', password: 'correct horse', version: 1 } as const;
export const HOST = 'vpn.example:8443';

/** Keeps all lines. */
export class LineLog implements Log {
  readonly lines: [event: string, fields: LogFields | undefined][] = [];
  readonly levels: string[] = [];

  debug(event: string, fields?: LogFields): void {
    this.#keep('debug', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#keep('info', event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#keep('warn', event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#keep('error', event, fields);
  }

  child(): Log {
    return this;
  }

  #keep(level: string, event: string, fields: LogFields | undefined): void {
    this.lines.push([event, fields]);
    this.levels.push(level);
  }
}

export class Network {
  readonly backend: FakeBackend = new FakeBackend();
  readonly log: LineLog = new LineLog();
  nowMs = 0;
  #app!: FastifyInstance;

  /** Those that the app has, as `get /v1/users/:name`; HEAD comes with each GET. */
  get routes(): string[] {
    const above: string[] = [];
    return this.#app
      .printRoutes({ commonPrefix: false })
      .split('\n')
      .flatMap((line) => {
        const [, indent = '', path = '', methods = ''] = /^([│├└─ ]*)(\S+) \((.+)\)$/.exec(line) ?? [];
        above.length = Math.max(indent.length / 4 - 1, 0);
        const url = above.join('') + path;
        above.push(path);
        const named = methods.split(', ').filter((method) => method !== '' && method !== 'HEAD');
        return named.map((method) => `${method.toLowerCase()} ${url}`);
      });
  }

  static async open(t: TestContext): Promise<Network> {
    const network = new Network();
    network.backend.account = ACCOUNT;
    network.#app = await createAdminApp({
      backend: network.backend,
      log: network.log,
      network: { createServer: (handler) => createServer(handler), isOwnName: (name) => name === 'vpn.example' },
      clock: { now: () => network.nowMs },
    });
    t.after(() => network.#app.close());
    return network;
  }

  ask(method: string, url: string, options: Partial<InjectOptions> = {}): Promise<LightMyRequestResponse> {
    const headers = { host: HOST, ...options.headers };
    return this.#app.inject({ ...options, method, url, headers } as InjectOptions);
  }

  login(account: { readonly name: string; readonly password: string } = ACCOUNT): Promise<LightMyRequestResponse> {
    const { name, password } = account;
    return this.ask('POST', '/v1/login', { payload: { name, password } });
  }

  /** Headers of somebody who has logged in. */
  async session(): Promise<{ readonly cookie: string; readonly 'x-csrf-token': string }> {
    const answer = await this.login();
    const { csrf } = answer.json<{ csrf: string }>();
    return { cookie: `__Host-sstpd=${answer.cookies[0]?.value}`, 'x-csrf-token': csrf };
  }

  /** Headers of a program with a token. */
  async token(
    ...scopes: Parameters<FakeBackend['tokens']['add']>[0]['scopes']
  ): Promise<{ readonly authorization: string }> {
    const { token } = await this.backend.tokens.add({ name: scopes.join('-'), scopes }, undefined);
    return { authorization: `Bearer ${token}` };
  }
}
