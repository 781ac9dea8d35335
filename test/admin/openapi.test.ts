import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
// The one that Fastify checks requests with; here it checks answers.
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { SCOPES } from '../../core/index.ts';
import { ATTEMPT, SESSION, storeError } from './fake-backend.ts';
import { Network } from './network.ts';

interface Operation {
  readonly summary?: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

/** Every route, who may ask it, and what it is asked with. */
const ROUTES = [
  ['get', '/v1/openapi.json', 'public'],
  ['get', '/v1/login', 'public'],
  ['post', '/v1/login', 'public', { name: 'ann', password: 'correct horse' }],
  ['get', '/v1/status', 'read'],
  ['get', '/v1/config', 'read'],
  ['get', '/v1/certificates', 'read'],
  ['get', '/v1/health', 'read'],
  ['get', '/v1/sessions', 'read'],
  ['delete', '/v1/sessions/{id}', 'sessions'],
  ['get', '/v1/throttle', 'read'],
  ['post', '/v1/throttle/lift', 'users', { target: 'ann', seconds: 60 }],
  ['get', '/v1/attempts', 'read'],
  ['get', '/v1/attempts/{id}', 'read'],
  ['get', '/v1/users', 'read'],
  ['get', '/v1/users/{name}/profile', 'read'],
  ['get', '/metrics', 'metrics'],
  ['post', '/v1/users', 'users', { name: 'bob', password: 'x', ipv4: '10.0.0.9', groups: ['staff'] }],
  ['patch', '/v1/users/{name}', 'users', { ipv4: null, groups: [] }],
  ['delete', '/v1/users/{name}', 'users'],
  ['get', '/v1/admins', 'admin'],
  ['get', '/v1/tokens', 'admin'],
  ['post', '/v1/tokens', 'admin', { name: 'backup', scopes: ['read'] }],
  ['delete', '/v1/tokens/{id}', 'admin'],
  ['delete', '/v1/login', 'public'],
] as const;

const IS_PAGE = /^get \/(?:$|assets\/)/;

async function describedNetwork(t: TestContext): Promise<{ network: Network; document: { paths: Paths } }> {
  const network = await Network.open(t);
  network.backend.open.push(SESSION);
  network.backend.known.push(ATTEMPT);
  return { network, document: (await network.ask('GET', '/v1/openapi.json')).json() };
}

test('the description is OpenAPI 3.1, without a mistake', async (t) => {
  const { document } = await describedNetwork(t);
  const validator = new Validator();
  const result = await validator.validate(structuredClone(document));
  assert.deepEqual(result.valid, true, JSON.stringify(result.errors));
  assert.equal(validator.version, '3.1');
});

test('each route is described, with a summary, a tag, and the scope that it needs', async (t) => {
  const { network, document } = await describedNetwork(t);
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      assert.ok(operation.summary, path);
      const scope = operation.security.find((way) => 'token' in way)?.token?.[0] ?? 'public';
      return `${method} ${path} ${scope}`;
    }),
  );
  assert.deepEqual(described.sort(), ROUTES.map(([method, path, scope]) => `${method} ${path} ${scope}`).sort());
  const data = network.routes.filter((route) => !IS_PAGE.test(route));
  assert.deepEqual(
    data.map((route) => route.replace(/:(\w+)/, '{$1}')).sort(),
    ROUTES.map(([method, path]) => `${method} ${path}`).sort(),
  );
});

test('the scope that is described is the one that is checked', async (t) => {
  const { network } = await describedNetwork(t);
  for (const [method, path, scope, payload] of ROUTES) {
    if (scope === 'public') continue;
    const others = SCOPES.filter((one) => one !== scope);
    const ask = async (headers: object): Promise<number> =>
      (await network.ask(method.toUpperCase(), url(path), { headers: { ...headers }, ...body(payload) })).statusCode;
    assert.equal(await ask(await network.token(...others)), 403, `${method} ${path}`);
    // With one more, which the new token asks for.
    assert.notEqual(await ask(await network.token(scope, 'read')), 403, `${method} ${path}`);
    assert.equal(await ask({}), 401, `${method} ${path}`);
  }
});

test('each answer is as described, and so is each refusal', async (t) => {
  const { network, document } = await describedNetwork(t);
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  let headers: Record<string, string> = {};
  const check = async (method: string, path: string, payload: object | undefined, to = url(path)): Promise<number> => {
    const answer = await network.ask(method.toUpperCase(), to, { headers, ...body(payload) });
    const { responses } = document.paths[path]?.[method] ?? assert.fail(path);
    const status = String(answer.statusCode);
    const response = responses[status] ?? responses[`${status[0]}XX`] ?? assert.fail(`${method} ${path}: ${status}`);
    const schema = response.content?.['application/json']?.schema;
    const type = String(answer.headers['content-type']).split(';', 1)[0] ?? '';
    if (type === 'text/plain') assert.ok(response.content?.[type], path);
    else if (schema === undefined) assert.equal(answer.body, '', path);
    else assert.ok(ajv.validate(schema, answer.json()), `${method} ${path} ${status}: ${JSON.stringify(ajv.errors)}`);
    return answer.statusCode;
  };
  for (const [method, path, , payload] of ROUTES) {
    if (method === 'post' && path === '/v1/login') headers = {};
    const status = await check(method, path, payload);
    assert.ok(status < 300, `${method} ${path}: ${status}`);
    if (method === 'post' && path === '/v1/login') headers = await network.session();
  }
  headers = await network.session();
  network.backend.failure = storeError('ERR_USER_STORE', 'the disk is full');
  for (const [method, path, , payload] of ROUTES) {
    // Ids that nobody has, and a body with too much in it.
    const status = await check(method, path, payload && { ...payload, more: 1 }, url(path, 'nobody'));
    if (payload !== undefined) assert.equal(status, 400, path);
    if (path.includes('{') && payload === undefined) assert.ok(status === 404 || status === 503, path);
    if (path === '/v1/login') headers = await network.session();
  }
  headers = {};
  for (const [method, path, scope, payload] of ROUTES) {
    if (scope !== 'public') assert.equal(await check(method, path, payload), 401, path);
  }
});

function url(path: string, id?: string): string {
  if (path.startsWith('/v1/sessions/')) return `/v1/sessions/${id ?? SESSION.id}`;
  if (path.startsWith('/v1/attempts/')) return `/v1/attempts/${id ?? ATTEMPT.id}`;
  if (path.startsWith('/v1/tokens/')) return `/v1/tokens/${id ?? 'backup'}`;
  return path.replace('{name}', id ?? 'bob');
}

function body(payload: object | undefined): { payload?: object } {
  return payload === undefined ? {} : { payload };
}
