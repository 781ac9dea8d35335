import { request } from 'node:http';
import type { ProfileFacts } from '../profile/index.ts';
import type { TokenView } from './access-backend.ts';
import type {
  AttemptList,
  AttemptQuery,
  AttemptView,
  CertificateView,
  ConfigView,
  LiftRequest,
  NewUser,
  SessionView,
  StatusView,
  ThrottleView,
  UserChange,
  UserView,
} from './backend.ts';
import { adminSocketPath } from './socket.ts';

/** The server refused or could not be asked; `code` is the API's, or ERR_ADMIN_CLIENT. The message is one line. */
export class AdminClientError extends Error {
  override readonly name = 'AdminClientError';
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const TIMEOUT_MS = 10_000;
/** 10,000 sessions are about 4 MB. */
const MOST_ANSWER_BYTES = 67_108_864;

/** The admin API of a running server. Each method rejects with an `AdminClientError`. */
export class AdminClient {
  readonly #socketPath: string;
  /** As it was when the client connected. */
  readonly status: StatusView;

  private constructor(socketPath: string, status: StatusView) {
    this.#socketPath = socketPath;
    this.status = status;
  }

  /**
   * @returns undefined if no server runs on that data directory
   * @throws {AdminClientError} if one runs, but this account may not ask it, or it does not answer
   */
  static async connect(dataDirectory: string): Promise<AdminClient | undefined> {
    const socketPath = adminSocketPath(dataDirectory);
    try {
      return new AdminClient(socketPath, (await call(socketPath, 'GET', '/v1/status')) as StatusView);
    } catch (error) {
      const cause = error instanceof AdminClientError ? error.cause : undefined;
      const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
      if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') return undefined;
      if (code === 'EACCES' || code === 'EPERM') {
        throw new AdminClientError('ERR_ADMIN_CLIENT', `no permission to open ${socketPath}: run this as root`);
      }
      throw error;
    }
  }

  async config(): Promise<ConfigView[]> {
    return (await call(this.#socketPath, 'GET', '/v1/config')) as ConfigView[];
  }

  async sessions(): Promise<SessionView[]> {
    return (await call(this.#socketPath, 'GET', '/v1/sessions')) as SessionView[];
  }

  /** In the text format of Prometheus. */
  async metrics(): Promise<string> {
    const { status, text } = await exchange(this.#socketPath, 'GET', '/metrics');
    return status === 200 ? text : String(answer(status, text));
  }

  async killSession(id: string): Promise<void> {
    await call(this.#socketPath, 'DELETE', `/v1/sessions/${encodeURIComponent(id)}`);
  }

  async throttle(): Promise<ThrottleView[]> {
    return (await call(this.#socketPath, 'GET', '/v1/throttle')) as ThrottleView[];
  }

  async liftThrottle(request: LiftRequest): Promise<void> {
    await call(this.#socketPath, 'POST', '/v1/throttle/lift', request);
  }

  async attempts(query: AttemptQuery = {}): Promise<AttemptList> {
    const words = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    return (await call(this.#socketPath, 'GET', `/v1/attempts?${words.join('&')}`)) as AttemptList;
  }

  /** @param id of the attempt, or its correlation id */
  async attempt(id: string): Promise<AttemptView> {
    return (await call(this.#socketPath, 'GET', `/v1/attempts/${encodeURIComponent(id)}`)) as AttemptView;
  }

  /** @param host instead of the best name in the certificate */
  async profile(user: string, host: string | undefined): Promise<ProfileFacts> {
    const query = host === undefined ? '' : `?host=${encodeURIComponent(host)}`;
    return (await call(
      this.#socketPath,
      'GET',
      `/v1/users/${encodeURIComponent(user)}/profile${query}`,
    )) as ProfileFacts;
  }

  async certificates(): Promise<CertificateView[]> {
    return (await call(this.#socketPath, 'GET', '/v1/certificates')) as CertificateView[];
  }

  async tokens(): Promise<TokenView[]> {
    return (await call(this.#socketPath, 'GET', '/v1/tokens')) as TokenView[];
  }

  async users(): Promise<UserView[]> {
    return (await call(this.#socketPath, 'GET', '/v1/users')) as UserView[];
  }

  async addUser(user: NewUser): Promise<UserView> {
    return (await call(this.#socketPath, 'POST', '/v1/users', user)) as UserView;
  }

  async setUser(name: string, change: UserChange): Promise<UserView> {
    return (await call(this.#socketPath, 'PATCH', `/v1/users/${encodeURIComponent(name)}`, change)) as UserView;
  }

  async removeUser(name: string): Promise<void> {
    await call(this.#socketPath, 'DELETE', `/v1/users/${encodeURIComponent(name)}`);
  }
}

async function call(socketPath: string, method: string, path: string, body?: object): Promise<unknown> {
  const { status, text } = await exchange(socketPath, method, path, body);
  return answer(status, text);
}

/** One request on a connection of its own. */
function exchange(
  socketPath: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      reject(new AdminClientError('ERR_ADMIN_CLIENT', `the server at ${socketPath}: ${cause.message}`, { cause }));
    };
    const outgoing = request({
      socketPath,
      method,
      path,
      agent: false,
      headers: { host: 'localhost', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    });
    outgoing.setTimeout(TIMEOUT_MS, () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    outgoing.on('error', fail);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MOST_ANSWER_BYTES) outgoing.destroy(new Error('its answer is too long'));
        else chunks.push(chunk);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function answer(status: number, text: string): unknown {
  let value: unknown;
  try {
    value = text === '' ? undefined : JSON.parse(text);
  } catch {
    throw new AdminClientError(
      'ERR_ADMIN_CLIENT',
      `the server answered with HTTP ${status} and something other than JSON`,
    );
  }
  if (status >= 200 && status < 300) return value;
  if (typeof value === 'object' && value !== null && 'error' in value && 'message' in value) {
    throw new AdminClientError(String(value.error), String(value.message));
  }
  throw new AdminClientError('ERR_ADMIN_CLIENT', `the server answered with HTTP ${status}`);
}
